/** The proof of a verdict, which only trust/ can make. */
import { describe, expect, it } from "vitest";
import { VerifiedPeer } from "../../src/trust/index.ts";
import { ca, server } from "../support/certificates.ts";
import { policy, verdictOf } from "../support/verdicts.ts";

const root = ca("root");

describe("the proof of a verdict", () => {
  it("is made in this room alone, and cannot be changed", async () => {
    expect(() => Reflect.construct(VerifiedPeer, [Symbol("VerifiedPeer"), "a".repeat(64), {}])).toThrow(/only trust/u);
    const verdict = await verdictOf(policy([root]), [server(root)]);
    expect(verdict.kind === "verified" && Object.isFrozen(verdict.peer)).toBe(true);
  });
});
