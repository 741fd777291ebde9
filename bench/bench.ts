/**
 * `npm run bench [-- PART…]`: prints the tables of the README and docs/reports, as ratios to a peer measured in the same
 * run. Two environment variables make a run shorter: LASTHOP_BENCH_ROUNDS, the number of rounds of clients and gateways
 * without the warm-up round, and LASTHOP_BENCH_SECONDS, the length of a gateway's round.
 */
import { execFileSync } from "node:child_process";
import { cpus } from "node:os";
import { benchBuild } from "./build.ts";
import { benchCiphers } from "./ciphers.ts";
import { benchClient } from "./client.ts";
import { benchGateway } from "./gateway.ts";
import { benchIdle } from "./idle.ts";
import { benchIncremental } from "./incremental.ts";
import { benchMatch } from "./match.ts";
import { benchProfile } from "./profile.ts";
import { benchSize } from "./size.ts";
import { benchTrust } from "./trust.ts";
import { benchWorker } from "./worker.ts";
import { benchWorkers } from "./workers.ts";

const PARTS: Readonly<Record<string, () => Promise<void> | void>> = {
  client: benchClient,
  ciphers: benchCiphers,
  worker: benchWorker,
  gateway: benchGateway,
  workers: benchWorkers,
  idle: benchIdle,
  trust: benchTrust,
  match: benchMatch,
  build: benchBuild,
  incremental: benchIncremental,
  size: benchSize,
  profile: benchProfile,
};
/** The parts that run when none is named. A profile is no table. */
const TABLES = Object.keys(PARTS).filter((name) => name !== "profile");

const names = process.argv.slice(2);
const unknown = names.filter((name) => !Object.hasOwn(PARTS, name));
if (unknown.length > 0) {
  console.error(`bench: no part ${unknown.join(", ")}; there are ${Object.keys(PARTS).join(", ")}`);
  process.exit(2);
}
const commit = execFileSync("git", ["rev-parse", "--short", "HEAD"], { encoding: "utf8" }).trim();
console.log(
  `# Bench, ${new Date().toISOString().slice(0, 10)}, commit ${commit}, Node ${process.version}, ${cpus().length} cores\n`,
);
console.log("Ratios are medians over interleaved rounds of one run, with their range; times are this machine's.\n");
for (const name of names.length === 0 ? TABLES : names) await PARTS[name]?.();
