/** The kept corpus of `npm run fuzz`, once: each input has a verdict and breaks no rule. */
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { expectVerdict } from "./trust.ts";

const CORPUS = join(import.meta.dirname, "corpus");

it("has a verdict for every input, and most codes among them", { timeout: 120_000 }, async () => {
  const codes = new Set<string>();
  for (const file of readdirSync(CORPUS).sort()) {
    const { verdict } = await expectVerdict(new Uint8Array(readFileSync(join(CORPUS, file))));
    codes.add(verdict.kind === "verified" ? "verified" : verdict.refusal.code);
  }
  expect(codes.size).toBeGreaterThan(15);
});
