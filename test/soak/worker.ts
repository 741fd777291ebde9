/**
 * `npm run soak:worker -- [REQUESTS]` (50,000 by default): requests with faults among them through `workerd serve` and
 * its pool, against real TLS servers. Memory must be flat, and at the end no backend connection open but the pool's
 * idle ones. The last line counts the checks.
 */
import { Agent, type IncomingMessage, request as httpRequest } from "node:http";
import { once } from "node:events";
import { WebSocket } from "ws";
import { compile } from "../../src/compile/index.ts";
import { clusterYaml } from "../last-hop/cluster.ts";
import { startServers } from "../last-hop/servers.ts";
import { startWorkerd } from "./workerd.ts";

const requests = Number(process.argv[2] ?? 50_000);
if (!Number.isSafeInteger(requests) || requests < 1_000)
  throw new RangeError("usage: npm run soak:worker -- [REQUESTS, 1000 or more]");
const CONCURRENCY = 32;
/** From the second quarter's peak to the last one's: V8 collects when it likes, a leak grows with the requests. */
const MAX_GROWTH_BYTES = 24 << 20;
/** Beyond what the sockets on the way take: downloads that nobody reads. */
const MAX_WAITING_BYTES = 16 << 20;
const SLOW_CLIENTS = 4;
/** Idle connections the object keeps: as many as it may have open. */
const MAX_IDLE = 6;

/** Of the log, in the end. */
const MAX_STRANGE = 20;

type Kind = readonly [name: string, outcome: string, ask: () => Promise<string>];

const servers = await startServers();
const { ports, controlPort } = servers.fixtures;
const port = (name: string): number => ports[name] ?? Number.NaN;
// Port 1 on loopback: nobody listens there.
const backends = {
  good: port("good"),
  old: port("good 1.2"),
  evil: port("unknown-ca"),
  late: port("expired 1.2"),
  nobody: 1,
};
const yaml = clusterYaml({ ...servers.fixtures, ports: backends }, Object.keys(backends));
const { text, diagnostics } = compile([{ file: "cluster.yaml", text: yaml }], { allowLoopback: true });
if (text === null) throw new Error(JSON.stringify(diagnostics));
/** Records of failures that no kind of request asks for. */
const strange: string[] = [];
const EXPECTED =
  /"code":"(unknown-ca|expired|connection-unreachable|connection-refused|client-gone|response-incomplete)"/;
const workerd = await startWorkerd(text, undefined, (line) => {
  if (line.includes('"code":"') && !EXPECTED.test(line) && strange.length < MAX_STRANGE) strange.push(line);
});
const agent = new Agent({ keepAlive: true, maxSockets: CONCURRENCY });

const upload = { method: "POST", body: new Uint8Array(50_000) };
const KINDS: readonly Kind[] = [
  ["a small answer", "200", () => ask("good", "/")],
  ["fields", "200", () => ask("good", "/echo-headers")],
  ["TLS 1.2", "200", () => ask("old", "/")],
  ["an upload", "200", () => ask("good", "/upload", upload)],
  ["an upload answered early", "413", () => ask("good", "/early", upload)],
  ["a download", "200", () => ask("good", "/download?mb=1&length=1")],
  ["a download without length", "200", () => ask("old", "/download?mb=1")],
  // Its status is ours where the head had not left.
  ["a body cut off", "cut", async () => (await ask("good", "/cut")).replace("502 response-incomplete", "cut")],
  ["a client that leaves", "200 left", () => ask("good", "/download?mb=4", { leave: true })],
  ["a client that leaves a backend that stalls", "200 left", () => ask("good", "/stall", { leave: true })],
  ["an unknown CA", "502 unknown-ca", () => ask("evil", "/")],
  ["an expired chain", "502 expired", () => ask("late", "/")],
  ["nobody there", "502 connection-unreachable", () => ask("nobody", "/")],
  ["a WebSocket", "echo 1000", () => speak("/ws/echo", (socket) => socket.close(1000))],
  ["a WebSocket whose client is cut off", "echo 1006", () => speak("/ws/echo", (socket) => socket.terminate())],
  ["a WebSocket whose backend is cut off", "1014", () => speak("/ws/cut")],
];

interface Ask {
  readonly method?: string;
  readonly body?: Uint8Array;
  /** Goes away after the first bytes. */
  readonly leave?: boolean;
}

