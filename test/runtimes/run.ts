/**
 * `npm run runtimes -- [RUNTIME…]`: runs one suite against the same bundle on Node, Deno and Bun with `lasthop serve`, and
 * on workerd. It prints what a runtime cannot carry, with the reason. The last line counts the checks.
 */
import { seenBy } from "../last-hop/seen.ts";
import { startServers } from "../last-hop/servers.ts";
import { startBackends } from "./backends.ts";
import type { At, Check } from "./check.ts";
import { CHECKS } from "./checks/all.ts";
import { makeCluster } from "./cluster.ts";
import { RUNTIMES, startRuntime } from "./hosts.ts";

/** The time limit of a check that has none of its own. */
const CHECK_MS = 40_000;

const names = process.argv.slice(2);
const runtimes = names.length === 0 ? RUNTIMES : RUNTIMES.filter((runtime) => names.includes(runtime));
const servers = await startServers();
const backends = await startBackends();
const cluster = await makeCluster(backends, servers);
const table = new Map<string, string[]>(CHECKS.map(({ name }) => [name, []]));
const problems: string[] = [];
const reasons: string[] = [];
const counts = { passed: 0, failed: 0, lacking: 0 };

for (const runtime of runtimes) {
  const serving = await startRuntime(runtime, cluster);
  const at: At = {
    runtime,
    backends,
    cluster,
    serving,
    port(listener) {
      const port = serving.ports.get(listener);
      if (port === undefined) throw new RangeError(`${runtime} has no listener on port ${listener}`);
      return port;
    },
    requestBytes,
  };
  try {
    for (const check of CHECKS) table.get(check.name)?.push(await outcome(check, at));
  } finally {
    await serving.kill();
  }
}
await backends.close();
await servers.close();

const width = Math.max(...CHECKS.map(({ name }) => name.length));
console.log(`| ${"check".padEnd(width)} | ${runtimes.map((each) => each.padEnd(7)).join(" | ")} |`);
console.log(`| ${"-".repeat(width)} | ${runtimes.map(() => "-".repeat(7)).join(" | ")} |`);
for (const [name, row] of table)
  console.log(`| ${name.padEnd(width)} | ${row.map((each) => each.padEnd(7)).join(" | ")} |`);
for (const line of [...reasons, ...problems]) console.log(line);
console.log(`${counts.passed} passed, ${counts.failed} failed, ${counts.lacking} not carried`);
process.exit(counts.failed === 0 ? 0 : 1);

/** Runs a check, and resolves with the cell of the table. */
async function outcome(check: Check, at: At): Promise<string> {
  if (check.only?.includes(at.runtime) === false) return "-";
  const lack = check.lacks?.[at.runtime];
  const run = lack === undefined ? check.run : (lack.run ?? (() => Promise.resolve()));
  const problem = await withinLimit(run(at), check.limitMs ?? CHECK_MS).then(
    () => null,
    (error: unknown) => (error instanceof Error ? (error.stack ?? error.message) : String(error)),
  );
  if (problem !== null) {
    counts.failed++;
    problems.push(`FAILED ${at.runtime}: ${check.name}: ${problem}`);
    return "FAILED";
  }
  if (lack === undefined) {
    counts.passed++;
    return "ok";
  }
  counts.lacking++;
  reasons.push(`lacks ${at.runtime}: ${check.name}: ${lack.reason}`);
  return lack.run === undefined ? "lacks" : "lacks, seen";
}

function withinLimit(run: Promise<void>, limitMs: number): Promise<void> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => late.reject(new Error(`not done after ${limitMs} ms`)), limitMs);
  return Promise.race([run, late.promise]).finally(() => clearTimeout(timer));
}

async function requestBytes(server: string): Promise<number> {
  return (await seenBy(servers.fixtures.controlPort, server)).requestBytes;
}
