/**
 * `npm run attacks [-- NAME…] [--short] [--runtime node|deno|bun]`: each attack against each runtime, and against nginx in
 * turn with it, while another client asks. It passes when that client's median is within three times its idle one, or no
 * worse than nginx's own ratio; when nothing that the client asked failed; and when memory after the third run is within a
 * tenth of that after the first, and within 64 MB of idle a minute later. `--short`: once each, Node, and memory's growth
 * alone. Attacker and backend have one core, the gateway and the client that asks the other.
 */
import { execFile, spawnSync } from "node:child_process";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { parseArgs, promisify } from "node:util";
import { setTimeout as pause } from "node:timers/promises";
import type { ServingRuntime } from "../runtimes/hosts.ts";
import { type Attack, ATTACKS, type Bounds } from "./all.ts";
import { type Peer, startNginx } from "./nginx.ts";
import { type Gateway, startGateway, type Target } from "./target.ts";

interface Probed {
  readonly medianMs: number | null;
  readonly answered: number;
  readonly failed: number;
}

interface Outcome {
  readonly ratio: number;
  readonly failed: number;
  readonly rssBytes: number;
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { short: { type: "boolean", default: false }, runtime: { type: "string", multiple: true } },
});
const isShort = values.short;
const runtimes = (values.runtime ?? (isShort ? ["node"] : ["node", "deno", "bun"])) as readonly ServingRuntime[];
const attacks = ATTACKS.filter(
  ({ name }) => positionals.length === 0 || positionals.some((part) => name.includes(part)),
);
const RUNS = isShort ? 1 : 3;
const IDLE_MS = isShort ? 500 : 3_000;
const ATTACK_MS = isShort ? 1_500 : 8_000;
const SLOW_MS = isShort ? 6_000 : 15_000;
const MEGABYTE = 1 << 20;
const canPin = availableParallelism() > 1 && spawnSync("taskset", ["-p", String(process.pid)]).status === 0;
if (canPin) spawnSync("taskset", ["-a", "-p", "-c", "0", String(process.pid)]);
/** In front of the commands that have the other core. */
const other = canPin ? ["taskset", "-c", "1"] : [];
const counts = { passed: 0, failed: 0 };

console.log(
  `| attack | runtime | idle p50 | under attack | ratio | nginx's | failed | RSS idle, 1st${isShort ? "" : ", 3rd, later"} (MB) | |`,
);
console.log("| --- | --- | --- | --- | --- | --- | --- | --- | --- |");
for (const attack of attacks) for (const runtime of runtimes) await judge(attack, runtime);
if (!canPin) console.log("cores: not pinned, as this machine has one or no taskset");
console.log(`${counts.passed} passed, ${counts.failed} failed`);
process.exit(counts.failed === 0 ? 0 : 1);

async function judge(attack: Attack, runtime: ServingRuntime): Promise<void> {
  const gateway = await startGateway({ runtime, stdout: "ignore", under: other });
  const nginx = await startNginx(gateway, other);
  try {
    // A runtime that has just begun compiles as it goes.
    await probe(gateway, IDLE_MS);
    const idleBytes = gateway.residentBytes();
    const idle = await probe(gateway, IDLE_MS);
    const idleOfPeer = nginx === null ? null : await probe(nginx, IDLE_MS);
    const ours: Outcome[] = [];
    const peers: Outcome[] = [];
    for (let run = 0; run < RUNS; run++) {
      if (nginx !== null && idleOfPeer !== null) peers.push(await under(attack, nginx, idleOfPeer));
      ours.push(await under(attack, gateway, idle));
    }
    if (!isShort) await pause(60_000);
    report(attack, runtime, {
      idle,
      idleBytes,
      laterBytes: gateway.residentBytes(),
      ours,
      peers,
      isAlive: isAlive(gateway),
    });
  } finally {
    await nginx?.close();
    await gateway.close();
  }
}

async function under(attack: Attack, target: Gateway | Peer, idle: Probed): Promise<Outcome> {
  const [settlesMs, attackMs] = attack.isSlow === true ? [SLOW_MS, Math.max(ATTACK_MS, 4_000)] : [200, ATTACK_MS];
  const bounds: Bounds = { ms: settlesMs + attackMs, isShort };
  const attacking = attack.run(target, bounds);
  await pause(settlesMs);
  // One request: somebody must wait before others are cut. What it costs is not the median's.
  if (attack.isSlow === true) await probe(target, 1);
  const probed = await probe(target, attackMs);
  await attacking;
  const ratio = (probed.medianMs ?? Number.POSITIVE_INFINITY) / (idle.medianMs ?? Number.NaN);
  return { ratio, failed: probed.failed, rssBytes: target.residentBytes() };
}

interface Measured {
  readonly idle: Probed;
  readonly idleBytes: number;
  readonly laterBytes: number;
  readonly ours: readonly Outcome[];
  readonly peers: readonly Outcome[];
  readonly isAlive: boolean;
}

function report(
  attack: Attack,
  runtime: ServingRuntime,
  { idle, idleBytes, laterBytes, ours, peers, isAlive }: Measured,
): void {
  const ratio = median(ours.map((each) => each.ratio));
  const peer = peers.length === 0 ? Number.NaN : median(peers.map((each) => each.ratio));
  const failed = ours.reduce((sum, each) => sum + each.failed, 0);
  const [first = 0, last = 0] = [ours[0]?.rssBytes, ours.at(-1)?.rssBytes];
  const faults = [
    ...(isAlive ? [] : ["the process has ended"]),
    ...(ratio <= 3 || ratio <= peer ? [] : ["the median"]),
    ...(failed === 0 ? [] : ["requests failed"]),
    ...(isShort || last <= first * 1.1 ? [] : ["memory grows"]),
    ...(isShort || laterBytes - idleBytes <= 64 * MEGABYTE ? [] : ["memory stays"]),
    ...(!isShort || first - idleBytes <= 256 * MEGABYTE ? [] : ["memory"]),
  ];
  counts[faults.length === 0 ? "passed" : "failed"]++;
  const megabytes = [idleBytes, first, ...(isShort ? [] : [last, laterBytes])].map((bytes) =>
    Math.round(bytes / MEGABYTE),
  );
  const ms = idle.medianMs ?? Number.NaN;
  const cells = [attack.name, runtime, `${ms.toFixed(2)} ms`, `${(ms * ratio).toFixed(2)} ms`, ratio.toFixed(1)];
  const verdict = faults.length === 0 ? "ok" : `FAILED: ${faults.join(", ")}`;
  console.log(`| ${[...cells, peer.toFixed(1), failed, megabytes.join(", "), verdict].join(" | ")} |`);
}

function isAlive({ child }: Gateway): boolean {
  return child.exitCode === null && child.signalCode === null;
}

function median(numbers: readonly number[]): number {
  return numbers.toSorted((one, another) => one - another)[numbers.length >> 1] ?? Number.NaN;
}

async function probe({ port, host }: Target, ms: number): Promise<Probed> {
  const script = join(import.meta.dirname, "probe.ts");
  const [command, ...args] = [...other, process.execPath, script, String(port), host, String(ms)];
  const { stdout } = await promisify(execFile)(command, args);
  return JSON.parse(stdout) as Probed;
}
