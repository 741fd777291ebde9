/**
 * `npm run removals -- [FILE.ts…] [--oracles-only] [--json OUT]`
 *
 * Removes each check of src/trust, one at a time, and asks whether anybody sees it: first the oracles (test/trust/rows.ts,
 * x509-limbo, PKITS, random graphs), then, for what they do not see, the tests of trust/. Exit 1 when a check can go
 * unseen that does not stand, with its reason, in test/trust/unseen-checks.json. Run by hand; not in `.ci/run`.
 */
import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { Worker } from "node:worker_threads";
import { type Check, findChecks } from "./removals/find.ts";
import type { Message } from "./removals/worker.ts";

const ROOT = resolve(import.meta.dirname, "..");
const KEPT = join(ROOT, "test/trust/unseen-checks.json");
const FIRED = join(ROOT, ".lasthop/removals");
/** A removed check may leave a loop without an end: that is seen. */
const ENDLESS_MS = 60_000;
const START_MS = 300_000;

/** A check that nobody sees, and why that is no fault of a gate. */
interface Unseen {
  readonly file: string;
  readonly condition: string;
  readonly reason: string;
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { "oracles-only": { type: "boolean", default: false }, json: { type: "string" } },
});
const checks = findChecks().filter(({ file }) => positionals.length === 0 || positionals.includes(file));
const seen = new Map<number, string>();
await askOracles(checks);
console.log(`the oracles see ${seen.size} of ${checks.length}`);
if (!values["oracles-only"]) askTests(checks.filter(({ id }) => !seen.has(id)));
report();

/** Fills `seen` with what the oracles see. A thread that does not end is replaced. */
async function askOracles(all: readonly Check[]): Promise<void> {
  let left = all.map(({ id }) => id);
  while (left.length > 0) {
    const stuck = await runThread(left);
    if (stuck === null) return;
    seen.set(stuck, "never ends");
    left = left.slice(left.indexOf(stuck) + 1);
  }
}

/** Resolves with the check at which the thread stopped to answer, or null at the end. */
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
      else if (message.kind === "seen") seen.set(message.id, message.by);
    });
    worker.on("error", failed);
    worker.on("exit", (code) => {
      clearTimeout(timer);
      if (code === 0) done(null);
    });
  });
}

/** Runs, for each check, the test files in which it decides something. */
function askTests(all: readonly Check[]): void {
  rmSync(FIRED, { recursive: true, force: true });
  mkdirSync(FIRED, { recursive: true });
  if (!runTests([], { LASTHOP_FIRED: FIRED })) throw new Error("the tests of trust/ fail with no check removed");
  const files = readdirSync(FIRED).map((name) => {
    const ids: readonly number[] = JSON.parse(readFileSync(join(FIRED, name), "utf8"));
    return { test: join("test/trust", name.replace(/\.json$/u, "")), ids: new Set(ids) };
  });
  for (const { id, file, line, condition } of all) {
    const tests = files.filter(({ ids }) => ids.has(id)).map(({ test }) => test);
    const passes = tests.length === 0 || runTests(tests, { LASTHOP_REMOVED: `${id}` });
    if (!passes) seen.set(id, "a test of trust/");
    console.log(`${passes ? "unseen" : "seen  "}  ${file}:${line}  ${condition}  (${tests.length} test files)`);
  }
}

function runTests(tests: readonly string[], env: Readonly<Record<string, string>>): boolean {
  const config = join("scripts", "removals", "vitest.config.ts");
  const args = [join("node_modules", "vitest", "vitest.mjs"), "run", "--config", config, "--bail", "1", ...tests];
  const { status } = spawnSync(process.execPath, args, {
    cwd: ROOT,
    env: { ...process.env, ...env },
    stdio: "ignore",
    timeout: 180_000,
  });
  return status === 0;
}

function report(): void {
  const kept: readonly Unseen[] = JSON.parse(readFileSync(KEPT, "utf8"));
  const unseen = checks.filter(({ id }) => !seen.has(id));
  const open = unseen.filter(
    ({ file, condition }) => !kept.some((one) => one.file === file && one.condition === condition),
  );
  for (const { file, line, condition } of open) console.log(`UNSEEN  ${file}:${line}  ${condition}`);
  if (values.json !== undefined) {
    const lines = checks.map((check) => ({ ...check, seenBy: seen.get(check.id) ?? null }));
    writeFileSync(values.json, `${JSON.stringify(lines, null, 2)}\n`);
  }
  console.log(
    `${checks.length} checks: ${seen.size} seen, ${unseen.length - open.length} unseen with a reason, ${open.length} unseen`,
  );
  process.exitCode = open.length === 0 ? 0 : 1;
}
