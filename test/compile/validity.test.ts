/** Dates change what is said, and nothing that is trusted; public bundles are read as they are. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { rootCertificates } from "node:tls";
import { expect, test } from "vitest";
import { compile } from "../../src/compile/index.ts";
import { explainKey, explainText } from "../../src/compile/references/pem-mistakes.ts";
import { dateFault } from "../../src/compile/status/validity.ts";
import { judgeAnchor, parsePemBundle } from "../../src/trust/index.ts";

const GOLDEN = join(import.meta.dirname, "golden");
const ODD_ROOTS = readFileSync(join(import.meta.dirname, "../trust/fixtures/trustwave-ecc.pem"), "utf8");
const YEAR_MS = 365 * 86_400_000;

test("the bundle is the same at any time, and without a clock", () => {
  const text = readFileSync(join(GOLDEN, "policy-ca-bundle.in.yaml"), "utf8");
  const built = [undefined, 0, Date.UTC(2026, 0), Date.UTC(2060, 0)].map((nowMs) =>
    compile([{ file: "a.yaml", text }], { nowMs }),
  );
  expect(new Set(built.map((result) => result.text)).size).toBe(1);
  // What is said differs: nothing without a clock, and at each of the times something else.
  const said = built.map(({ diagnostics }) => diagnostics.filter(({ code }) => code.startsWith("certificate-")).length);
  expect(said[0]).toBe(0);
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

test.for([
  ["spaces", " ".repeat(1_000_000) + "!"],
  ["beginnings on one line", "-----BEGIN ".repeat(90_000)],
  ["endings on one line", "-----END A-----".repeat(60_000)],
  ["typographic dashes", "\u2013".repeat(300_000)],
  ["hyphens", "-".repeat(1_000_000)],
  ["base64 of spaces", Buffer.from(`${" ".repeat(700_000)}!`).toString("base64")],
  ["a description without an end", `Certificate:${"\n ".repeat(500_000)}`],
  ["a path", "/a".repeat(500_000)],
  ["pairs of digits", "AB:".repeat(300_000)],
  ["quotes", `{{${"}".repeat(900_000)} `],
] as const)("a megabyte of %s is read in proportion to its length", ([, text]) => {
  const started = performance.now();
  parsePemBundle(text);
  explainText(text, "", "CERTIFICATE");
  explainKey(text, "");
  // Some 50 ms on an idle machine; in proportion to the square of the length it would be minutes.
  expect(performance.now() - started).toBeLessThan(5_000);
});

test("public roots are anchors, the two with an odd keyUsage too", () => {
  const bundle = parsePemBundle(`${rootCertificates.join("\n")}\n${ODD_ROOTS}`);
  expect(bundle.problems).toEqual([]);
  expect(bundle.certificates).toHaveLength(rootCertificates.length + 2);
  const judged = bundle.certificates.map(({ der }) => judgeAnchor(der, "servers"));
  expect(judged.filter(({ kind }) => kind === "unusable")).toEqual([]);
  const odd = judged.flatMap((own) => (own.kind === "usable" && own.oddity !== null ? [own.oddity] : []));
  expect(odd).toEqual(Array.from({ length: 2 }, () => "keyUsage is not a minimal named-bit list"));
});
