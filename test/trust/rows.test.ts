/**
 * The verdicts about rows.ts, whole, as a golden file: every text that an operator may read. `vitest run -u` writes it
 * anew; test/worker/trust.test.ts finds the same in workerd.
 */
import { expect, it } from "vitest";
import { judgedRows } from "./rows.ts";

it("says what it said before", async () => {
  const rows = await judgedRows();
  expect(new Set(rows.map(({ name }) => name)).size).toBe(rows.length);
  const lines = rows.map(({ name, verdict }) => `${name}\n    ${verdict}\n`);
  await expect(lines.join("")).toMatchFileSnapshot("verdicts.txt");
});
