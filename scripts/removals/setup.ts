/**
 * The setup of each test file: installs the switches, removes in each test the check that the plan names for it, and
 * writes to a file which checks decided something in which test.
 */
import { writeFileSync } from "node:fs";
import { afterAll, afterEach, beforeEach, expect, inject } from "vitest";
import { installSwitches } from "./find.ts";
import type { Fired, Plan } from "./runner.ts";

declare module "vitest" {
  interface ProvidedContext {
    readonly removalPlan: Plan;
    readonly firedFile: string;
  }
}

const plan = inject("removalPlan");
const outside = new Set<number>();
const tests: Record<string, number[]> = {};
let now = outside;
let removed = plan.outside;
installSwitches(
  (id) => id === removed,
  (id) => void now.add(id),
);

const currentTest = (): string => expect.getState().currentTestName ?? "";

beforeEach(() => {
  now = new Set();
  removed = plan.tests[currentTest()] ?? null;
});
afterEach(() => {
  tests[currentTest()] = [...now];
  now = outside;
  removed = plan.outside;
});
afterAll(() => {
  const fired: Fired = { outside: [...outside], tests };
  writeFileSync(inject("firedFile"), JSON.stringify(fired));
});
