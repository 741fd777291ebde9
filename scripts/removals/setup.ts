/**
 * In each test file: the switches. LASTHOP_REMOVED names the removed checks, with commas between; LASTHOP_FIRED is a
 * directory for the checks that decided something, by test.
 */
import { writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { afterAll, afterEach, beforeEach, expect } from "vitest";
import { installSwitches } from "./find.ts";

/** What one test file fires: in each test by its name, and outside of tests. */
export interface Fired {
  readonly outside: readonly number[];
  readonly tests: Readonly<Record<string, readonly number[]>>;
}

const removed = new Set((process.env["LASTHOP_REMOVED"] ?? "").split(",").filter(Boolean).map(Number));
const directory = process.env["LASTHOP_FIRED"];
const outside = new Set<number>();
const tests: Record<string, number[]> = {};
let now = outside;
installSwitches(
  (id) => removed.has(id),
  (id) => void now.add(id),
);

beforeEach(() => {
  now = new Set();
});
afterEach(() => {
  tests[expect.getState().currentTestName ?? ""] = [...now];
  now = outside;
});
afterAll(() => {
  if (directory === undefined) return;
  const file = expect.getState().testPath ?? "unknown";
  const fired: Fired = { outside: [...outside], tests };
  writeFileSync(join(directory, `${basename(file)}.json`), JSON.stringify(fired));
});
