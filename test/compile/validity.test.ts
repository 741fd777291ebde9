/** Dates of certificates and CRLs change warnings and conditions, and never the bundle. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { compile } from "../../src/compile/index.ts";
import { dateFault } from "../../src/compile/status/validity.ts";

const GOLDEN = join(import.meta.dirname, "golden");
const YEAR_MS = 365 * 86_400_000;

test("the bundle is the same at any time, and without a clock", () => {
  const text = readFileSync(join(GOLDEN, "policy-ca-bundle.in.yaml"), "utf8");
  const built = [undefined, 0, Date.UTC(2026, 0), Date.UTC(2060, 0)].map((nowMs) =>
    compile([{ file: "a.yaml", text }], { nowMs }),
  );
  expect(new Set(built.map((result) => result.text)).size).toBe(1);
  const [withoutClock] = built.map(({ diagnostics }) =>
    diagnostics.filter(({ code }) => code.startsWith("certificate-")),
  );
  expect(withoutClock).toEqual([]);
  // Conditions differ between the three times, and without a clock.
  expect(new Set(built.map(({ statuses }) => JSON.stringify(statuses))).size).toBe(4);
});

test("a certificate is valid from its first second through its last", () => {
  const dates = { notBeforeMs: Date.UTC(2026, 0), notAfterMs: Date.UTC(2026, 0) + YEAR_MS };
  const at = (now: number): string | undefined => dateFault(dates, now)?.code;
  expect(at(dates.notBeforeMs - 1)).toBe("certificate-not-yet-valid");
  expect(at(dates.notBeforeMs)).toBeUndefined();
  expect(at(dates.notAfterMs + 999)).toBeUndefined();
  expect(at(dates.notAfterMs + 1000)).toBe("certificate-expired");
});
