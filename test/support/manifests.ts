/** Manifests that tests and benchmarks put their clusters together from; YAML documents, each but the first begun by `---`. */

/** GatewayClass, Gateway `edge` with a listener on port 80, and ConfigMap `ca`. */
export const edgeYaml = (namespace: string, caPem: string): string => `
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: { name: lasthop }
spec: { controllerName: lasthop.dev/gateway-controller }
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: { name: edge, namespace: ${namespace} }
spec:
  gatewayClassName: lasthop
  listeners: [{ name: http, protocol: HTTP, port: 80 }]
---
apiVersion: v1
kind: ConfigMap
metadata: { name: ca, namespace: ${namespace} }
data: ${JSON.stringify({ "ca.crt": caPem })}
`;

/** Host `NAME.example.com` goes to Service NAME, which is `port` on loopback and speaks `appProtocol`. */
export const backendYaml = (
  namespace: string,
  name: string,
  port: number | undefined,
  appProtocol = "http",
): string => `---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: { name: ${name}, namespace: ${namespace} }
spec:
  parentRefs: [{ name: edge }]
  hostnames: [${name}.example.com]
  rules: [{ backendRefs: [{ name: ${name}, port: 443 }] }]
---
apiVersion: v1
kind: Service
metadata: { name: ${name}, namespace: ${namespace} }
spec: { ports: [{ name: https, port: 443, appProtocol: ${appProtocol} }] }
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: { name: ${name}-1, namespace: ${namespace}, labels: { kubernetes.io/service-name: ${name} } }
addressType: IPv4
endpoints: [{ addresses: [127.0.0.1], conditions: { ready: true } }]
ports: [{ name: https, port: ${port}, protocol: TCP }]
`;

/** A policy for Service NAME that trusts ConfigMap `ca`; further fields of `spec` may follow. */
export const policyYaml = (namespace: string, name: string, sni: string): string => `---
apiVersion: gateway.networking.k8s.io/v1
kind: BackendTLSPolicy
metadata: { name: ${name}, namespace: ${namespace} }
spec:
  targetRefs: [{ group: "", kind: Service, name: ${name} }]
  validation:
    hostname: ${sni}
    caCertificateRefs: [{ group: "", kind: ConfigMap, name: ca }]
`;
