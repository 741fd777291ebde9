/**
 * `npm run attacks [-- NAME…] [--short] [--runtime node|deno|bun]`: each attack against each runtime, and against nginx in
 * turn with it, while another client asks. It passes when that client's median is within three times its idle one, or no
 * worse than nginx's own ratio; when nothing that the client asked failed; and when memory after the third run is within a
 * tenth of that after the first, and within 64 MB of idle a minute later. Memory is the lowest of ten readings in ten
 * seconds of few requests after a run, as garbage that V8 has not collected is not growth (`settledBytes`).
 * Attacker and backend have one core, the gateway and the client that asks the other. `--short` is in short.ts.
 */
import { parseArgs } from "node:util";
import { setTimeout as pause } from "node:timers/promises";
import type { ServingRuntime } from "../runtimes/hosts.ts";
import { type Attack, ATTACKS } from "./all.ts";
import { startNginx } from "./nginx.ts";
import { runShort } from "./short.ts";
import { startGateway, type Target } from "./target.ts";
import { canPin, MEGABYTE, other, pinAttacker, type Probed, probe, settledBytes, watch } from "./watch.ts";

interface Outcome {
  readonly ratio: number;
  readonly failed: number;
  readonly faults: readonly string[];
  readonly rssBytes: number;
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { short: { type: "boolean", default: false }, runtime: { type: "string", multiple: true } },
});
const runtimes = (values.runtime ?? ["node", "deno", "bun"]) as readonly ServingRuntime[];
const attacks = ATTACKS.filter(
  ({ name }) => positionals.length === 0 || positionals.some((part) => name.includes(part)),
);
const RUNS = 3;
const IDLE_MS = 3_000;
const TIMES = { attackMs: 8_000, slowMs: 15_000, isShort: false } as const;
pinAttacker();
if (!canPin) console.log("cores: not pinned, as this machine has one or no taskset");
if (values.short) process.exit((await runShort(attacks)) ? 0 : 1);

const counts = { passed: 0, failed: 0 };
console.log(
  "| attack | runtime | idle p50 | under attack | ratio | nginx's | failed | RSS idle, 1st, 3rd, later (MB) | |",
);
console.log("| --- | --- | --- | --- | --- | --- | --- | --- | --- |");
for (const attack of attacks) for (const runtime of runtimes) await judge(attack, runtime);
console.log(`${counts.passed} passed, ${counts.failed} failed`);
process.exit(counts.failed === 0 ? 0 : 1);

async function judge(attack: Attack, runtime: ServingRuntime): Promise<void> {
  const gateway = await startGateway({ runtime, stdout: "ignore", under: other, withOthers: true });
  const nginx = attack.isOfBackend === true ? null : await startNginx(gateway, other);
  try {
    // A runtime that has just begun compiles as it goes.
    await probe(gateway, IDLE_MS);
    const idleBytes = gateway.residentBytes();
    const idle = await probe(gateway, IDLE_MS);
    const idleOfPeer = nginx === null ? null : await probe(nginx, IDLE_MS);
    const ours: Outcome[] = [];
    const peers: number[] = [];
    for (let run = 0; run < RUNS; run++) {
      if (nginx !== null && idleOfPeer !== null) peers.push(ratioOf(await watch(attack, nginx, TIMES), idleOfPeer));
      ours.push(await under(attack, gateway, idle));
    }
    await pause(60_000);
    const isAlive = gateway.child.exitCode === null && gateway.child.signalCode === null;
    report(attack, runtime, { idle, idleBytes, laterBytes: gateway.residentBytes(), ours, peers, isAlive });
  } finally {
    await nginx?.close();
    await gateway.close();
  }
}

async function under(attack: Attack, target: Target, idle: Probed): Promise<Outcome> {
  const watched = await watch(attack, target, TIMES);
  const { failed, faults } = watched;
  return { ratio: ratioOf(watched, idle), failed, faults, rssBytes: await settledBytes(target) };
}

function ratioOf(probed: Probed, idle: Probed): number {
  return (probed.medianMs ?? Number.POSITIVE_INFINITY) / (idle.medianMs ?? Number.NaN);
}

interface Measured {
  readonly idle: Probed;
  readonly idleBytes: number;
  readonly laterBytes: number;
  readonly ours: readonly Outcome[];
  readonly peers: readonly number[];
  readonly isAlive: boolean;
}

function report(
  attack: Attack,
  runtime: ServingRuntime,
  { idle, idleBytes, laterBytes, ours, peers, isAlive }: Measured,
): void {
  const ratio = median(ours.map((each) => each.ratio));
  const peer = median(peers);
  const failed = ours.reduce((sum, each) => sum + each.failed, 0);
  const [first = 0, last = 0] = [ours[0]?.rssBytes, ours.at(-1)?.rssBytes];
  const faults = [
    ...new Set(ours.flatMap((each) => each.faults)),
    ...(isAlive ? [] : ["the process has ended"]),
    ...(ratio <= 3 || ratio <= peer ? [] : ["the median"]),
    ...(failed === 0 ? [] : ["requests failed"]),
    ...(last <= first * 1.1 ? [] : ["memory grows"]),
    ...(laterBytes - idleBytes <= 64 * MEGABYTE ? [] : ["memory stays"]),
  ];
  counts[faults.length === 0 ? "passed" : "failed"]++;
  const megabytes = [idleBytes, first, last, laterBytes].map((bytes) => Math.round(bytes / MEGABYTE));
  const ms = idle.medianMs ?? Number.NaN;
  const cells = [attack.name, runtime, `${ms.toFixed(2)} ms`, `${(ms * ratio).toFixed(2)} ms`, ratio.toFixed(1)];
  const verdict = faults.length === 0 ? "ok" : `FAILED: ${faults.join(", ")}`;
  console.log(
    `| ${[...cells, peers.length === 0 ? "-" : peer.toFixed(1), failed, megabytes.join(", "), verdict].join(" | ")} |`,
  );
}

function median(numbers: readonly number[]): number {
  return numbers.toSorted((one, another) => one - another)[numbers.length >> 1] ?? Number.NaN;
}
