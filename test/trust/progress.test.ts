/** The failure that a refusal names, of two: that of the path that got further. */
import { describe, expect, it } from "vitest";
import { type Failure, type Progress, furthest } from "../../src/trust/path/failure.ts";

/** All kinds of progress, from the least to the most. */
const ORDER: readonly Progress[] = [
  { kind: "reading" },
  { kind: "building", length: 1, step: "issuer-name" },
  { kind: "building", length: 1, step: "issuer-signature" },
  { kind: "building", length: 1, step: "algorithm" },
  { kind: "building", length: 1, step: "path-length" },
  { kind: "building", length: 1, step: "intermediate" },
  { kind: "building", length: 1, step: "anchor" },
  { kind: "building", length: 2, step: "issuer-name" },
  { kind: "building", length: 15, step: "anchor" },
  { kind: "validating", step: "certificates" },
  { kind: "validating", step: "issuance-rules" },
  { kind: "validating", step: "name" },
  { kind: "validating", step: "revocation" },
  { kind: "validating", step: "pins" },
  { kind: "validating", step: "second-opinion" },
  { kind: "over-budget" },
];

const failure = (progress: Progress): Failure => ({
  problem: { code: "unknown-ca", expected: "an issuer", presented: "none" },
  position: null,
  progress,
});

describe("the furthest failure", () => {
  const pairs = ORDER.slice(1).map((more, index) => [ORDER[index] ?? more, more] as const);

  it.each(pairs)("%o comes before %o", (less, more) => {
    const [one, other] = [failure(less), failure(more)];
    expect(furthest(one, other)).toBe(other);
    expect(furthest(other, one)).toBe(other);
  });

  it.each(ORDER)("is the earlier of two at %o", (progress) => {
    const earlier = failure(progress);
    expect(furthest(earlier, failure(progress))).toBe(earlier);
  });

  it("is the only one there is", () => {
    const only = failure({ kind: "reading" });
    expect(furthest(null, only)).toBe(only);
  });
});
