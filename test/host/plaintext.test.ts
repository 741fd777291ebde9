/** Requests that must not go out in clear: `lasthop serve`'s server in front of a listener that records every byte. */
import { once } from "node:events";
import { request } from "node:http";
import { createServer, type Server, type Socket } from "node:net";
import { text } from "node:stream/consumers";
import { createServer as createTlsServer } from "node:tls";
import { afterEach, beforeEach, expect, test } from "vitest";
import { compile, type CompileOptions } from "../../src/compile/index.ts";
import type { AccessRecord } from "../../src/gateway/access-log.ts";
import { nodeRuntime } from "../../src/host/node/runtime.ts";
import { createMetrics } from "../../src/host/node/metrics.ts";
import { serve, type Serving } from "../../src/host/node/serve.ts";
import { listen } from "../support/listen.ts";
import { mintCa } from "../support/pki.ts";
import { backendYaml, edgeYaml, policyYaml } from "../support/manifests.ts";

let backend: Server;
let port: number;
/** Called by the backend with each socket that has sent bytes. */
let answer: (socket: Socket) => void;
let received: Buffer[];
let serving: Serving | null;
const log: AccessRecord[] = [];

beforeEach(async () => {
  received = [];
  answer = (socket) => socket.end("HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok");
  serving = null;
  log.length = 0;
  backend = createServer((socket) => {
    socket.on("error", () => undefined);
    socket.on("data", (bytes) => {
      received.push(bytes);
      answer(socket);
    });
  });
  port = await listen(backend);
});
afterEach(async () => {
  await serving?.close();
  backend.close();
});

/** Sends a POST with a secret. Resolves with its answer, and with the codes that the build reported. */
async function post(
  yaml: string,
  options: CompileOptions = {},
): Promise<{ status: number; code: string; codes: Set<string> }> {
  const built = compile([{ file: "cluster.yaml", text: yaml }], { allowLoopback: true, ...options });
  if (built.text === null) throw new Error(JSON.stringify(built.diagnostics));
  serving = await serve(built.text, {
    runtime: nodeRuntime(),
    address: "127.0.0.1",
    portMap: new Map([[80, 0]]),
    log: (record) => log.push(record),
  });
  const sent = request({
    host: "127.0.0.1",
    port: serving.ports.get(80),
    path: "/",
    method: "POST",
    headers: { host: "app.example.com", authorization: "Bearer secret" },
    agent: false,
  }).end("a secret");
  const [response] = await once(sent, "response");
  const body = await text(response);
  const code = body.startsWith("{") ? (JSON.parse(body) as { code: string }).code : "";
  return { status: response.statusCode, code, codes: new Set(built.diagnostics.map((each) => each.code)) };
}

const bytes = (): number => Buffer.concat(received).length;

async function cluster(policy: (sni: string) => string, appProtocol?: string): Promise<string> {
  const authority = await mintCa({ name: "plaintext root" });
  const app = backendYaml("shop", "app", port);
  const service =
    appProtocol === undefined
      ? app.replace(", appProtocol: http", "")
      : app.replace("appProtocol: http", `appProtocol: ${appProtocol}`);
  return `${edgeYaml("shop", authority.certPem)}${service}${policy("app.shop.internal")}`;
}

test("a policy without a namespace closes the Service of another that it names", async () => {
  const yaml = await cluster((sni) => policyYaml("shop", "app", sni).replace(", namespace: shop", ""));
  const { status, code, codes } = await post(yaml);
  expect({ status, code }).toEqual({ status: 500, code: "policy-misplaced" });
  expect(codes).toContain("policy-misplaced");
  expect(bytes()).toBe(0);
});

test("--require-backend-tls closes what nobody accounts for, and lets through what says plaintext", async () => {
  const { status, code } = await post(await cluster(() => ""), { requireBackendTls: true });
  expect({ status, code }).toEqual({ status: 500, code: "backend-plaintext-refused" });
  expect(bytes()).toBe(0);
  await serving?.close();
  expect((await post(await cluster(() => "", "HTTP"), { requireBackendTls: true })).status).toBe(200);
});

test("a policy in another namespace closes nothing, and the build says so at the policy and at the Service", async () => {
  const yaml = await cluster((sni) => policyYaml("infra", "app", sni));
  const { status, codes } = await post(yaml);
  expect(status).toBe(200);
  expect(codes).toContain("policy-target-not-found");
  expect(codes).toContain("backend-plaintext");
});

test("a policy that covers the port and does not match lets no byte out", async () => {
  const { status } = await post(await cluster((sni) => policyYaml("shop", "app", sni)));
  expect(status).toBe(502);
  expect(Buffer.concat(received).includes("secret")).toBe(false);
});

test("a host counts the backends that get plaintext, and what they answer", async () => {
  const metrics = createMetrics(() => (serving === null ? [] : [serving]));
  expect((await post(await cluster(() => ""))).status).toBe(200);
  await expect.poll(() => log).toHaveLength(1);
  for (const record of log) metrics.onRecord(record);
  const text = await metrics.registry.metrics();
  expect(text).toContain('lasthop_plaintext_backends{gateway="shop/edge"} 1');
  expect(text).toContain('lasthop_plaintext_requests_total{backend="shop/app:443"} 1');
});

test.for<[string, string | undefined, Uint8Array | null, string, string]>([
  ["ends", undefined, null, "connection-terminated", "a backend that speaks TLS ends the connection like this"],
  // RFC 8446 §6: a fatal protocol_version alert.
  [
    "answers with an alert",
    undefined,
    Uint8Array.of(21, 3, 1, 0, 2, 2, 70),
    "http-protocol-error",
    "the answer is a TLS record",
  ],
  [
    "answers h2c with an alert",
    "kubernetes.io/h2c",
    Uint8Array.of(21, 3, 3, 0, 2, 2, 70),
    "",
    "the answer is a TLS record",
  ],
])("a TLS backend that %s is told from the log", async ([, appProtocol, bytesBack, code, hint]) => {
  answer = (socket) => (bytesBack === null ? socket.end() : socket.end(bytesBack));
  const answered = await post(await cluster(() => "", appProtocol));
  expect(answered.status).toBe(502);
  if (code !== "") expect(answered.code).toBe(code);
  await expect.poll(() => log).toHaveLength(1);
  expect(log[0]?.detail).toContain(hint);
  expect(log[0]?.detail).toContain("no BackendTLSPolicy covers the port");
});

test("a real TLS server behind a port without a policy is told from the log", async () => {
  const { certPem, keyPem } = await mintCa({ name: "a server" });
  const server = createTlsServer({ cert: certPem, key: keyPem }).on("tlsClientError", () => undefined);
  port = await listen(server);
  backend.close();
  backend = server;
  expect((await post(await cluster(() => ""))).status).toBe(502);
  await expect.poll(() => log).toHaveLength(1);
  expect(log[0]?.detail).toContain("the request went out in plaintext");
});

test("a plaintext backend that breaks off in its answer is not taken for one that speaks TLS", async () => {
  answer = (socket) => socket.end("HTTP/1.1 200 O");
  expect((await post(await cluster(() => ""))).status).toBe(502);
  await expect.poll(() => log).toHaveLength(1);
  expect(log[0]?.detail).not.toContain("TLS");
});
