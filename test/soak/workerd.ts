/** `workerd serve` around the worker that would be deployed: its pool in an object, its clients on loopback. */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { BackendStats } from "../../src/backend/events.ts";
import { heapBytes } from "./inspector.ts";
import { encodeSecrets } from "../../src/bundle/secrets.ts";
import { buildWorker } from "../../bench/worker-build.ts";

const ROOT = join(import.meta.dirname, "../..");
const WORKERD = join(createRequire(import.meta.url).resolve("workerd/package.json"), "../bin/workerd");

/** A path that is answered with {@link Workerd.stats}, after a full collection of garbage for a POST. */
const STATS = "/stats-of-the-worker-itself";
const SERVED = `{
  fetch(request, ...more) {
    if (!request.url.endsWith(${JSON.stringify(STATS)})) return worker.fetch(request, ...more);
    if (request.method === "POST") gc();
    return Response.json(stats());
  },
}`;

/** Of what workerd says, when it does not start. */
const SHOWN = 4_000;

export interface Workerd {
  readonly port: number;
  /** Of the worker's own connections; null before the first. */
  stats(): Promise<BackendStats | null>;
  /** What the process holds in memory now, garbage and what the allocator keeps for later too. */
  residentBytes(): number;
  /** Of that, JavaScript objects and buffers that are no garbage. */
  heldBytes(): Promise<number>;
  stop(): Promise<void>;
}

/** `object`: connections are pooled in a Durable Object; `none`: each request has one of its own. */
export type Pooling = "object" | "none";

/** Rejects when workerd ends before it serves. `logged` hears each line of its log: access records and events. */
export async function startWorkerd(
  bundleText: string,
  secretsText = encodeSecrets(new Map()),
  logged: ((line: string) => void) | null = null,
  pooling: Pooling = "object",
): Promise<Workerd> {
  mkdirSync(join(ROOT, ".lasthop"), { recursive: true });
  const directory = mkdtempSync(join(ROOT, ".lasthop/soak-"));
  const { out, modules } = buildWorker(directory, bundleText, SERVED);
  const file = join(out, "config.capnp");
  writeFileSync(file, configOf(modules, pooling));
  const child = spawn(WORKERD, ["serve", "--control-fd=3", "--inspector-addr=127.0.0.1:0", file], {
    stdio: ["ignore", logged === null ? "ignore" : "pipe", "pipe", "pipe"],
    env: { ...process.env, LASTHOP_SECRETS: secretsText },
  });
  if (child.stdout !== null && logged !== null) createInterface(child.stdout).on("line", logged);
  let said = "";
  child.stderr?.on("data", (chunk: Buffer) => (said = (said + chunk.toString()).slice(-SHOWN)));
  const ended = new Promise<void>((resolve) => void child.once("exit", () => resolve()));
  const ports = await Promise.race([
    listening(child),
    ended.then(() => Promise.reject(new Error(`workerd ended before it served: ${said}`))),
  ]);
  const { port, inspectorPort } = ports;
  return {
    port,
    async stats() {
      const response = await fetch(`http://127.0.0.1:${port}${STATS}`);
      return (await response.json()) as BackendStats | null;
    },
    async heldBytes() {
      // What the first collection finalizes is freed by the second.
      for (let count = 0; count < 2; count++) await fetch(`http://127.0.0.1:${port}${STATS}`, { method: "POST" });
      return heapBytes(inspectorPort);
    },
    residentBytes: () => residentBytes(child.pid),
    async stop() {
      child.kill("SIGKILL");
      await ended;
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

export function residentBytes(pid: number | undefined): number {
  return Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]) * 1_024;
}

interface Ports {
  readonly port: number;
  readonly inspectorPort: number;
}

/** workerd tells on the control descriptor which ports it got. */
function listening(child: ChildProcess): Promise<Ports> {
  const [, , , control] = child.stdio;
  return new Promise((resolve) => {
    let said = "";
    control?.on("data", (chunk: Buffer) => {
      said += chunk.toString();
      const port = /"event":"listen","socket":"http","port":(\d+)/.exec(said)?.[1];
      const inspectorPort = /"event":"listen-inspector","port":(\d+)/.exec(said)?.[1];
      if (port !== undefined && inspectorPort !== undefined)
        resolve({ port: Number(port), inspectorPort: Number(inspectorPort) });
    });
  });
}

/** The flags of wrangler.toml, and a way to collect garbage. */
function configOf(modules: readonly string[], pooling: Pooling): string {
  const kind = (name: string): string =>
    name.endsWith(".wasm") ? "wasm" : name.endsWith(".json") ? "text" : "esModule";
  return `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [(name = "main", worker = .worker), (name = "net", network = (allow = ["public", "private"]))],
  v8Flags = ["--expose-gc"],
  sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "main")],
);
const worker :Workerd.Worker = (
  modules = [${modules.map((name) => `(name = "${name}", ${kind(name)} = embed "${name}")`).join(", ")}],
  durableObjectNamespaces = [(className = "Pool", uniqueKey = "pool")],
  durableObjectStorage = (inMemory = void),
  bindings = [
    ${pooling === "object" ? '(name = "LASTHOP_POOL", durableObjectNamespace = "Pool"),' : ""}
    (name = "LASTHOP_SECRETS", fromEnvironment = "LASTHOP_SECRETS"),
  ],
  compatibilityDate = "2026-11-01",
  compatibilityFlags = ["nodejs_compat", "enable_request_signal"],
  globalOutbound = "net",
);
`;
}
