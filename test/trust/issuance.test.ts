/** The rules of the profile strict that x509-limbo does not ask for. */
import { describe, expect, it } from "vitest";
import { HOST, NOW, ca, dns, ext, mint, name, server } from "../support/certificates.ts";
import { bytes, int, tlv } from "../support/der.ts";
import { brief, policy, verdictOf } from "../support/verdicts.ts";

const root = ca("root");

describe("the profile strict, of the CAs between", () => {
  const strict = async (anchor: typeof root, ...chain: readonly (typeof root)[]): Promise<string> =>
    brief(await verdictOf(policy([anchor], { profile: "strict" }), chain, NOW));
  it("wants serial numbers of all but the anchor", async () => {
    const zero = ca("zero", root, { serial: int(0) });
    expect(await strict(root, server(zero), zero)).toBe("issuance-rule@1 serial");
    const long = ca("long", root, { serial: tlv(2, new Uint8Array(20).fill(1)) });
    expect(await strict(root, server(long), long)).toBe("verified");
    const negative = ca("negative", root, { serial: tlv(2, bytes(0x80)) });
    expect(await strict(root, server(negative), negative)).toBe("issuance-rule@1 serial");
  });
  it("wants authorityKeyIdentifier of all but a self-signed anchor", async () => {
    const CA = [ext.ca(), ext.keyUsage(0x06)];
    const plain = mint({ subject: name("plain"), extensions: [...CA, ext.ski(bytes(7))] }, root);
    expect(await strict(plain, server({ ...plain, key: { ...plain.key, id: bytes(7) } }))).toBe(
      "issuance-rule@-1 aki-missing",
    );
    const selfIssued = mint({ subject: name("root"), extensions: [...CA, ext.ski(bytes(7))] }, root);
    expect(await strict(root, server({ ...selfIssued, key: { ...selfIssued.key, id: bytes(7) } }), selfIssued)).toBe(
      "issuance-rule@1 aki-missing",
    );
  });
});

describe("public suffixes", () => {
  const strict = async (wildcard: string): Promise<string> =>
    brief(
      await verdictOf(policy([root], { profile: "strict" }), [server(root, { names: [dns(HOST), dns(wildcard)] })]),
    );
  it.each([
    ["*.example.com", "verified"],
    ["*.a.co.uk", "verified"],
    ["*.co.uk", "issuance-rule@0 public-suffix-wildcard"],
    ["*.CO.uk", "issuance-rule@0 public-suffix-wildcard"],
    ["*.s3.amazonaws.com", "issuance-rule@0 public-suffix-wildcard"],
  ])("%s", async (wildcard, expected) => {
    expect(await strict(wildcard)).toBe(expected);
  });
});
