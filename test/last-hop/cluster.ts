/** A cluster for the last-hop servers, as an operator would write it. */
import { type Fixtures, SNI } from "./suite.ts";

/** Host `NAME.example.com` goes to server NAME under a policy for `SNI`. */
export function clusterYaml({ ports, anchorPem }: Fixtures, names: readonly string[]): string {
  return `
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: { name: lasthop }
spec: { controllerName: lasthop.dev/gateway-controller }
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: { name: edge, namespace: test }
spec:
  gatewayClassName: lasthop
  listeners: [{ name: http, protocol: HTTP, port: 80 }]
---
apiVersion: v1
kind: ConfigMap
metadata: { name: ca, namespace: test }
data: ${JSON.stringify({ "ca.crt": anchorPem })}
${names
  .map(
    (name) => `---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: { name: ${name}, namespace: test }
spec:
  parentRefs: [{ name: edge }]
  hostnames: [${name}.example.com]
  rules: [{ backendRefs: [{ name: ${name}, port: 443 }] }]
---
apiVersion: v1
kind: Service
metadata: { name: ${name}, namespace: test }
spec: { ports: [{ name: https, port: 443 }] }
---
apiVersion: gateway.networking.k8s.io/v1
kind: BackendTLSPolicy
metadata: { name: ${name}, namespace: test }
spec:
  targetRefs: [{ group: "", kind: Service, name: ${name} }]
  validation:
    hostname: ${SNI}
    caCertificateRefs: [{ group: "", kind: ConfigMap, name: ca }]
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: { name: ${name}-1, namespace: test, labels: { kubernetes.io/service-name: ${name} } }
addressType: IPv4
endpoints: [{ addresses: [127.0.0.1], conditions: { ready: true } }]
ports: [{ name: https, port: ${ports[name]}, protocol: TCP }]
`,
  )
  .join("")}`;
}
