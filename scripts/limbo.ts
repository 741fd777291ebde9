/**
 * `npm run limbo -- FILE.json[.gz]… [--profile private|strict] [--json OUT] [--ledger FILE] [--update-ledger]`
 *
 * Runs x509-limbo cases (https://x509-limbo.com, schema version 1) against trust/. No case is skipped: one that a
 * verifier's options cannot express is a disagreement. Rules waive some disagreements, and the answer to a known case must
 * equal the ledger's. Exit 1 when a disagreement is not waived, or an answer differs from the ledger's.
 */
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { reportTally, tally } from "./abstentions.ts";
import { readCases } from "./limbo/cases.ts";
import { type Outcome, type Profile, ask, judge } from "./limbo/judge.ts";
import { type Standing, compare, extend, readLedger, writeLedger } from "./limbo/ledger.ts";

const LEDGER = join(import.meta.dirname, "../test/trust/limbo-ledger.txt");

/** The highest share of accepted paths that the witness did not judge. Measured: 3 of 464 with limbo-dev-small.json. */
const MAX_ABSTAINED_PERCENT = 5;

/** An outcome with its comparison to the ledger. */
type Result = Outcome & { readonly ledger: Standing };

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      profile: { type: "string", default: "private" },
      json: { type: "string" },
      ledger: { type: "string", default: LEDGER },
      "update-ledger": { type: "boolean", default: false },
    },
  });
  const { profile } = values;
  if (positionals.length === 0 || (profile !== "private" && profile !== "strict")) {
    console.error(
      "usage: npm run limbo -- FILE.json[.gz]... [--profile private|strict] [--json OUT] [--ledger FILE] [--update-ledger]",
    );
    return 2;
  }
  if (values["update-ledger"]) return updateLedger(positionals, values.ledger);
  const cases = positionals.flatMap(readCases);
  const ledger = readLedger(values.ledger);
  // The first verdicts of a process take longer, because V8 compiles the code; they are not measured.
  for (const testcase of cases.slice(0, 20)) await ask(testcase, profile);
  const results: Result[] = [];
  for (const testcase of cases) {
    const outcome = await judge(testcase, profile);
    results.push({ ...outcome, ledger: compare(ledger, testcase, outcome, profile) });
  }
  if (values.json !== undefined)
    writeFileSync(values.json, `${JSON.stringify({ profile, outcomes: results }, null, 2)}\n`);
  return report(results, profile) ? 0 : 1;
}

/** Writes the answers to all cases of `files` to the ledger. A disagreement that no rule waives is only reported. */
async function updateLedger(files: readonly string[], file: string): Promise<number> {
  const answered: Parameters<typeof extend>[1][number][] = [];
  const open: Outcome[] = [];
  for (const testcase of files.flatMap(readCases)) {
    const [underPrivate, strict] = [await judge(testcase, "private"), await judge(testcase, "strict")];
    const bad = [underPrivate, strict].filter(({ kind, waivedBy }) => kind !== "agrees" && waivedBy === null);
    open.push(...bad);
    if (bad.length === 0) answered.push({ testcase, answers: { private: underPrivate.answer, strict: strict.answer } });
  }
  for (const { id, kind, verdict } of open) console.log(`DISAGREES, not kept  ${kind}  ${id}  ${verdict}`);
  writeLedger(file, extend(existsSync(file) ? readLedger(file) : new Map(), answered));
  console.log(`${answered.length} cases kept in ${file}, ${open.length} answers not waived`);
  return open.length === 0 ? 0 : 1;
}

function report(results: readonly Result[], profile: Profile): boolean {
  const disagreements = results.filter(({ kind }) => kind !== "agrees");
  for (const { id, kind, verdict, waivedBy } of disagreements) {
    console.log(`${waivedBy === null ? "DISAGREES" : `waived (${waivedBy})`}  ${kind}  ${id}  ${verdict}`);
  }
  let known = 0;
  let changed = 0;
  for (const { id, ledger, answer } of results) {
    if (ledger.kind !== "unknown") known++;
    if (ledger.kind !== "differs") continue;
    changed++;
    console.log(`CHANGED  ${id}  kept ${ledger.kept}, now ${answer}`);
  }
  console.log(`\nprofile ${profile}`);
  reportSpaces(results);
  const slowest = results.toSorted((a, b) => b.cpuMs - a.cpuMs)[0];
  if (slowest !== undefined) console.log(`slowest case ${slowest.id}: ${slowest.cpuMs.toFixed(1)} ms of CPU`);
  const testimonies = results.flatMap(({ witness }) => (witness === null ? [] : [witness]));
  const judged = reportTally(tally(testimonies), MAX_ABSTAINED_PERCENT);
  const open = disagreements.filter(({ waivedBy }) => waivedBy === null).length;
  const agreed = results.length - disagreements.length;
  console.log(`${known} of ${results.length} cases are in the ledger, ${changed} of them answered otherwise`);
  console.log(
    `${agreed} of ${results.length} agree, ${disagreements.length - open} disagreements waived, ${open} not waived`,
  );
  return open === 0 && changed === 0 && judged;
}

function reportSpaces(results: readonly Result[]): void {
  const spaces = Map.groupBy(results, ({ id }) =>
    id.startsWith("bettertls") ? id.split("::").slice(0, 2).join("::") : (id.split("::")[0] ?? id),
  );
  for (const [space, cases] of [...spaces].toSorted(([a], [b]) => (a < b ? -1 : 1))) {
    const count = (kind: Outcome["kind"], waived: boolean): number =>
      cases.filter((outcome) => outcome.kind === kind && (outcome.waivedBy !== null) === waived).length;
    console.log(
      `${space.padEnd(28)} ${count("agrees", false)} of ${cases.length} agree` +
        `; false accepts ${count("false-accept", false)} (waived ${count("false-accept", true)})` +
        `; false rejects ${count("false-reject", false)} (waived ${count("false-reject", true)})`,
    );
  }
}

if (import.meta.main) process.exitCode = await main();
