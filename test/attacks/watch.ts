/** What another client and the process's memory say while a gateway is attacked. */
import { execFile, spawnSync } from "node:child_process";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import type { Attack } from "./attack.ts";
import type { Gateway, Target } from "./target.ts";
import { pause } from "../support/pause.ts";

/** What the other client got, asking one request after the other. */
export interface Probed {
  readonly medianMs: number | null;
  readonly answered: number;
  readonly failed: number;
}

export interface Watched extends Probed {
  /** Bounds that the attack saw broken, in words. */
  readonly faults: readonly string[];
}

export interface Times {
  /** How long the other client asks. */
  readonly attackMs: number;
  /** How long an attack that is slow to come about has before the other client asks. */
  readonly slowMs: number;
  readonly isShort: boolean;
}

export const MEGABYTE = 1 << 20;
export const canPin = availableParallelism() > 1 && spawnSync("taskset", ["-p", String(process.pid)]).status === 0;
/** In front of the commands that have the other core than the attacker's. */
export const other: readonly string[] = canPin ? ["taskset", "-c", "1"] : [];
const READINGS = 3;

/** Puts this process, which attacks and answers as the backend, on the first core. */
export function pinAttacker(): void {
  if (canPin) spawnSync("taskset", ["-a", "-p", "-c", "0", String(process.pid)]);
}

/** Attacks, while another client asks. */
export async function watch(attack: Attack, target: Target, times: Times): Promise<Watched> {
  const { attackMs, slowMs, isShort } = times;
  const settlesMs = attack.isSlow === true ? slowMs : 200;
  const attacking = attack.run(target, { ms: settlesMs + attackMs, isShort });
  await pause(settlesMs, "An attack takes its time to have an effect.");
  // One request: somebody must wait before others are cut. What it costs is not the median's, but it must be answered.
  const first = attack.isSlow === true ? await probe(target, 1) : { failed: 0 };
  const probed = await probe(target, attackMs);
  return { ...probed, failed: first.failed + probed.failed, faults: await attacking };
}

/** One request after the other for so long; at least one. */
export async function probe({ port, host }: Target, ms: number): Promise<Probed> {
  const script = join(import.meta.dirname, "probe.ts");
  const [command, ...args] = [...other, process.execPath, script, String(port), host, String(ms)];
  const { stdout } = await promisify(execFile)(command, args);
  return JSON.parse(stdout) as Probed;
}

/** What is resident once garbage is collected: the lowest of three readings, as a runtime gives pages back little by little. */
export async function settledBytes(gateway: Gateway): Promise<number> {
  let lowest = Number.POSITIVE_INFINITY;
  for (let reading = 0; reading < READINGS; reading++) {
    await gateway.collect();
    await pause(1_000, "A runtime gives pages back over time.");
    lowest = Math.min(lowest, gateway.residentBytes());
  }
  return lowest;
}
