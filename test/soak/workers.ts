/**
 * `npm run soak -- [REQUESTS] --workers N`: requests, some with faults, each over a connection of its own, through `lasthop
 * serve --workers N` to real TLS servers, while each worker is told to end once. Memory must not grow, and at the end only
 * idle backend connections may be open. The last line counts the checks.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { mkdtemp } from "node:fs/promises";
import { Agent } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort } from "../../src/cli/free-port.ts";
import { compile } from "../../src/compile/index.ts";
import { clusterYaml } from "../last-hop/cluster.ts";
import { startServers } from "../last-hop/servers.ts";
import { pause } from "../support/pause.ts";
import { kindsOf } from "./worker-kinds.ts";
import { residentBytes } from "./workerd.ts";

const CONCURRENCY = 32;
/** The most memory of all processes, garbage too, that the second half of the requests may add. */
const MAX_GROWTH_BYTES = 96 << 20;
/** The time for connections to close after their clients left. A backend has 10 s to answer a WebSocket's Close. */
const SETTLE_MS = 15_000;
const MAIN = join(import.meta.dirname, "../../src/cli/main.ts");
/** Outcomes that differ from those of the worker: Node passes an upgraded connection on as bytes. */
const ON_NODE: Readonly<Record<string, string>> = {
  "nobody there": "502 connection-refused",
  "a WebSocket whose backend is cut off": "1006",
};

/** Runs the soak; resolves with the exit status. */
export async function soakWorkers(requests: number, workers: number): Promise<number> {
  const servers = await startServers();
  const { ports } = servers.fixtures;
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
  const directory = await mkdtemp(join(tmpdir(), "lasthop-soak-"));
  writeFileSync(join(directory, "bundle.json"), text);
  const [bound, metricsPort] = [await freePort(), await freePort()];
  const operators = ["--metrics-address", `127.0.0.1:${metricsPort}`, "--workers", String(workers)];
  const args = ["serve", join(directory, "bundle.json"), "--port-map", `${bound}=80`, ...operators];
  const child = spawn(process.execPath, [MAIN, ...args], { stdio: ["ignore", "pipe", "pipe"] });
  const lines = { count: 0, broken: 0, rest: "" };
  child.stdout.on("data", (bytes: Buffer) => {
    const all = (lines.rest + bytes.toString()).split("\n");
    lines.rest = all.pop() ?? "";
    lines.count += all.length;
    lines.broken += all.filter((line) => !isJson(line)).length;
  });
  let said = "";
  child.stderr.on("data", (bytes: Buffer) => (said += bytes.toString()));
  while (!said.includes("serves the listeners")) await once(child.stderr, "data");
  const pids = (): number[] =>
    readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, "latin1").split(" ").filter(Boolean).map(Number);
  const memory = (): number => [child.pid, ...pids()].reduce<number>((sum, pid) => sum + residentBytes(pid), 0);

  const kinds = kindsOf(bound, new Agent({ keepAlive: false }));
  const unexpected = new Map<string, number>();
  let started = 0;
  const runUntil = async (until: number): Promise<void> => {
    const clients = Array.from({ length: CONCURRENCY }, async () => {
      while (started < until) {
        const kind = kinds[started++ % kinds.length];
        if (kind === undefined) throw new RangeError("unreachable");
        const [name, outcome, ask] = kind;
        const got = await ask().catch((error: unknown) => String(error));
        if (got !== (ON_NODE[name] ?? outcome))
          unexpected.set(`${name}: ${got}`, (unexpected.get(`${name}: ${got}`) ?? 0) + 1);
      }
    });
    await Promise.all(clients);
  };
  const start = performance.now();
  for (const [index, pid] of pids().entries()) {
    process.kill(pid, "SIGTERM");
    await runUntil(((index + 1) * requests) / (workers * 4));
  }
  await runUntil(requests / 2);
  const half = memory();
  await runUntil(requests);
  const growth = memory() - half;
  const seconds = (performance.now() - start) / 1_000;
  let busy = await busyAt(metricsPort);
  for (const end = performance.now() + SETTLE_MS; busy > 0 && performance.now() < end;) {
    await pause(250, "connections that close have no event here");
    busy = await busyAt(metricsPort);
  }
  const replaced = (said.match(/was told to end/g) ?? []).length;
  child.kill("SIGTERM");
  const [status] = (await once(child, "close")) as [number | null];
  await servers.close();
  rmSync(directory, { recursive: true });

  const faults = [...unexpected].map(([name, count]) => `${name}, ${count} times`).join("; ");
  const checks: readonly (readonly [name: string, ok: boolean])[] = [
    [`every request ended as expected (${faults || "all"})`, unexpected.size === 0],
    [`${replaced} of ${workers} workers were told to end, and replaced`, replaced === workers],
    [`memory grew by ${(growth / (1 << 20)).toFixed(1)} MB in the second half`, growth < MAX_GROWTH_BYTES],
    [`${lines.count} lines of the access log, ${lines.broken} of them broken`, isLogged(lines, requests)],
    [`${busy} requests and backend connections that are not idle are left`, busy === 0],
    [`the exit status is ${status}`, status === 0],
  ];
  console.log(`${requests} requests in ${seconds.toFixed(0)} s by ${workers} workers`);
  for (const [name, ok] of checks) console.log(`${ok ? "ok     " : "FAILED "} ${name}`);
  const failed = checks.filter(([, ok]) => !ok).length;
  if (failed > 0) console.log(said);
  console.log(`${checks.length - failed} passed, ${failed} failed`);
  return failed === 0 ? 0 : 1;
}

const isLogged = (
  { count, broken, rest }: { count: number; broken: number; rest: string },
  requests: number,
): boolean => count === requests && broken === 0 && rest === "";

function isJson(line: string): boolean {
  try {
    JSON.parse(line);
    return true;
  } catch {
    return false;
  }
}

/** The requests in flight to backends, and the connections to backends that are not idle. */
async function busyAt(metricsPort: number): Promise<number> {
  const text = await (await fetch(`http://127.0.0.1:${metricsPort}/metrics`)).text();
  const value = (name: string): number => Number(new RegExp(`^lasthop_backend_${name} (\\d+)$`, "m").exec(text)?.[1]);
  return value("in_flight") + value("open") - value("idle");
}
