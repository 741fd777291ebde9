/** Measurements while a gateway is attacked: what another client gets, and the gateway's memory. */
import { execFile, spawnSync } from "node:child_process";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import type { Attack } from "./attack.ts";
import type { Gateway, Target } from "./target.ts";
import { pause } from "../support/pause.ts";

/** The answers to the other client, which sends one request after the other. */
export interface Probed {
  readonly medianMs: number | null;
  readonly answered: number;
  readonly failed: number;
}

/** What was measured during one attack. */
export interface Watched extends Probed {
  /** The bounds that the attack saw broken, in words. */
  readonly faults: readonly string[];
}

/** The times of an attack. */
export interface Times {
  /** The time for which the other client asks. */
  readonly attackMs: number;
  /** The time that an attack with a late effect has before the other client asks. */
  readonly slowMs: number;
  readonly isShort: boolean;
}

/** A megabyte in bytes. */
export const MEGABYTE = 1 << 20;
/** Whether processes can be kept to one core here. */
export const canPin = availableParallelism() > 1 && spawnSync("taskset", ["-p", String(process.pid)]).status === 0;
/** The beginning of commands that run on the other core than the attacker. */
export const other: readonly string[] = canPin ? ["taskset", "-c", "1"] : [];
const READINGS = 3;

/** Puts this process, which attacks and answers as the backend, on the first core. */
export function pinAttacker(): void {
  if (canPin) spawnSync("taskset", ["-a", "-p", "-c", "0", String(process.pid)]);
}

/** Makes an attack while another client asks. */
export async function watch(attack: Attack, target: Target, times: Times): Promise<Watched> {
  const { attackMs, slowMs, isShort } = times;
  const settlesMs = attack.isSlow === true ? slowMs : 200;
  const attacking = attack.run(target, { ms: settlesMs + attackMs, isShort });
  await pause(settlesMs, "An attack takes its time to have an effect.");
  // A client must wait before the attacker is cut. That one request is no part of the median, but it must be answered.
  const first = attack.isSlow === true ? await probe(target, 1) : { failed: 0 };
  const probed = await probe(target, attackMs);
  return { ...probed, failed: first.failed + probed.failed, faults: await attacking };
}

/** Sends one request after the other for `ms`, and at least one. */
export async function probe({ port, host }: Target, ms: number): Promise<Probed> {
  const script = join(import.meta.dirname, "probe.ts");
  const [command, ...args] = [...other, process.execPath, script, String(port), host, String(ms)];
  const { stdout } = await promisify(execFile)(command, args);
  return JSON.parse(stdout) as Probed;
}

/** Resident memory after a garbage collection: the least of three readings, since a runtime gives pages back slowly. */
export async function settledBytes(gateway: Gateway): Promise<number> {
  let lowest = Number.POSITIVE_INFINITY;
  for (let reading = 0; reading < READINGS; reading++) {
    await gateway.collect();
    await pause(1_000, "A runtime gives pages back over time.");
    lowest = Math.min(lowest, gateway.residentBytes());
  }
  return lowest;
}