/** The status with the code of a failure of ours, and how the body ended when not in good order. */
async function ask(name: string, path: string, { method = "GET", body, leave = false }: Ask = {}): Promise<string> {
  const headers = { host: `${name}.example.com` };
  const request = httpRequest({ host: "127.0.0.1", port: workerd.port, agent, method, path, headers });
  request.end(body);
  try {
    const [response] = (await once(request, "response")) as [IncomingMessage];
    request.on("error", () => undefined);
    for await (const _ of response) {
      if (!leave) continue;
      // Half-closed in good order, workerd would wait until it has something to write.
      request.socket?.resetAndDestroy();
      return `${response.statusCode} left`;
    }
    const code = /details="(.*)"/.exec(String(response.headers["proxy-status"]))?.[1];
    return code === undefined ? `${response.statusCode}` : `${response.statusCode} ${code}`;
  } catch {
    return "cut";
  }
}

/** What came back of one message, and the code that it ended with. */
function speak(path: string, answered: (socket: WebSocket) => void = () => undefined): Promise<string> {
  return new Promise((resolve, reject) => {
    const said: string[] = [];
    const socket = new WebSocket(`ws://127.0.0.1:${workerd.port}${path}`, { headers: { host: "good.example.com" } });
    socket.on("open", () => socket.send("echo"));
    socket.on("message", (data: Buffer) => {
      said.push(data.toString());
      answered(socket);
    });
    socket.on("error", reject);
    socket.on("close", (code) => resolve([...said, code].join(" ")));
  });
}

const unexpected = new Map<string, number>();
const peaks = [0, 0, 0, 0];
let started = 0;
const start = performance.now();
const sampler = setInterval(() => {
  const quarter = Math.min(Math.floor((4 * started) / requests), 3);
  peaks[quarter] = Math.max(peaks[quarter] ?? 0, workerd.residentBytes());
}, 100);
await Promise.all(
  Array.from({ length: CONCURRENCY }, async () => {
    while (started < requests) {
      const kind = KINDS[started++ % KINDS.length];
      if (kind === undefined) throw new RangeError("unreachable");
      const [name, outcome, run] = kind;
      const got = await run().catch((error: unknown) => String(error));
      if (got !== outcome) unexpected.set(`${name}: ${got}`, (unexpected.get(`${name}: ${got}`) ?? 0) + 1);
    }
  }),
);
clearInterval(sampler);
const seconds = (performance.now() - start) / 1_000;
const [, second = 0, , last = 0] = peaks;
const open = await settled();

const before = workerd.residentBytes();
const slow = await Promise.all(Array.from({ length: SLOW_CLIENTS }, () => stalledDownload("/download?mb=256")));
const waiting = (await peakOf(3_000)) - before;
for (const request of slow) request.destroy();
agent.destroy();
await workerd.stop();
await servers.close();

const megabytes = (bytes: number): string => (bytes / (1 << 20)).toFixed(1);
const faults = [...unexpected].map(([name, count]) => `${name}, ${count} times`).join("; ");
const checks: readonly (readonly [name: string, ok: boolean])[] = [
  [`every request ended as expected (${faults || "all"})`, unexpected.size === 0],
  [
    `workerd's memory peaked at ${peaks.map(megabytes).join(", ")} MB in the four quarters`,
    last - second < MAX_GROWTH_BYTES,
  ],
  [`${open} backend connections are open, all of them the pool's idle ones`, open <= MAX_IDLE],
  [`${SLOW_CLIENTS} downloads of 256 MB that nobody reads take ${megabytes(waiting)} MB`, waiting < MAX_WAITING_BYTES],
];
console.log(`${requests} requests in ${seconds.toFixed(0)} s`);
for (const [name, ok] of checks) console.log(`${ok ? "ok     " : "FAILED "} ${name}`);
for (const line of strange) console.log(`logged  ${line}`);
const failed = checks.filter(([, ok]) => !ok).length;
console.log(`${checks.length - failed} passed, ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);

async function stalledDownload(path: string): Promise<ReturnType<typeof httpRequest>> {
  const headers = { host: "good.example.com" };
  const request = httpRequest({ host: "127.0.0.1", port: workerd.port, agent: false, path, headers });
  request.on("error", () => undefined).end();
  const [response] = (await once(request, "response")) as [IncomingMessage];
  response.pause();
  return request;
}

async function peakOf(ms: number): Promise<number> {
  let peak = 0;
  for (const end = performance.now() + ms; performance.now() < end;) {
    peak = Math.max(peak, workerd.residentBytes());
    await new Promise((resolve) => void setTimeout(resolve, 50));
  }
  return peak;
}

/** Backend connections, once what clients left behind is closed: it does not become fewer. */
async function settled(): Promise<number> {
  for (let open = await openConnections(); ;) {
    await new Promise((resolve) => void setTimeout(resolve, 500));
    const now = await openConnections();
    if (now >= open) return now;
    open = now;
  }
}

async function openConnections(): Promise<number> {
  let open = 0;
  for (const server of Object.keys(ports)) {
    const response = await fetch(`http://127.0.0.1:${controlPort}/seen?server=${encodeURIComponent(server)}`);
    open += ((await response.json()) as { open: number }).open;
  }
  return open;
}
