/**
 * `npm run soak -- [REQUESTS] [--workers N]` (200,000 by default): requests, some with faults, through backend/ on Node to
 * real TLS servers; with `--workers` through `lasthop serve` (workers.ts). Memory must not grow, and at the end no socket
 * may be open. The last line counts the checks.
 */
import { parseArgs } from "node:util";
import { type Backends, createBackends } from "../../src/backend/backends.ts";
import { pause } from "../support/pause.ts";
import { plainRequest } from "../support/request.ts";
import { nodeRuntime } from "../../src/host/node/runtime.ts";
import { seenBy } from "../last-hop/seen.ts";
import { startServers } from "../last-hop/servers.ts";
import { bundleFor } from "../last-hop/suite.ts";
import { soakWorkers } from "./workers.ts";

const { values, positionals } = parseArgs({ allowPositionals: true, options: { workers: { type: "string" } } });
const requests = Number(positionals[0] ?? 200_000);
const workers = Number(values.workers ?? 0);
if (!Number.isSafeInteger(requests) || requests < 1_000 || !Number.isSafeInteger(workers) || workers < 0)
  throw new RangeError("usage: npm run soak -- [REQUESTS, 1000 or more] [--workers N]");
if (workers > 0) process.exit(await soakWorkers(requests, workers));
const CONCURRENCY = 32;
/** The growth of memory after the first quarter that is no leak: pools, tickets and caches fill up. */
const MAX_GROWTH_BYTES = 16 << 20;
/** The time for connections to close at the servers, too. */
const CLOSE_MS = 10_000;

type Outcome = "answered" | "failed";
interface Kind {
  readonly server: string;
  readonly target: string;
  readonly method?: string;
  readonly body?: () => ReadableStream<Uint8Array>;
  /** Whether the client disconnects in the middle of the body. */
  readonly isLeaving?: boolean;
  /** The time limit between two bytes of the body; by default longer than a busy machine may pause. */
  readonly bodyIdleMs?: number;
  readonly expect: Outcome;
}

const bytes = (size: number): ReadableStream<Uint8Array> => new Blob([new Uint8Array(size)]).stream();
/** The kinds of requests, in an order that mixes faults with good requests on the same pool. */
const KINDS: readonly Kind[] = [
  { server: "good", target: "/", expect: "answered" },
  { server: "good", target: "/echo-headers", expect: "answered" },
  { server: "good 1.2", target: "/", expect: "answered" },
  { server: "good", target: "/upload", method: "POST", body: () => bytes(50_000), expect: "answered" },
  { server: "good", target: "/early", method: "POST", body: () => bytes(50_000), expect: "answered" },
  { server: "good", target: "/", expect: "answered" },
  { server: "good", target: "/cut", expect: "failed" },
  { server: "good", target: "/download?mb=1", isLeaving: true, expect: "answered" },
  { server: "good", target: "/stall", bodyIdleMs: 100, expect: "failed" },
  { server: "unknown-ca", target: "/", expect: "failed" },
  { server: "expired 1.2", target: "/", expect: "failed" },
  { server: "nobody", target: "/", expect: "failed" },
];

const servers = await startServers();
// No process listens on port 1 of loopback.
const fixtures = { ...servers.fixtures, ports: { ...servers.fixtures.ports, nobody: 1 } };
const runtime = nodeRuntime();
const clients = new Map<Kind, Backends>();
const shared = new Map<string, Backends>();
for (const kind of KINDS) {
  const { server, bodyIdleMs = 300_000 } = kind;
  const name = `${server} ${bodyIdleMs}`;
  const backends =
    shared.get(name) ?? createBackends({ bundle: bundleFor(fixtures, server, {}), runtime, timeouts: { bodyIdleMs } });
  shared.set(name, backends);
  clients.set(kind, backends);
}

async function once(kind: Kind): Promise<Outcome> {
  const { target, method = "GET", body, isLeaving = false } = kind;
  const client = new AbortController();
  const request = plainRequest({ method, target, body: body?.() ?? null, signal: client.signal });
  const sent = await clients.get(kind)?.send("test/backend:443", request);
  if (sent?.kind !== "response") return "failed";
  try {
    const reader = new Response(sent.response.body).body?.getReader();
    for (let read = await reader?.read(); read?.done === false; read = await reader?.read()) {
      if (!isLeaving) continue;
      await reader?.cancel();
      client.abort();
      break;
    }
    return "answered";
  } catch {
    return "failed";
  }
}

const unexpected = new Map<string, number>();
let started = 0;
let quarterHeap = 0;
const start = performance.now();
await Promise.all(
  Array.from({ length: CONCURRENCY }, async () => {
    while (started < requests) {
      const number = started++;
      if (number === Math.floor(requests / 4)) quarterHeap = settledHeap();
      const kind = KINDS[number % KINDS.length];
      if (kind === undefined) throw new RangeError("unreachable");
      const outcome = await once(kind);
      const name = `${kind.server}${kind.target}: ${outcome}`;
      if (outcome !== kind.expect) unexpected.set(name, (unexpected.get(name) ?? 0) + 1);
    }
  }),
);
const seconds = (performance.now() - start) / 1_000;
const growth = settledHeap() - quarterHeap;
for (const backends of clients.values()) backends.close();
const open = await openAfterClose();
await servers.close();

const checks: readonly (readonly [name: string, ok: boolean])[] = [
  [
    `every request ended as expected (${[...unexpected].map(([name, count]) => `${name} ${count} times`).join(", ") || "all"})`,
    unexpected.size === 0,
  ],
  [
    `heap and buffers grew by ${(growth / (1 << 20)).toFixed(1)} MB from the first quarter on`,
    growth < MAX_GROWTH_BYTES,
  ],
  [`${open} backend connections are open after close`, open === 0],
];
console.log(`${requests} requests in ${seconds.toFixed(0)} s`);
for (const [name, ok] of checks) console.log(`${ok ? "ok     " : "FAILED "} ${name}`);
const failed = checks.filter(([, ok]) => !ok).length;
console.log(`${checks.length - failed} passed, ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);

/** The memory in use after a full garbage collection. */
function settledHeap(): number {
  globalThis.gc?.();
  const { heapUsed, external, arrayBuffers } = process.memoryUsage();
  return heapUsed + external + arrayBuffers;
}

/** The connections that stay open, once none is or the time for them to close has passed. */
async function openAfterClose(): Promise<number> {
  for (const end = performance.now() + CLOSE_MS; ;) {
    const each = await Promise.all(Object.keys(servers.fixtures.ports).map(openAt));
    const open = each.reduce((sum, count) => sum + count, 0);
    if (open === 0 || performance.now() > end) return open;
    await pause(50, "No event tells when a server has seen a connection close.");
  }
}

/** The open connections at a server, as it counts them itself. */
async function openAt(server: string): Promise<number> {
  return (await seenBy(servers.fixtures.controlPort, server)).open;
}
