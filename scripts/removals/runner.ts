/** The process that runs test files with checks removed, as its parent asks. A run that never ends is killed with it. */
import { existsSync, readFileSync, rmSync } from "node:fs";
import { join, resolve } from "node:path";
import { createVitest } from "vitest/node";

/** The ids of checks that decided something in one run of a test file: in each test by its name, and outside of tests. */
export interface Fired {
  readonly outside: readonly number[];
  readonly tests: Readonly<Record<string, readonly number[]>>;
}

/** The id of the check that is removed while each test runs, and of the one outside of tests. */
export interface Plan {
  readonly outside: number | null;
  readonly tests: Readonly<Record<string, number>>;
}

/** The message from the parent. */
export interface Ask {
  /** The path of the test file from the root of the repository. */
  readonly path: string;
  readonly plan: Plan;
}

/** The message to the parent. `broken` means that the file did not load. */
export type Answer =
  | { readonly kind: "ran"; readonly failed: readonly string[]; readonly fired: Fired }
  | { readonly kind: "broken" };

const ROOT = resolve(import.meta.dirname, "../..");
const FIRED = join(ROOT, ".lasthop/removals-fired.json");

const vitest = await createVitest({
  root: ROOT,
  config: join("scripts", "removals", "vitest.config.ts"),
  watch: false,
  reporters: [{}],
});
await vitest.standalone();
vitest.provide("firedFile", FIRED);
process.on("message", (ask: Ask) => void run(ask).then((answer) => process.send?.(answer)));
process.on("disconnect", () => process.exit());

async function run({ path, plan }: Ask): Promise<Answer> {
  vitest.provide("removalPlan", plan);
  rmSync(FIRED, { force: true });
  const specifications = await vitest.globTestSpecifications([path]);
  const whole = await vitest.runTestSpecifications(specifications);
  // The result also has the modules of earlier runs.
  const modules = whole.testModules.filter(({ moduleId }) => moduleId === join(ROOT, path));
  const tests = modules.flatMap(({ children }) => [...children.allTests()]);
  // An error outside of tests means that no test has a result of its own.
  if (tests.length === 0 || !existsSync(FIRED) || modules.some((module) => module.errors().length > 0)) {
    return { kind: "broken" };
  }
  const fired: Fired = JSON.parse(readFileSync(FIRED, "utf8"));
  const failed = tests.filter((test) => test.result().state === "failed").map(({ fullName }) => fullName);
  return { kind: "ran", failed, fired };
}
