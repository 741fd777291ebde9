/** A gateway for h2spec: one HTTP and one HTTPS listener on loopback, every request to one plain backend. */
import { createServer } from "node:http";
import { decodeSecrets } from "../../src/bundle/secrets.ts";
import { compile } from "../../src/compile/index.ts";
import { nodeRuntime } from "../../src/host/node/runtime.ts";
import { serve } from "../../src/host/node/serve.ts";
import { listen } from "../support/listen.ts";
import { backendYaml, edgeYaml } from "../support/manifests.ts";
import { mintCa, mintLeaf } from "../support/pki.ts";

/** The ports of the gateway. */
export interface Front {
  /** The port of HTTP/2 by ALPN. */
  readonly tls: number;
  /** The port of HTTP/2 with prior knowledge. */
  readonly h2c: number;
  close(): Promise<void>;
}

/** The answer is longer than the windows of a few octets that h2spec opens, so that it sees them obeyed. */
const ANSWER = "lasthop ".repeat(8);

/** Starts the backend and `serve`'s listeners. */
export async function startFront(): Promise<Front> {
  const backend = createServer((request, response) => {
    request.resume().on("end", () => response.end(ANSWER));
  });
  const port = await listen(backend);
  const root = await mintCa({ name: "h2spec root" });
  const leaf = await mintLeaf({ issuer: root, dns: ["front.example.com"] });
  const manifests = [
    edgeYaml("test", root.certPem).replace("listeners: [", HTTPS),
    backendYaml("test", "any", port).replace("  hostnames: [any.example.com]\n", ""),
    `---
apiVersion: v1
kind: Secret
metadata: { name: front, namespace: test }
type: kubernetes.io/tls
data: { tls.crt: ${base64(leaf.chainPem)}, tls.key: ${base64(leaf.keyPem)} }
`,
  ].join("");
  const compiled = compile([{ file: "cluster.yaml", text: manifests }], { allowLoopback: true });
  if (compiled.text === null || compiled.secrets === null)
    throw new Error(compiled.diagnostics.map(({ message }) => message).join("\n"));
  const serving = await serve(compiled.text, {
    runtime: nodeRuntime(),
    address: "127.0.0.1",
    portMap: new Map([
      [80, 0],
      [443, 0],
    ]),
    log: () => undefined,
    secrets: decodeSecrets(compiled.secrets),
  });
  const bound = (listener: number): number => {
    const found = serving.ports.get(listener);
    if (found === undefined) throw new RangeError(`nothing serves the listener on port ${listener}`);
    return found;
  };
  return {
    tls: bound(443),
    h2c: bound(80),
    async close() {
      await serving.close(0);
      backend.close();
      backend.closeAllConnections();
    },
  };
}

const HTTPS = "listeners: [{ name: https, protocol: HTTPS, port: 443, tls: { certificateRefs: [{ name: front }] } }, ";

const base64 = (text: string): string => Buffer.from(text).toString("base64");
