/** `workerd serve` with the worker as it is deployed, on loopback. */
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

/** A path that is answered with {@link Workerd.stats}. A POST makes a full garbage collection first. */
const STATS = "/stats-of-the-worker-itself";
const SERVED = `{
  fetch(request, ...more) {
    if (!request.url.endsWith(${JSON.stringify(STATS)})) return worker.fetch(request, ...more);
    if (request.method === "POST") gc();
    return Response.json(stats());
  },
}`;

/** The number of characters of workerd's output that an error shows. */
const SHOWN = 4_000;

/** A running workerd. */
export interface Workerd {
  readonly port: number;
  /** The worker's connections outside of the pool; null before the first request. */
  stats(): Promise<BackendStats | null>;
  /** The memory of the process, which includes garbage and free memory of the allocator. */
  residentBytes(): number;
  /** The memory of JavaScript objects and buffers after a garbage collection. */
  heldBytes(): Promise<number>;
  stop(): Promise<void>;
}

/** Where connections are pooled: in a Durable Object, or not at all, so that each request has its own. */
export type Pooling = "object" | "none";

/** Starts workerd; rejects when it ends before it serves. `logged` is called with each line of its log. */
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
  let output = "";
  child.stderr?.on("data", (chunk: Buffer) => (output = (output + chunk.toString()).slice(-SHOWN)));
  const ended = new Promise<void>((resolve) => void child.once("exit", () => resolve()));
  const ports = await Promise.race([
    listening(child),
    ended.then(() => Promise.reject(new Error(`workerd ended before it served: ${output}`))),
  ]);
  const { port, inspectorPort } = ports;
  return {
    port,
    async stats() {
      const response = await fetch(`http://127.0.0.1:${port}${STATS}`);
      return (await response.json()) as BackendStats | null;
    },
    async heldBytes() {
      // Objects with finalizers are freed only by the second collection.
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

/** The resident memory of a process. */
export function residentBytes(pid: number | undefined): number {
  return Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]) * 1_024;
}

interface Ports {
  readonly port: number;
  readonly inspectorPort: number;
}

/** The ports that workerd has bound, which it writes to its control descriptor. */
function listening(child: ChildProcess): Promise<Ports> {
  const [, , , control] = child.stdio;
  return new Promise((resolve) => {
    let output = "";
    control?.on("data", (chunk: Buffer) => {
      output += chunk.toString();
      const port = /"event":"listen","socket":"http","port":(\d+)/.exec(output)?.[1];
      const inspectorPort = /"event":"listen-inspector","port":(\d+)/.exec(output)?.[1];
      if (port !== undefined && inspectorPort !== undefined)
        resolve({ port: Number(port), inspectorPort: Number(inspectorPort) });
    });
  });
}

/** The configuration with the flags of wrangler.toml, and with the function `gc`. */
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
