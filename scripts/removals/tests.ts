/** Asks the tests of trust/ about the checks whose removal no oracle sees. */
import { type ChildProcess, fork } from "node:child_process";
import { createHash } from "node:crypto";
import { readFileSync, readdirSync } from "node:fs";
import { join, resolve } from "node:path";
import type { Check } from "./find.ts";
import type { Findings } from "./findings.ts";
import type { Answer, Ask, Fired, Plan } from "./runner.ts";

const ROOT = resolve(import.meta.dirname, "../..");
const TESTS = "test/trust";
/** Tests of commands, which run in other processes without switches, and random tests, which see removals by chance. */
const NOT_ASKED = ["limbo.test.ts", "pkits.test.ts", "properties.test.ts"];
/** The time limit of a run. Without a check, a loop may never end: the test then sees the removal. */
const ENDLESS_MS = 180_000;

/** A test file with the result of a run without removals. */
interface TestFile {
  readonly path: string;
  /** The name in findings: the path and the digest of the text. */
  readonly asker: string;
  readonly ms: number;
  readonly failed: readonly string[];
  readonly fired: Fired;
}

/**
 * Asks the test files, quickest first, about each check whose removal is not seen yet. One run of a file serves several
 * checks: in each test at most one of them is removed, so a failing test shows which removal it sees.
 */
export async function askTests(checks: readonly Check[], findings: Findings): Promise<void> {
  const runner = new Runner();
  const openChecksFor = (asker: string): Check[] =>
    checks.filter((check) => findings.seenBy(check) === null && !findings.asked(check, asker));
  const files: TestFile[] = [];
  for (const name of readdirSync(join(ROOT, TESTS))) {
    if (!name.endsWith(".test.ts") || NOT_ASKED.includes(name)) continue;
    const path = `${TESTS}/${name}`;
    const asker = `${path} ${createHash("sha256")
      .update(readFileSync(join(ROOT, path)))
      .digest("hex")
      .slice(0, 12)}`;
    if (openChecksFor(asker).length > 0) files.push(await runWhole(runner, path, asker));
  }
  for (const file of files.toSorted((a, b) => a.ms - b.ms)) {
    const open = openChecksFor(file.asker);
    const groups = groupsFor(file.fired, open);
    let runs = 0;
    for (const group of groups) {
      runs++;
      const answer = await runner.ask({ path: file.path, plan: planOf(group) });
      // A file that does not load fails for one check of the group: they are asked about one by one.
      if (answer.kind !== "ran" && group.length > 1) {
        groups.push(...group.map((one) => [one]));
        continue;
      }
      for (const { check, tests } of group) {
        const failed = answer.kind === "ran" ? answer.failed : tests;
        if (failed.some((test) => tests.includes(test) && !file.failed.includes(test))) findings.see(check, file.path);
        else findings.note(check, file.asker);
      }
      findings.save();
    }
    for (const check of open) if (findings.seenBy(check) === null) findings.note(check, file.asker);
    findings.save();
    const seen = open.filter((check) => findings.seenBy(check) !== null).length;
    console.log(`${file.path}: sees ${seen} of ${open.length}, in ${runs} runs of ${Math.round(file.ms / 100) / 10} s`);
  }
  runner.close();
}

async function runWhole(runner: Runner, path: string, asker: string): Promise<TestFile> {
  const start = performance.now();
  const answer = await runner.ask({ path, plan: { outside: null, tests: {} } });
  if (answer.kind !== "ran") throw new Error(`${path} does not run with every check in its place`);
  const { failed, fired } = answer;
  for (const test of failed) console.log(`FAILS   ${path}  ${test}, with every check in its place`);
  return { path, asker, ms: performance.now() - start, failed, fired };
}

/** A check and the tests in which it decides something: all tests, when it decides something outside of tests. */
interface AskedCheck {
  readonly check: Check;
  readonly tests: readonly string[];
  readonly outside: boolean;
}

function groupsFor(fired: Fired, open: readonly Check[]): AskedCheck[][] {
  const names = Object.keys(fired.tests);
  const groups: { readonly asked: AskedCheck[]; readonly taken: Set<string> }[] = [];
  for (const check of open) {
    const outside = fired.outside.includes(check.id);
    const tests = names.filter((name) => outside || fired.tests[name]?.includes(check.id) === true);
    if (tests.length === 0) continue;
    const free = groups.find(({ taken }) => !tests.some((test) => taken.has(test)));
    const group = free ?? { asked: [], taken: new Set() };
    if (free === undefined) groups.push(group);
    group.asked.push({ check, tests, outside });
    for (const test of tests) group.taken.add(test);
  }
  return groups.map(({ asked }) => asked);
}

function planOf(group: readonly AskedCheck[]): Plan {
  const tests = group.flatMap(({ check, tests: names }) => names.map((name) => [name, check.id] as const));
  return { outside: group.find(({ outside }) => outside)?.check.id ?? null, tests: Object.fromEntries(tests) };
}

/** The process that runs tests. After a run that did not end, the process is killed and started again. */
class Runner {
  #child: ChildProcess | null = null;

  ask(ask: Ask): Promise<Answer | { readonly kind: "endless" }> {
    this.#child ??= fork(join(import.meta.dirname, "runner.ts"), { stdio: "ignore" });
    const child = this.#child;
    return new Promise((done, failed) => {
      const timer = setTimeout(() => {
        finish();
        this.close();
        done({ kind: "endless" });
      }, ENDLESS_MS);
      const answered = (answer: Answer): void => {
        finish();
        done(answer);
      };
      const ended = (): void => {
        finish();
        this.#child = null;
        failed(new Error(`the process that runs ${ask.path} ended`));
      };
      const finish = (): void => {
        clearTimeout(timer);
        child.off("message", answered).off("exit", ended);
      };
      child.on("message", answered).on("exit", ended);
      child.send(ask);
    });
  }

  close(): void {
    this.#child?.kill("SIGKILL");
    this.#child = null;
  }
}
