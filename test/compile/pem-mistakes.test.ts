/** Text in place of PEM is explained in time proportional to its length, since anybody may have written it. */
import { test } from "vitest";
import { explainKey, explainText } from "../../src/compile/references/pem-mistakes.ts";
import { parsePemBundle } from "../../src/trust/index.ts";

// Time proportional to the square of the length would be minutes, more than the time limit of a test.
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
] as const)("a megabyte of %s", ([, text]) => {
  parsePemBundle(text);
  explainText(text, "", "CERTIFICATE");
  explainKey(text, "");
});
