/** Signers of CRLs: their keys, their policies, and how many stand above each other. */
import { describe, expect, it } from "vitest";
import { type Minted, ca, ext, mint, server } from "../support/certificates.ts";
import { crl, crlNumber } from "../support/crls.ts";
import { type Bytes } from "../support/der.ts";
import { ecKey, rsaKey } from "../support/keys.ts";
import { brief, policy, verdictOf } from "../support/verdicts.ts";

const root = ca("root");
const issuing = ca("issuing", root);

describe("the signer of a CRL", () => {
  const leaf = server(issuing);
  const signer = (by: Minted, more: object = {}): Minted =>
    mint({ subject: issuing.subject, extensions: [ext.keyUsage(0x02)], ...more }, by);
  const under = async (lists: readonly Bytes[], ...more: readonly Minted[]): Promise<string> =>
    brief(await verdictOf(policy([root], { crls: [crl(root), ...lists] }), [leaf, issuing, ...more]));

  it("has a key that is strong enough", async () => {
    const list = (key = ecKey()): [Bytes, Minted] => {
      const separate = signer(root, { key });
      return [crl(issuing, { key }), separate];
    };
    const [good, strong] = list(rsaKey(2048));
    expect(await under([good], strong)).toBe("verified");
    const [bad, weak] = list(rsaKey(1024));
    expect(await under([bad], weak)).toBe("revocation-unknown@0");
  });
  it("has such a key as another anchor of the issuer's name too", async () => {
    const below = server(root);
    const beside = async (key: Minted["key"]): Promise<string> => {
      const twin = ca("root", null, { key });
      return brief(await verdictOf(policy([root, twin], { crls: [crl(root), crl(twin)] }), [below]));
    };
    expect(await beside(rsaKey(2048))).toBe("verified");
    expect(await beside(rsaKey(1024))).toBe("revocation-unknown@0");
  });
  it("is under the policy constraints of the CAs above it", async () => {
    const between = ca("between", root, { extensions: [ext.policies("1.2.3.4"), ext.policyConstraints(0)] });
    const asserting = (id: string): Minted => signer(between, { extensions: [ext.keyUsage(0x02), ext.policies(id)] });
    const [good, bad] = [asserting("1.2.3.4"), asserting("1.2.3.5")];
    const lists = (separate: Minted): Bytes[] => [crl(issuing, { key: separate.key }), crl(between)];
    expect(await under(lists(good), good, between)).toBe("verified");
    expect(await under(lists(bad), bad, between)).toBe("revocation-unknown@0");
  });
});

describe("the search for the signer of a CRL", () => {
  const leaf = server(issuing);
  const key = ecKey();
  const signer = (by: Minted, own = ecKey(), subject = issuing.subject): Minted =>
    mint({ subject, key: own, extensions: [ext.keyUsage(0x02), ext.ski(own.id)] }, by);
  const number = crlNumber(7);

  it("is tried first with the key that it names", async () => {
    const decoys = Array.from({ length: 8 }, () => signer(root));
    const list = crl(issuing, { key, extensions: [number, ext.aki(key.id)] });
    const trust = policy([root], { crls: [crl(root), list], budgets: { signatures: 6 } });
    const chain = [leaf, issuing, ...decoys, signer(root, key)];
    // Two of the path, the root's list, this list with the CA's own key and with this one, and its certificate.
    expect(brief(await verdictOf(trust, chain))).toBe("verified");
    const named = crl(issuing, { key });
    expect(brief(await verdictOf({ ...trust, crls: [crl(root), named] }, chain))).toBe("budget-exceeded@null");
  });
  it("has three signers above each other at most", async () => {
    const under = async (depth: number): Promise<string> => {
      // Each signer is certified by an authority whose list is signed by the next one.
      const authorities = Array.from({ length: depth }, (_, at) => ca(`authority ${at}`, root));
      const chain = [leaf, issuing, ...authorities];
      const crls = [crl(root)];
      let subject = issuing;
      for (const authority of authorities) {
        const separate = signer(authority, ecKey(), subject.subject);
        chain.push(separate);
        crls.push(crl(subject, { key: separate.key }));
        subject = authority;
      }
      crls.push(crl(subject));
      return brief(await verdictOf(policy([root], { crls, budgets: { signatures: 500 } }), chain));
    };
    // The last list is the authority's own, whose certificate is a signer's too.
    expect([await under(1), await under(2), await under(3)]).toEqual(["verified", "verified", "revocation-unknown@0"]);
  });
});
