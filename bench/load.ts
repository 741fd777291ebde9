/** The load generator: wrk, one thread, a closed loop over keep-alive connections. */
import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";

export interface Load {
  readonly port: number;
  readonly host: string;
  readonly path: string;
  readonly clients: number;
  readonly seconds: number;
  readonly core: number;
}

export interface LoadResult {
  readonly requests: number;
  /** Answers that were not 2xx, connections that broke: a gateway that fails fast would look fast. */
  readonly failed: number;
  readonly perSecond: number;
  readonly p99Ms: number;
}

/** Throws when nothing was answered. */
export async function load({ port, host, path, clients, seconds, core }: Load): Promise<LoadResult> {
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
    `http://127.0.0.1:${port}${path}`,
  ]);
  const said = JSON.parse(stdout.trimEnd().split("\n").at(-1) ?? "") as Record<string, number>;
  const { requests = 0, micros = 0, p99 = 0, failed = 0 } = said;
  if (requests === 0) throw new Error(`${host}${path} on ${port}: ${stdout}`);
  return { requests, failed, perSecond: requests / (micros / 1e6), p99Ms: p99 / 1_000 };
}
