/**
 * The manifests of a benchmark's bundle: for each kind of backend a Service, a route and, for TLS, a policy; and a route
 * for Host `redirect.example.com`, to which the gateway answers itself.
 */
import { backendYaml, edgeYaml, policyYaml } from "../test/support/manifests.ts";

/** A backend: TLS with HTTP/1.1 or HTTP/2, or plaintext. Requests for Host `KIND.example.com` go to it. */
export type BackendKind = "h1" | "h2" | "plain";

/** The name in the certificates, which the policies use as hostname. */
export const SNI = "backend.internal";

const ALPN: Readonly<Record<BackendKind, string | null>> = { h1: "http/1.1", h2: "h2", plain: null };

/** The manifests as YAML, with a backend for each of `ports`. `ciphers`: the policies' option, or null for none. */
export function clusterYaml(
  caPem: string,
  ports: Readonly<Partial<Record<BackendKind, number>>>,
  ciphers: string | null = null,
): string {
  const backends = (Object.entries(ports) as [BackendKind, number][]).map(([name, port]) => {
    const alpn = ALPN[name];
    const policy = policyYaml("bench", name, SNI);
    const options = `lasthop.dev/alpn: ${alpn}${ciphers === null ? "" : `, lasthop.dev/ciphers: ${ciphers}`}`;
    return backendYaml("bench", name, port) + (alpn === null ? "" : `${policy}  options: { ${options} }\n`);
  });
  return edgeYaml("bench", caPem) + REDIRECT + backends.join("");
}

const REDIRECT = `---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: { name: redirect, namespace: bench }
spec:
  parentRefs: [{ name: edge }]
  hostnames: [redirect.example.com]
  rules: [{ filters: [{ type: RequestRedirect, requestRedirect: { hostname: example.com } }] }]
`;
