/** A backend that wants a client certificate, behind a Gateway that presents one and has an HTTPS listener too. */
import { createServer } from "node:https";
import type { TLSSocket } from "node:tls";
import { compile } from "../../src/compile/index.ts";
import { listen } from "../support/listen.ts";
import { mintCa, mintLeaf } from "../support/pki.ts";
import { clusterYaml } from "./cluster.ts";
import type { ProvidedContext } from "vitest";
import { SNI } from "./suite.ts";

const CLIENT = "edge.internal";

interface Mutual {
  readonly manifests: string;
  readonly fixtures: ProvidedContext["mutual"];
  readonly close: () => Promise<void>;
}

/** Starts the backend and compiles the bundle. */
export async function startMutual(): Promise<Mutual> {
  const root = await mintCa({ name: "mutual root" });
  const [leaf, client] = [
    await mintLeaf({ issuer: root, dns: [SNI] }),
    await mintLeaf({ issuer: root, dns: [CLIENT], usages: ["client", "server"] }),
  ];
  const secure = { key: leaf.keyPem, cert: leaf.chainPem, ca: root.certPem, requestCert: true };
  const server = createServer(secure, (request, response) => {
    response.end((request.socket as TLSSocket).getPeerCertificate().subjectaltname);
  });
  const servers = { ports: { mutual: await listen(server) }, anchorPem: root.certPem };
  const cluster = clusterYaml({ ...servers, controlPort: 0, anchor: "", goodNotAfterMs: 0, nowMs: 0 }, [
    "mutual",
  ]).replace(
    "listeners: [",
    `tls: { backend: { clientCertificateRef: { name: edge } } }
  listeners: [{ name: https, protocol: HTTPS, port: 443, tls: { certificateRefs: [{ name: edge }] } }, `,
  );
  const base64 = (text: string): string => Buffer.from(text).toString("base64");
  const secret = `---
apiVersion: v1
kind: Secret
metadata: { name: edge, namespace: test }
type: kubernetes.io/tls
data: { tls.crt: ${base64(client.chainPem)}, tls.key: ${base64(client.keyPem)} }
`;
  const manifests = cluster + secret;
  const compiled = compile([{ file: "mutual.yaml", text: manifests }], { allowLoopback: true });
  if (compiled.text === null || compiled.secrets === null) throw new Error(JSON.stringify(compiled.diagnostics));
  return {
    manifests,
    fixtures: { bundleText: compiled.text, secretsText: compiled.secrets },
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
