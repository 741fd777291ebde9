/**
 * The short form, for machines that do other work: each attack once and a tenth of its size, one after the other against
 * one gateway on Node. A median says nothing there and is only printed. What must hold: the gateway lives, nothing that the
 * other client asked failed, memory grows by no more than 256 MB, connections to the backend are dialled at most twice
 * for each place of its pool.
 */
import { DEFAULT_POOL_LIMITS } from "../../src/backend/limits.ts";
import type { Attack } from "./attack.ts";
import { startGateway } from "./target.ts";
import { MEGABYTE, other, probe, watch } from "./watch.ts";

const TIMES = { attackMs: 800, slowMs: 3_000, isShort: true } as const;
const MAX_GROWN_BYTES = 256 * MEGABYTE;
/** The most dials: one for each place of an endpoint's pool, and another after a cut. Open connections are counted too late. */
const MAX_DIALLED = 2 * DEFAULT_POOL_LIMITS.connectionsPerKey;

/** Makes the attacks. Resolves with whether all passed. */
export async function runShort(attacks: readonly Attack[]): Promise<boolean> {
  console.log("| attack | p50 under attack (idle) | answered | failed | RSS before, after (MB) | dialled, at once | |");
  console.log("| --- | --- | --- | --- | --- | --- | --- |");
  const gateway = await startGateway({ stdout: "ignore", under: other, withOthers: true });
  let failures = 0;
  try {
    // A runtime that has just begun compiles its code while it serves.
    await probe(gateway, 500);
    const idle = await probe(gateway, 500);
    for (const attack of attacks) {
      const before = gateway.residentBytes();
      gateway.backend.reset();
      const { medianMs, answered, failed, faults: seen } = await watch(attack, gateway, TIMES);
      const isAlive = gateway.child.exitCode === null && gateway.child.signalCode === null;
      const after = isAlive ? gateway.residentBytes() : Number.NaN;
      const { dialled, peak } = gateway.backend;
      const faults = [
        ...seen,
        ...(isAlive ? [] : ["the process has ended"]),
        ...(failed === 0 && answered > 0 ? [] : ["requests failed"]),
        ...(after - before <= MAX_GROWN_BYTES ? [] : ["memory"]),
        ...(dialled <= MAX_DIALLED ? [] : ["connections to the backend"]),
      ];
      const cells = [attack.name, `${inMs(medianMs)} (${inMs(idle.medianMs)}) ms`, answered, failed];
      const megabytes = [before, after].map((bytes) => Math.round(bytes / MEGABYTE)).join(", ");
      const verdict = faults.length === 0 ? "ok" : `FAILED: ${faults.join(", ")}`;
      console.log(`| ${[...cells, megabytes, `${dialled}, ${peak}`, verdict].join(" | ")} |`);
      if (faults.length > 0) failures++;
      if (!isAlive) break;
    }
  } finally {
    await gateway.close();
  }
  console.log(`${attacks.length - failures} passed, ${failures} failed`);
  return failures === 0;
}

const inMs = (ms: number | null): string => (ms === null ? "-" : ms.toFixed(1));
