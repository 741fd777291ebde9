/** The load generator: wrk with one thread, in a closed loop over keep-alive connections. */
import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";

/** One run of the load generator. `host` is the Host field, `core` the core that wrk runs on. */
export interface Load {
  readonly port: number;
  readonly host: string;
  readonly path: string;
  readonly clients: number;
  readonly seconds: number;
  readonly core: number | string;
  /** Whether each request has a connection of its own. */
  readonly isShort?: boolean;
}

interface LoadResult {
  readonly requests: number;
  /** The number of responses other than 2xx and of broken connections: a gateway that fails quickly would look fast. */
  readonly failed: number;
  readonly perSecond: number;
  readonly p99Ms: number;
}

/** Runs the load generator. Throws when there was no response at all. */
export async function load({ port, host, path, clients, seconds, core, isShort = false }: Load): Promise<LoadResult> {
  const script = join(import.meta.dirname, "load.lua");
  const { stdout } = await promisify(execFile)("taskset", [
    "-c",
    String(core),
    "wrk",
    "-t1",
    `-c${clients}`,
    `-d${seconds}s`,
    "--timeout=10s",
    `--script=${script}`,
    `--header=Host: ${host}`,
    ...(isShort ? ["--header=Connection: close"] : []),
    `http://127.0.0.1:${port}${path}`,
  ]);
  const summary = JSON.parse(stdout.trimEnd().split("\n").at(-1) ?? "") as Record<string, number>;
  const { requests = 0, micros = 0, p99 = 0, failed = 0 } = summary;
  if (requests === 0) throw new Error(`${host}${path} on ${port}: ${stdout}`);
  return { requests, failed, perSecond: requests / (micros / 1e6), p99Ms: p99 / 1_000 };
}
