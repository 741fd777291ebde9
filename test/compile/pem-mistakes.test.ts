/** Text in place of PEM is explained in time proportional to its length, since anybody may have written it. */
import { describe, expect, it } from "vitest";
import { explainKey, explainText } from "../../src/compile/references/pem-mistakes.ts";
import { parsePemBundle } from "../../src/trust/index.ts";
import { expectLinear } from "../support/growth.ts";

const filled = (unit: string, length: number): string => unit.repeat(Math.ceil(length / unit.length));

/** A text of some length, and the mistake that is found in it. */
const TEXTS: readonly (readonly [string, (length: number) => string, string | undefined])[] = [
  // explainText ignores white space at both ends, so something else stands there.
  ["spaces", (length) => `!${filled(" ", length)}!`, undefined],
  ["beginnings on one line", (length) => filled("-----BEGIN ", length), undefined],
  ["endings on one line", (length) => filled("-----END A-----", length), undefined],
  ["typographic dashes", (length) => filled("\u2013", length), undefined],
  ["hyphens", (length) => filled("-", length), undefined],
  ["base64 of spaces", (length) => Buffer.from(`${filled(" ", length)}!`).toString("base64"), undefined],
  ["a description without an end", (length) => `Certificate:${filled("\n ", length)}!`, undefined],
  ["a path", (length) => filled("/a", length), "is the path of a file, not its content"],
  ["pairs of digits", (length) => filled("AB:", length), undefined],
  ["braces", (length) => `{{${filled("}", length)} `, "is a placeholder that nothing has filled in"],
  ["words", (length) => filled("a-", length), undefined],
];

describe.each(TEXTS)("a text of %s", (_what, make, why) => {
  it("is explained", () => {
    expect(explainText(make(300), "", "CERTIFICATE")?.why).toBe(why);
  });
  it("is explained in time proportional to its length", () => {
    expectLinear((length) => explainText(make(length), "", "CERTIFICATE"));
    expectLinear((length) => explainKey(make(length), ""));
    expectLinear((length) => parsePemBundle(make(length)));
  });
});
