/**
 * `npm run removals -- [FILE.ts…] [--oracles-only] [--json OUT] [--after OUT]`
 *
 * Removes each check of src/trust, one at a time, and asks whether anybody sees it: first the oracles (test/trust/rows.ts,
 * x509-limbo, PKITS, random graphs), then, for what they do not see, the tests of trust/. Exit 1 when a check can go
 * unseen that does not stand, with its reason, in test/trust/unseen-checks.json. Run by hand; not in `.ci/run`.
 */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { Worker } from "node:worker_threads";
import { type Check, findChecks } from "./removals/find.ts";
import type { Fired } from "./removals/setup.ts";
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
  options: { "oracles-only": { type: "boolean", default: false }, json: { type: "string" }, after: { type: "string" } },
});
const checks = findChecks().filter(({ file }) => positionals.length === 0 || positionals.includes(file));
const seen = new Map<number, string>();
if (values.after === undefined) await askOracles(checks);
else resume(values.after);
console.log(`the oracles see ${seen.size} of ${checks.length}`);
if (!values["oracles-only"]) askTests(checks.filter(({ id }) => !seen.has(id)));
report();

/** Takes what an earlier run with `--json` has seen, by file and condition: sources may have moved by some lines. */
function resume(file: string): void {
  const earlier: readonly (Check & { seenBy: string | null })[] = JSON.parse(readFileSync(file, "utf8"));
  for (const { id, file: name, condition } of checks) {
    const seenBy = earlier.find((one) => one.file === name && one.condition === condition)?.seenBy ?? null;
    if (seenBy !== null) seen.set(id, seenBy);
  }
}

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

/**
 * Asks the tests of trust/. One run of a test file answers for many checks at once: a group in which no test is decided
 * by two of them, so that a failing test tells which one it saw.
 */
function askTests(all: readonly Check[]): void {
  rmSync(FIRED, { recursive: true, force: true });
  mkdirSync(FIRED, { recursive: true });
  runTests([], { LASTHOP_FIRED: FIRED });
  const files = readdirSync(FIRED).map((name): TestFile => {
    const fired: Fired = JSON.parse(readFileSync(join(FIRED, name), "utf8"));
    return { path: join("test/trust", name.replace(/\.json$/u, "")), fired };
  });
  for (const file of files) {
    const before = runTests([file.path], {});
    for (const group of groupsFor(
      file,
      all.filter(({ id }) => !seen.has(id)),
    )) {
      const failed = runTests([file.path], { LASTHOP_REMOVED: group.join(",") });
      for (const id of group) {
        if (failed === null || testsOf(file, id).some((test) => failed.has(test) && before?.has(test) === false))
          seen.set(id, file.path);
      }
    }
    console.log(`${file.path}: ${seen.size} seen`);
  }
}

interface TestFile {
  readonly path: string;
  readonly fired: Fired;
}

/** The tests that a check decides something in. What it decides outside of tests may show in each of them. */
function testsOf({ fired: { outside, tests } }: TestFile, id: number): string[] {
  return Object.keys(tests).filter((name) => outside.includes(id) || tests[name]?.includes(id) === true);
}

function groupsFor(file: TestFile, all: readonly Check[]): number[][] {
  const groups: { ids: number[]; tests: Set<string> }[] = [];
  for (const { id } of all) {
    const tests = new Set(testsOf(file, id));
    if (tests.size === 0) continue;
    const free = groups.find((group) => ![...tests].some((test) => group.tests.has(test)));
    if (free === undefined) groups.push({ ids: [id], tests });
    else {
      free.ids.push(id);
      for (const test of tests) free.tests.add(test);
    }
  }
  return groups.map(({ ids }) => ids);
}

/** The names of the tests that fail; null when the file does not even load, or does not end. */
function runTests(paths: readonly string[], env: Readonly<Record<string, string>>): Set<string> | null {
  const out = join(ROOT, ".lasthop/removals.json");
  rmSync(out, { force: true });
  const config = join("scripts", "removals", "vitest.config.ts");
  const vitest = join("node_modules", "vitest", "vitest.mjs");
  spawnSync(
    process.execPath,
    [vitest, "run", "--config", config, "--reporter", "json", "--outputFile", out, ...paths],
    {
      cwd: ROOT,
      env: { ...process.env, ...env },
      stdio: "ignore",
      timeout: 300_000,
    },
  );
  return existsSync(out) ? failuresIn(readFileSync(out, "utf8")) : null;
}

function failuresIn(text: string): Set<string> | null {
  interface Report {
    readonly testResults: readonly {
      readonly status: string;
      readonly assertionResults: readonly {
        readonly status: string;
        readonly title: string;
        readonly ancestorTitles: readonly string[];
      }[];
    }[];
  }
  const { testResults }: Report = JSON.parse(text);
  if (testResults.some(({ status, assertionResults }) => status === "failed" && assertionResults.length === 0))
    return null;
  return new Set(
    testResults
      .flatMap(({ assertionResults }) => assertionResults)
      .filter(({ status }) => status === "failed")
      .map(({ ancestorTitles, title }) => [...ancestorTitles, title].join(" > ")),
  );
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
