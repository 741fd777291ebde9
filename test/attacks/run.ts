/**
 * `npm run attacks [-- NAME…] [--short] [--runtime node|deno|bun]`: each attack against nginx and against each runtime in
 * turn, three rounds of them, while another client asks. A runtime passes when that client's median is within three times
 * its idle one, or no worse than nginx's own ratio; when nothing that the client asked failed; and when memory after the
 * third round is within a tenth of that after the first, and within 64 MB of idle a minute later. Memory is read once the
 * runtime's garbage is collected (`settledBytes`).
 * Attacker and backend have one core, the gateway and the client that asks the other. `--short` is in short.ts.
 */
import { parseArgs } from "node:util";
import type { ServingRuntime } from "../runtimes/hosts.ts";
import { ATTACKS } from "./all.ts";
import type { Attack } from "./attack.ts";
import { startNginx } from "./nginx.ts";
import { runShort } from "./short.ts";
import { type Gateway, startGateway, type Target } from "./target.ts";
import {
  canPin,
  MEGABYTE,
  other,
  pinAttacker,
  type Probed,
  probe,
  settledBytes,
  watch,
  type Watched,
} from "./watch.ts";
import { pause } from "../support/pause.ts";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { short: { type: "boolean", default: false }, runtime: { type: "string", multiple: true } },
});
const runtimes = (values.runtime ?? ["node", "deno", "bun"]) as readonly ServingRuntime[];
const attacks = ATTACKS.filter(
  ({ name }) => positionals.length === 0 || positionals.some((part) => name.includes(part)),
);
const ROUNDS = 3;
const IDLE_MS = 3_000;
const LATER_MS = 60_000;
const TIMES = { attackMs: 5_000, slowMs: 15_000, isShort: false } as const;
pinAttacker();
if (!canPin) console.log("cores: not pinned, as this machine has one or no taskset");
if (values.short) process.exit((await runShort(attacks)) ? 0 : 1);

const counts = { passed: 0, failed: 0 };
const heads = [
  "attack",
  "runtime",
  "idle p50",
  "under attack",
  "ratio",
  "nginx's",
  "RSS idle, 1st, 3rd, later (MB)",
  "",
];
for (const cells of [heads, heads.map(() => "---")]) console.log(`| ${cells.join(" | ")} |`);
/** Gateways that were attacked and are read a minute later, while the next attack runs. */
const settling: Promise<void>[] = [];
for (const attack of attacks) {
  const all = await attackAll(attack);
  settling.push(
    ...all.map((attacked) =>
      pause(LATER_MS, "What a gateway keeps is read a minute later.").then(() => report(attack, attacked)),
    ),
  );
}
await Promise.all(settling);
console.log(`${counts.passed} passed, ${counts.failed} failed`);
process.exit(counts.failed === 0 ? 0 : 1);

interface Attacked {
  readonly gateway: Gateway;
  readonly runtime: ServingRuntime;
  readonly idle: Probed;
  readonly idleBytes: number;
  readonly rounds: Round[];
  /** The peer; null when nginx is not installed, or the attack does not concern it. */
  readonly peer: Peer | null;
}

interface Round extends Watched {
  readonly rssBytes: number;
}

interface Peer {
  readonly idle: Probed;
  readonly rounds: Watched[];
}

async function attackAll(attack: Attack): Promise<readonly Attacked[]> {
  const attacked: Attacked[] = [];
  let nginx: (Target & { close(): Promise<void> }) | null = null;
  let peer: Peer | null = null;
  for (const runtime of runtimes) {
    const options = { runtime, stdout: "ignore", under: other, withOthers: true, withCollector: true } as const;
    const gateway = await startGateway(options);
    if (attack.isOfBackend !== true && nginx === null && (nginx = await startNginx(gateway, other)) !== null) {
      peer = { idle: await probe(nginx, IDLE_MS), rounds: [] };
    }
    // A runtime that has just begun compiles its code while it serves.
    await probe(gateway, IDLE_MS);
    const idleBytes = await settledBytes(gateway);
    attacked.push({ gateway, runtime, idle: await probe(gateway, IDLE_MS), idleBytes, rounds: [], peer });
  }
  for (let round = 0; round < ROUNDS; round++) {
    if (nginx !== null) peer?.rounds.push(await watch(attack, nginx, TIMES));
    for (const { gateway, rounds } of attacked) {
      const watched = await watch(attack, gateway, TIMES);
      rounds.push({ ...watched, rssBytes: isAlive(gateway) ? await settledBytes(gateway) : Number.NaN });
    }
  }
  await nginx?.close();
  return attacked;
}

async function report(attack: Attack, { gateway, runtime, idle, idleBytes, rounds, peer }: Attacked): Promise<void> {
  const lives = isAlive(gateway);
  const laterBytes = lives ? await settledBytes(gateway) : Number.NaN;
  await gateway.close();
  const ratio = ratioOf(rounds, idle);
  const peers = peer === null ? Number.NaN : ratioOf(peer.rounds, peer.idle);
  const failed = rounds.reduce((sum, each) => sum + each.failed, 0);
  const [first = Number.NaN, last = Number.NaN] = [rounds[0]?.rssBytes, rounds.at(-1)?.rssBytes];
  const faults = [
    ...new Set(rounds.flatMap((each) => each.faults)),
    ...(lives ? [] : ["the process has ended"]),
    ...(ratio <= 3 || ratio <= peers ? [] : ["the median"]),
    ...(failed === 0 ? [] : [`${failed} requests failed`]),
    ...(last <= first * 1.1 ? [] : ["memory grows"]),
    ...(laterBytes - idleBytes <= 64 * MEGABYTE ? [] : ["memory stays"]),
  ];
  counts[faults.length === 0 ? "passed" : "failed"]++;
  const megabytes = [idleBytes, first, last, laterBytes].map((bytes) => Math.round(bytes / MEGABYTE));
  const ms = idle.medianMs ?? Number.NaN;
  const cells = [attack.name, runtime, `${ms.toFixed(2)} ms`, `${(ms * ratio).toFixed(2)} ms`, ratio.toFixed(1)];
  const faultsOfPeer = [...new Set(peer?.rounds.flatMap((each) => each.faults))].map((fault) => ` (${fault})`);
  const ofPeer = peer === null ? "-" : `${peers.toFixed(1)}${faultsOfPeer.join("")}`;
  const verdict = faults.length === 0 ? "ok" : `FAILED: ${faults.join(", ")}`;
  console.log(`| ${[...cells, ofPeer, megabytes.join(", "), verdict].join(" | ")} |`);
}

/** The median of the medians under attack, as a ratio to the idle one; infinite when nothing was answered. */
function ratioOf(rounds: readonly Probed[], idle: Probed): number {
  const medians = rounds.map(({ medianMs }) => medianMs ?? Number.POSITIVE_INFINITY);
  const middle = medians.toSorted((one, another) => one - another)[medians.length >> 1] ?? Number.NaN;
  return middle / (idle.medianMs ?? Number.NaN);
}

function isAlive({ child }: Gateway): boolean {
  return child.exitCode === null && child.signalCode === null;
}
