/**
 * `npm run soak:worker -- [REQUESTS]` (50,000 by default): requests, some with faults, through `workerd serve` with its pool
 * to real TLS servers. The worker's memory must not grow, and at the end only idle connections of the pool may be open. The
 * last line counts the checks.
 */
import { Agent, type IncomingMessage, request as httpRequest } from "node:http";
import { once } from "node:events";
import { compile } from "../../src/compile/index.ts";
import { clusterYaml } from "../last-hop/cluster.ts";
import { seenBy } from "../last-hop/seen.ts";
import { startServers } from "../last-hop/servers.ts";
import { kindsOf } from "./worker-kinds.ts";
import { startWorkerd } from "./workerd.ts";
import { pause } from "../support/pause.ts";

const requests = Number(process.argv[2] ?? 50_000);
if (!Number.isSafeInteger(requests) || requests < 1_000)
  throw new RangeError("usage: npm run soak:worker -- [REQUESTS, 1000 or more]");
const CONCURRENCY = 32;
/**
 * The most memory, garbage excluded, that the worker may gain in the second half of the requests: 1.6 kB per request in a
 * run of 5,000. Caches and tickets have reached their limits in the first half.
 */
const MAX_GROWTH_BYTES = 4 << 20;
/** The most memory that downloads whose clients do not read may take. */
const MAX_WAITING_BYTES = 16 << 20;
const SLOW_CLIENTS = 4;
/** The most idle connections of the pool: as many as it may have open. */
const MAX_IDLE = 6;
/** The time for connections to close after their clients left. A backend has 10 s to answer a WebSocket's Close. */
const SETTLE_MS = 15_000;
/** The number of unexpected access records that are printed. */
const MAX_RECORDS = 20;

const servers = await startServers();
const { ports, controlPort } = servers.fixtures;
const port = (name: string): number => ports[name] ?? Number.NaN;
// No process listens on port 1 of loopback.
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
/** Access records with a failure code that no kind of request expects. */
const unexpectedRecords: string[] = [];
const EXPECTED =
  /"code":"(unknown-ca|expired|connection-unreachable|connection-refused|client-gone|response-incomplete)"/;
const workerd = await startWorkerd(text, undefined, (line) => {
  if (line.includes('"code":"') && !EXPECTED.test(line) && unexpectedRecords.length < MAX_RECORDS)
    unexpectedRecords.push(line);
});
const agent = new Agent({ keepAlive: true, maxSockets: CONCURRENCY });
const kinds = kindsOf(workerd.port, agent);

let started = 0;
const unexpected = new Map<string, number>();
const start = performance.now();
const halves = [await runUntil(requests / 2), await runUntil(requests)] as const;
const seconds = (performance.now() - start) / 1_000;

const before = workerd.residentBytes();
const slow = await Promise.all(Array.from({ length: SLOW_CLIENTS }, () => stalledDownload("/download?mb=256")));
const waiting = (await peakOf(3_000)) - before;
for (const request of slow) request.destroy();
agent.destroy();
await workerd.stop();
await servers.close();

const megabytes = (bytes: number): string => (bytes / (1 << 20)).toFixed(1);
const faults = [...unexpected].map(([name, count]) => `${name}, ${count} times`).join("; ");
const [first, second] = halves;
const checks: readonly (readonly [name: string, ok: boolean])[] = [
  [`every request ended as expected (${faults || "all"})`, unexpected.size === 0],
  [
    `the worker holds ${megabytes(first.heldBytes)} MB after half of them and ${megabytes(second.heldBytes)} at the end`,
    second.heldBytes - first.heldBytes < MAX_GROWTH_BYTES,
  ],
  [`${second.open} backend connections are open, all of them the pool's idle ones`, second.open <= MAX_IDLE],
  [`the worker counts ${second.own} connections and exchanges of its own`, second.own === 0],
  [`${SLOW_CLIENTS} downloads of 256 MB that nobody reads take ${megabytes(waiting)} MB`, waiting < MAX_WAITING_BYTES],
];
const resident = halves.map(({ residentBytes }) => megabytes(residentBytes)).join(" and ");
console.log(`${requests} requests in ${seconds.toFixed(0)} s; workerd has ${resident} MB, garbage too`);
for (const [name, ok] of checks) console.log(`${ok ? "ok     " : "FAILED "} ${name}`);
for (const line of unexpectedRecords) console.log(`logged  ${line}`);
const failed = checks.filter(([, ok]) => !ok).length;
console.log(`${checks.length - failed} passed, ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);

interface Settled {
  readonly heldBytes: number;
  readonly residentBytes: number;
  /** Connections that backends see, and connections and exchanges that the worker itself counts. */
  readonly open: number;
  readonly own: number;
}

async function runUntil(until: number): Promise<Settled> {
  await Promise.all(
    Array.from({ length: CONCURRENCY }, async () => {
      while (started < until) {
        const kind = kinds[started++ % kinds.length];
        if (kind === undefined) throw new RangeError("unreachable");
        const [name, outcome, run] = kind;
        const got = await run().catch((error: unknown) => String(error));
        if (got !== outcome) unexpected.set(`${name}: ${got}`, (unexpected.get(`${name}: ${got}`) ?? 0) + 1);
      }
    }),
  );
  const residentBytes = workerd.residentBytes();
  const settled = await settledConnections();
  return { ...settled, residentBytes, heldBytes: await workerd.heldBytes() };
}

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
    await pause(50, "Memory is sampled over a time.");
  }
  return peak;
}

/** The open connections, once those that clients left behind are closed, or when that takes too long. */
async function settledConnections(): Promise<Pick<Settled, "open" | "own">> {
  for (const end = performance.now() + SETTLE_MS; ;) {
    const open = await openConnections();
    const stats = await workerd.stats();
    const own = (stats?.open ?? 0) + (stats?.inFlight ?? 0);
    if ((open <= MAX_IDLE && own === 0) || performance.now() > end) return { open, own };
    await pause(250, "No event tells when workerd has closed a connection.");
  }
}

async function openConnections(): Promise<number> {
  let open = 0;
  for (const server of Object.keys(ports)) {
    open += (await seenBy(controlPort, server)).open;
  }
  return open;
}
