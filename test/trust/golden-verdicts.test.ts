/**
 * The verdicts about rows.ts, whole, as a golden file: every text that an operator may read. `vitest run -u` writes it
 * anew; test/worker/trust.test.ts finds the same in workerd.
 */
import { expect, it } from "vitest";
import { judgedRows } from "./rows.ts";

const MAX_ABSTAINED = 0.3;

it("says what it said before", async () => {
  const rows = await judgedRows();
  expect(new Set(rows.map(({ name }) => name)).size).toBe(rows.length);
  const lines = rows.map(({ name, verdict }) => `${name}\n    ${verdict}\n`);
  await expect(lines.join("")).toMatchFileSnapshot("verdicts.txt");
  // The rows are made to be odd: of ordinary chains the witness judges all but a few (npm run limbo).
  const verified = rows.filter(({ verdict }) => verdict.startsWith("verified"));
  const abstained = verified.filter(({ verdict }) => verdict.includes("path-abstained"));
  expect(abstained.length / verified.length).toBeLessThan(MAX_ABSTAINED);
});
