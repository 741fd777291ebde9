/** The cluster that every runtime serves: a host for each backend, and listeners for HTTP, HTTPS and clients' certificates. */
import { compile } from "../../src/compile/index.ts";
import { backendYaml, edgeYaml, policyYaml } from "../support/manifests.ts";
import type { startServers } from "../last-hop/servers.ts";
import { SNI } from "../last-hop/suite.ts";
import { type Minted, mintLeaf } from "../support/pki.ts";
import type { Backends } from "./backends.ts";

/** The compiled cluster. */
export interface Cluster {
  readonly bundle: string;
  readonly secrets: string;
  /** A bundle in which the host `plain.example.com` is renamed to `renamed.example.com`. */
  readonly next: string;
  /** The CA of the listeners' certificates, and of clients' certificates on port 8443. */
  readonly root: Minted;
}

/** The listeners' ports. Clients must have a certificate on 8443, and may have one on 8444. */
export const PORTS = [80, 443, 8443, 8444] as const;

/** The names of servers of test/last-hop whose chain is refused, with the code. */
export const REFUSED = {
  "unknown-ca": "unknown-ca",
  "self-signed": "unknown-ca",
  substituted: "unknown-ca",
  "name-mismatch": "name-mismatch",
  expired: "expired",
  "not-yet-valid": "not-yet-valid",
  "wrong-usage": "wrong-usage",
  "not-a-ca": "not-a-ca",
} as const;

/** Compiles the cluster. */
export async function makeCluster(
  { root, ports }: Backends,
  { fixtures }: Awaited<ReturnType<typeof startServers>>,
): Promise<Cluster> {
  const edge = await mintLeaf({ issuer: root, dns: ["edge.internal"], usages: ["client"] });
  const exact = await mintLeaf({ issuer: root, dns: ["a.example.com"] });
  const wildcard = await mintLeaf({ issuer: root, dns: ["*.example.com"] });
  const secured = (name: string, port: number | undefined): string =>
    backendYaml("test", name, port) + policyYaml("test", name, SNI);
  const manifests = [
    edgeYaml("test", `${fixtures.anchorPem}\n${root.certPem}`).replace("listeners: [", LISTENERS),
    secretYaml("edge", edge),
    secretYaml("exact", exact),
    secretYaml("wildcard", wildcard),
    ROUTES,
    ...["good", "rsa", ...Object.keys(REFUSED)].map((name) => secured(name, fixtures.ports[name])),
    secured("h1", ports.h1),
    secured("h2", ports.h2),
    secured("mutual", ports.mutual),
    backendYaml("test", "h2c", ports.h2c, "kubernetes.io/h2c"),
    backendYaml("test", "plain", ports.plain),
  ].join("");
  const first = compiled(manifests);
  const next = compiled(manifests.replace("[plain.example.com]", "[renamed.example.com]"));
  return { ...first, next: next.bundle, root };
}

function compiled(text: string): { bundle: string; secrets: string } {
  const { text: bundle, secrets, diagnostics } = compile([{ file: "cluster.yaml", text }], { allowLoopback: true });
  if (bundle === null || secrets === null || diagnostics.length > 0)
    throw new Error(diagnostics.map(({ message }) => message).join("\n"));
  return { bundle, secrets };
}

const LISTENERS = `tls:
    backend: { clientCertificateRef: { name: edge } }
    frontend:
      default: {}
      perPort:
        - { port: 8443, tls: { validation: { caCertificateRefs: [{ group: "", kind: ConfigMap, name: ca }] } } }
        - port: 8444
          tls:
            validation:
              mode: AllowInsecureFallback
              caCertificateRefs: [{ group: "", kind: ConfigMap, name: ca }]
  listeners: [
    { name: exact, protocol: HTTPS, port: 443, hostname: a.example.com, tls: { certificateRefs: [{ name: exact }] } },
    { name: wild, protocol: HTTPS, port: 443, hostname: "*.example.com", tls: { certificateRefs: [{ name: wildcard }] } },
    { name: known, protocol: HTTPS, port: 8443, tls: { certificateRefs: [{ name: wildcard }] } },
    { name: maybe, protocol: HTTPS, port: 8444, tls: { certificateRefs: [{ name: wildcard }] } },
    `;

const ROUTES = `---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: { name: rules, namespace: test }
spec:
  parentRefs: [{ name: edge }]
  hostnames: [rules.example.com, a.example.com]
  rules:
    - matches: [{ path: { value: /mirrored } }]
      filters: [{ type: RequestMirror, requestMirror: { backendRef: { name: plain, port: 443 } } }]
      backendRefs: [{ name: h2, port: 443 }]
    - matches: [{ path: { value: /flaky } }]
      retry: { codes: [503], attempts: 2, backoff: 10ms }
      backendRefs: [{ name: h1, port: 443 }]
    - matches: [{ path: { value: /silent } }]
      timeouts: { request: 300ms }
      backendRefs: [{ name: h1, port: 443 }]
    - backendRefs: [{ name: h1, port: 443 }]
`;

const base64 = (text: string): string => Buffer.from(text).toString("base64");

const secretYaml = (name: string, { chainPem, keyPem }: Minted): string => `---
apiVersion: v1
kind: Secret
metadata: { name: ${name}, namespace: test }
type: kubernetes.io/tls
data: { tls.crt: ${base64(chainPem)}, tls.key: ${base64(keyPem)} }
`;
