/**
 * `npm run removals -- [FILE.ts…] [--oracles-only] [--continue]`
 *
 * Removes each check of src/trust, one at a time, and asks which oracle or test sees it, that is, whose answer changes:
 * first the oracles (test/trust/rows.ts, x509-limbo, PKITS, random graphs), then the tests of trust/. Exit 1 when none of them sees the removal of a check that is not listed, with its reason, in test/trust/unseen-checks.json, and when the removal
 * of a listed one is seen. Findings are kept in .lasthop/removals.json, from which `--continue` goes on. It is run by hand
 * and not part of `.ci/run`.
 */
import { mkdirSync, readFileSync, rmSync } from "node:fs";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { Worker } from "node:worker_threads";
import { type Check, findChecks, keyOf } from "./removals/find.ts";
import { Findings } from "./removals/findings.ts";
import { askTests } from "./removals/tests.ts";
import type { Message } from "./removals/worker.ts";

const ROOT = resolve(import.meta.dirname, "..");
const KEPT = join(ROOT, "test/trust/unseen-checks.json");
const FOUND = join(ROOT, ".lasthop/removals.json");
/** The time limit for one check. Without a check, a loop may never end: the oracle then sees the removal. */
const ENDLESS_MS = 60_000;
const START_MS = 300_000;

/** A check whose removal no oracle or test sees, and the reason why that is right. */
interface Unseen {
  readonly file: string;
  readonly condition: string;
  readonly occurrence: number;
  readonly reason: string;
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { "oracles-only": { type: "boolean", default: false }, continue: { type: "boolean", default: false } },
});
mkdirSync(join(ROOT, ".lasthop"), { recursive: true });
if (!values.continue) rmSync(FOUND, { force: true });
const all = findChecks();
const checks = all.filter(({ file }) => positionals.length === 0 || positionals.includes(file));
const findings = new Findings(all, FOUND);
await askOracles(checks.filter((check) => findings.seenBy(check) === null && !findings.asked(check, "oracles")));
console.log(`the oracles see ${checks.filter((check) => findings.seenBy(check) !== null).length} of ${checks.length}`);
if (!values["oracles-only"]) await askTests(checks, findings);
report();

/** Asks the oracles about `asked`. A thread that does not end is replaced. */
async function askOracles(asked: readonly Check[]): Promise<void> {
  let remaining = asked.map(({ id }) => id);
  while (remaining.length > 0) {
    const stuck = await runThread(remaining);
    if (stuck === null) break;
    see(stuck, "an oracle, which never ends");
    remaining = remaining.slice(remaining.indexOf(stuck) + 1);
  }
  for (const check of asked) if (findings.seenBy(check) === null) findings.note(check, "oracles");
  findings.save();
}

function see(id: number, by: string): void {
  const check = all[id];
  if (check !== undefined) findings.see(check, by);
}

/** Runs a thread. Resolves with the check at which the thread no longer answered, or null when it has ended. */
function runThread(ids: readonly number[]): Promise<number | null> {
  return new Promise((done, failed) => {
    const worker = new Worker(new URL("./removals/worker.ts", import.meta.url), { workerData: ids });
    let now = -1;
    const stop = (): void => {
      void worker.terminate();
      if (now < 0) failed(new Error("the oracles do not start"));
      else done(now);
    };
    let timer = setTimeout(stop, START_MS);
    worker.on("message", (message: Message) => {
      clearTimeout(timer);
      timer = setTimeout(stop, ENDLESS_MS);
      if (message.kind === "ready") console.log(`${message.questions} questions`);
      else if (message.kind === "begins") now = message.id;
      else if (message.kind === "seen") see(message.id, message.by);
    });
    worker.on("error", failed);
    worker.on("exit", (code) => {
      clearTimeout(timer);
      if (code === 0) done(null);
    });
  });
}

function report(): void {
  const kept: readonly Unseen[] = JSON.parse(readFileSync(KEPT, "utf8"));
  const reasons = new Set(kept.map(keyOf));
  const unseen = checks.filter((check) => findings.seenBy(check) === null);
  const open = unseen.filter((check) => !reasons.has(keyOf(check)));
  for (const { file, line, condition } of open) console.log(`UNSEEN  ${file}:${line}  ${condition}`);
  const names = new Set(unseen.map(keyOf));
  const isAsked = ({ file }: Unseen): boolean => positionals.length === 0 || positionals.includes(file);
  // A listed check that is gone or seen must leave the list: a later check with the same condition would pass as listed.
  const stale = values["oracles-only"] ? [] : kept.filter((one) => !names.has(keyOf(one)) && isAsked(one));
  for (const { file, condition } of stale) console.log(`STALE   ${file}  ${condition}: it is seen, or no longer there`);
  console.log(
    `${checks.length} checks: ${checks.length - unseen.length} seen, ${unseen.length - open.length} unseen with a reason, ${open.length} unseen`,
  );
  process.exitCode = open.length + stale.length === 0 ? 0 : 1;
}
