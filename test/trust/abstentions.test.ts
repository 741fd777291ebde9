/** The count of abstentions in a run, and its ceiling. */
import { expect, it, vi } from "vitest";
import { reportTally, tally } from "../../scripts/abstentions.ts";
import type { Testimony } from "../../src/trust/index.ts";

const judged: Testimony = { kind: "judged" };
const unnamed: Testimony = { kind: "name-abstained", features: ["uri-name"] };
const signatures: Testimony = { kind: "path-abstained", features: ["p-521", "many-cas"] };
const run = (...counts: readonly (readonly [number, Testimony])[]): Testimony[] =>
  counts.flatMap(([count, testimony]) => Array.from({ length: count }, () => testimony));

it("counts paths and features", () => {
  expect(tally(run([2, judged], [3, unnamed], [4, signatures]))).toEqual({
    accepted: 9,
    pathAbstained: 4,
    nameAbstained: 3,
    features: [
      ["many-cas", 4],
      ["p-521", 4],
      ["uri-name", 3],
    ],
  });
});

it.each([
  [95, 5, true],
  [94, 6, false],
  [0, 50, false],
  // Of so few paths, the share is not judged.
  [0, 49, true],
])("of %s judged and %s abstained, at most 5 %%: %s", (ordinary, odd, expected) => {
  const log = vi.spyOn(console, "log").mockReturnValue();
  expect(reportTally(tally(run([ordinary, judged], [odd, signatures])), 5)).toBe(expected);
  const said = log.mock.calls.flat().join("\n");
  log.mockRestore();
  expect(said).toContain(`${ordinary + odd} paths accepted, ${odd} of them by their signatures alone`);
  expect(said.includes("TOO MANY")).toBe(!expected);
});
