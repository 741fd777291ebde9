/** Durations of the Gateway API (GEP-2257) in milliseconds. */
import { expect, test } from "vitest";
import { parseDuration } from "../../src/compile/kubernetes/durations.ts";

/** The test vectors of GEP-2257 ("Test Vectors"). */
const VECTORS: readonly (readonly [text: string, ms: number])[] = [
  ["0h", 0],
  ["0s", 0],
  ["0h0m0s", 0],
  ["1h", 3_600_000],
  ["30m", 1_800_000],
  ["10s", 10_000],
  ["500ms", 500],
  ["2h30m", 9_000_000],
  ["150m", 9_000_000],
  ["7230s", 7_230_000],
  ["1h30m10s", 5_410_000],
  ["10s30m1h", 5_410_000],
  ["100ms200ms300ms", 600],
  ["00060m", 3_600_000],
];

test.for(VECTORS)("%s is %i ms", ([text, ms]) => {
  expect(parseDuration(text)).toBe(ms);
});
