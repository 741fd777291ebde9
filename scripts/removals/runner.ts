/** Runs a test file with checks removed, each time its parent process asks. A process, because some runs never end. */
import { existsSync, readFileSync, rmSync } from "node:fs";
import { join, resolve } from "node:path";
import { createVitest } from "vitest/node";

/** What one run of a test file fires: in each test by its name, and outside of tests. */
export interface Fired {
  readonly outside: readonly number[];
  readonly tests: Readonly<Record<string, readonly number[]>>;
}

/** Which check is removed while which test runs, and outside of tests. */
export interface Plan {
  readonly outside: number | null;
  readonly tests: Readonly<Record<string, number>>;
}

/** From the parent. */
export interface Ask {
  /** Of the test file, from the root of the repository. */
  readonly path: string;
  readonly plan: Plan;
}

/** To the parent. `broken`: the file did not load. */
export type Answer =
  | { readonly kind: "ran"; readonly failed: readonly string[]; readonly fired: Fired }
  | { readonly kind: "broken" };

const ROOT = resolve(import.meta.dirname, "../..");
const FIRED = join(ROOT, `.lasthop/removals-fired-${process.pid}.json`);

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
  const { testModules } = await vitest.runTestSpecifications(specifications);
  const tests = testModules.flatMap(({ children }) => [...children.allTests()]);
  if (tests.length === 0 || !existsSync(FIRED)) return { kind: "broken" };
  const fired: Fired = JSON.parse(readFileSync(FIRED, "utf8"));
  rmSync(FIRED);
  const failed = tests.filter((test) => test.result().state === "failed").map(({ fullName }) => fullName);
  // A hook of a file or a suite that fails belongs to each of its tests.
  return testModules.some((module) => module.errors().length > 0) ? { kind: "broken" } : { kind: "ran", failed, fired };
}
