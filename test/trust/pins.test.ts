/** SPKI pins of a policy. */
import { describe, expect, it } from "vitest";
import { type Minted, ca, server } from "../support/certificates.ts";
import { brief, policy, verdictOf } from "../support/verdicts.ts";
import { sha256 } from "../support/sha256.ts";

const root = ca("root");

describe("pins", () => {
  const pin = ({ key }: Minted): string => Buffer.from(sha256(key.spki)).toString("base64");
  const intermediate = ca("intermediate", root);
  const endEntity = server(intermediate);
  it.each<[string, readonly string[], string]>([
    ["of the end entity", [pin(endEntity)], "verified"],
    ["of the intermediate", [pin(intermediate)], "verified"],
    ["of the anchor", [pin(root)], "verified"],
    ["one of several", [pin(ca("x")), pin(root)], "verified"],
    ["of nobody", [pin(ca("x"))], "pin-mismatch@null"],
    ["no base64", ["?"], "pin-mismatch@null"],
    ["too long", [Buffer.concat([sha256(root.key.spki), Buffer.from([0])]).toString("base64")], "pin-mismatch@null"],
  ])("%s", async (_, spkiPins, expected) => {
    expect(brief(await verdictOf(policy([root], { spkiPins }), [endEntity, intermediate]))).toBe(expected);
  });
  it("do not reach beyond the path", async () => {
    const stranger = ca("stranger");
    const verdict = await verdictOf(policy([root], { spkiPins: [pin(stranger)] }), [endEntity, intermediate, stranger]);
    expect(brief(verdict)).toBe("pin-mismatch@null");
  });
  it("never loosen a check", async () => {
    const foreign = server(ca("foreign"));
    expect(brief(await verdictOf(policy([root], { spkiPins: [pin(foreign)] }), [foreign]))).toBe("unknown-ca@0");
  });
});
