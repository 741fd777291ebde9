/**
 * The manifests of a benchmark's bundle: for each kind of backend a Service, its route, and over TLS a policy. Host
 * `redirect.example.com` is answered by the gateway itself.
 */
import type { BackendKind } from "./stage.ts";

/** The certificates' name, and the policies' SNI. */
export const SNI = "backend.internal";

const ALPN: Readonly<Record<BackendKind, string | null>> = { h1: "http/1.1", h2: "h2", plain: null };

export function clusterYaml(caPem: string, ports: Readonly<Partial<Record<BackendKind, number>>>): string {
  return `
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: { name: lasthop }
spec: { controllerName: lasthop.dev/gateway-controller }
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: { name: edge, namespace: bench }
spec:
  gatewayClassName: lasthop
  listeners: [{ name: http, protocol: HTTP, port: 80 }]
---
apiVersion: v1
kind: ConfigMap
metadata: { name: ca, namespace: bench }
data: ${JSON.stringify({ "ca.crt": caPem })}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: { name: redirect, namespace: bench }
spec:
  parentRefs: [{ name: edge }]
  hostnames: [redirect.example.com]
  rules: [{ filters: [{ type: RequestRedirect, requestRedirect: { hostname: example.com } }] }]
${Object.entries(ports)
  .map(([name, port]) => service(name, port) + policy(name, ALPN[name as BackendKind]))
  .join("")}`;
}

const service = (name: string, port: number): string => `---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: { name: ${name}, namespace: bench }
spec:
  parentRefs: [{ name: edge }]
  hostnames: [${name}.example.com]
  rules: [{ backendRefs: [{ name: ${name}, port: 443 }] }]
---
apiVersion: v1
kind: Service
metadata: { name: ${name}, namespace: bench }
spec: { ports: [{ name: http, port: 443 }] }
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: { name: ${name}-1, namespace: bench, labels: { kubernetes.io/service-name: ${name} } }
addressType: IPv4
endpoints: [{ addresses: [127.0.0.1], conditions: { ready: true } }]
ports: [{ name: http, port: ${port}, protocol: TCP }]
`;

const policy = (name: string, alpn: string | null): string =>
  alpn === null
    ? ""
    : `---
apiVersion: gateway.networking.k8s.io/v1
kind: BackendTLSPolicy
metadata: { name: ${name}, namespace: bench }
spec:
  targetRefs: [{ group: "", kind: Service, name: ${name} }]
  validation:
    hostname: ${SNI}
    caCertificateRefs: [{ group: "", kind: ConfigMap, name: ca }]
  options: { lasthop.dev/alpn: ${alpn} }
`;
