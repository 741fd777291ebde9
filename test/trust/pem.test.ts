/** Bundles in PEM: what is no base64. */
import { describe, expect, it } from "vitest";
import { parsePemBundle } from "../../src/trust/index.ts";

describe("PEM", () => {
  const problems = (body: string): readonly string[] =>
    parsePemBundle(`-----BEGIN CERTIFICATE-----\n${body}\n-----END CERTIFICATE-----\n`).problems.map(
      ({ message }) => message,
    );
  it.each(["", "AA", "AAA", "A===", "AB==", "====", "AAAA!AAA", "AAAA====", "AA==AAAA", "\u{e9}AAA"])(
    "is no base64 in %j",
    (body) => {
      expect(problems(body)).toEqual([expect.stringMatching(/^the block is not base64/u)]);
    },
  );
});
