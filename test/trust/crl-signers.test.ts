/** Signers of CRLs: which keys beside that of the issuer may sign, under which conditions, and how they are found. */
import { describe, expect, it } from "vitest";
import { type Minted, NOW, ca, dns, ext, extension, mint, server } from "../support/certificates.ts";
import { crl, crlNumber } from "../support/crls.ts";
import { type Bytes, bytes, int } from "../support/der.ts";
import { ecKey, rsaKey } from "../support/keys.ts";
import { brief, policy, verdictOf } from "../support/verdicts.ts";
import { root, issuing, leaf, revoked, ofRoot, under } from "./revocable.ts";

describe("the signer of a list", () => {
  /** A certificate of the issuing CA's name with another key; 0x02 is cRLSign. */
  const signer = (by: Minted, usage = 0x02, more: object = {}): Minted => {
    const key = ecKey();
    return mint({ subject: issuing.subject, key, extensions: [ext.keyUsage(usage), ext.ski(key.id)], ...more }, by);
  };
  const signedBy = (minted: Minted, spec: object = {}): Bytes => crl(issuing, { key: minted.key, ...spec });

  it("may be the CA's new key, issued by the old one", async () => {
    const key = ecKey();
    const renewed = ca("issuing", issuing, { key });
    expect(await under([signedBy(renewed)], [leaf, issuing, renewed])).toBe("verified");
    expect(await under([signedBy(renewed, revoked)], [leaf, issuing, renewed])).toBe("revoked@0");
    expect(await under([signedBy(renewed)])).toBe("revocation-unknown@0");
  });
  it("says so in its keyUsage, unless it is a CA", async () => {
    const bare = signer(issuing, 0, { extensions: [ext.san(dns("other.example"))] });
    expect(await under([signedBy(bare)], [leaf, issuing, bare])).toBe("revocation-unknown@0");
    const old = signer(issuing, 0, { version: bytes(), extensions: [] });
    expect(await under([signedBy(old)], [leaf, issuing, old])).toBe("revocation-unknown@0");
    const authority = signer(root, 0, { extensions: [ext.ca()] });
    expect(await under([signedBy(authority)], [leaf, issuing, authority])).toBe("verified");
  });
  it("is not the end entity that the list is about", async () => {
    const own = server(issuing, { subject: issuing.subject, usage: 0x82 });
    expect(await under([signedBy(own)], [own, issuing])).toBe("revocation-unknown@0");
  });
  it.each([
    ["the CA", issuing],
    ["the CA above", root],
  ])("may be a separate key that %s certified", async (_what, by) => {
    const separate = signer(by);
    expect(await under([signedBy(separate)], [leaf, issuing, separate])).toBe("verified");
    expect(await under([signedBy(separate, revoked)], [leaf, issuing, separate])).toBe("revoked@0");
  });
  it("may hang below an intermediate of its own, and have the key of a CA", async () => {
    const between = ca("between", root);
    const separate = signer(between, 0x02, { key: ecKey("P-521") });
    const crls = [signedBy(separate), crl(between)];
    expect(await under(crls, [leaf, issuing, separate, between])).toBe("verified");
    expect(await under([signedBy(separate)], [leaf, issuing, separate, between])).toBe("revocation-unknown@0");
  });
  it("bounds the verdict by its own notAfter", async () => {
    const separate = signer(root, 0x02, { notAfter: NOW + 5000 });
    const crls = [ofRoot, signedBy(separate)];
    expect(await verdictOf(policy([root], { crls }), [leaf, issuing, separate])).toMatchObject({
      peer: { path: { notAfterMs: NOW + 5000 } },
    });
  });
  it("is under the name constraints of the CAs above it", async () => {
    const between = ca("between", root, { extensions: [ext.constraints([], [dns("forbidden.example")])] });
    const named = (host: string): Minted =>
      signer(between, 0x02, { extensions: [ext.keyUsage(0x02), ext.san(dns(host))] });
    const [good, bad] = [named("crl.example"), named("a.forbidden.example")];
    expect(await under([signedBy(good), crl(between)], [leaf, issuing, good, between])).toBe("verified");
    expect(await under([signedBy(bad), crl(between)], [leaf, issuing, bad, between])).toBe("revocation-unknown@0");
  });
  it("has cRLSign, is valid, and is not revoked", async () => {
    const separate = signer(root, 0x80);
    expect(await under([signedBy(separate)], [leaf, issuing, separate])).toBe("revocation-unknown@0");
    const late = signer(root, 0x02, { notAfter: NOW - 1000 });
    expect(await under([signedBy(late)], [leaf, issuing, late])).toBe("revocation-unknown@0");
    const lost = signer(root, 0x02, { serial: int(99) });
    const crls = [crl(root, { revoked: [int(99)] }), signedBy(lost)];
    expect(brief(await verdictOf(policy([root], { crls }), [leaf, issuing, lost]))).toBe("revocation-unknown@0");
    const critical = signer(root, 0x02, { extensions: [ext.keyUsage(0x02), extension("1.2.3", true, bytes())] });
    expect(await under([signedBy(critical)], [leaf, issuing, critical])).toBe("revocation-unknown@0");
  });
  it("chains to the anchor of the path: under another one of the policy its list only adds", async () => {
    const other = ca("other root");
    const separate = signer(other);
    const chain = [leaf, issuing, separate];
    const verdict = async (anchors: readonly Minted[], ...crls: readonly Bytes[]): Promise<string> =>
      brief(await verdictOf(policy(anchors, { crls: [ofRoot, ...crls] }), chain));
    expect(await verdict([root, other], signedBy(separate), crl(other))).toBe("revocation-unknown@0");
    // Two roots of one name, as while a root is replaced: each signs its own list.
    const twin = ca("root");
    const below = server(root, { serial: int(5) });
    const twins = async (...crls: readonly Bytes[]): Promise<string> =>
      brief(await verdictOf(policy([root, twin], { crls }), [below]));
    expect(await twins(ofRoot, crl(twin))).toBe("verified");
    expect(await twins(crl(twin))).toBe("revocation-unknown@0");
    expect(await twins(ofRoot, crl(twin, { revoked: [int(5)] }))).toBe("revoked@0");
  });
  it("may be each other's, without end", async () => {
    const [one, two] = [signer(issuing), signer(issuing)];
    const crls = [signedBy(one), signedBy(two)];
    expect(await under(crls, [leaf, issuing, one, two])).toBe("verified");
    const chain = Array.from({ length: 12 }, () => signer(issuing));
    const many = chain.map((each) => signedBy(each));
    // Each list may be any of twelve signers': trying them all is beyond the budget of signatures.
    expect(await under(many, [leaf, issuing, ...chain])).toBe("budget-exceeded@null");
  });
});

describe("the key of a signer, and the policies above it,", () => {
  const signer = (by: Minted, more: object = {}): Minted =>
    mint({ subject: issuing.subject, extensions: [ext.keyUsage(0x02)], ...more }, by);

  it("has a key that is strong enough", async () => {
    const list = (key = ecKey()): [Bytes, Minted] => {
      const separate = signer(root, { key });
      return [crl(issuing, { key }), separate];
    };
    const [good, strong] = list(rsaKey(2048));
    expect(await under([good], [leaf, issuing, strong])).toBe("verified");
    const [bad, weak] = list(rsaKey(1024));
    expect(await under([bad], [leaf, issuing, weak])).toBe("revocation-unknown@0");
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
    expect(await under(lists(good), [leaf, issuing, good, between])).toBe("verified");
    expect(await under(lists(bad), [leaf, issuing, bad, between])).toBe("revocation-unknown@0");
  });
});

describe("the search for the signer of a CRL", () => {
  const key = ecKey();
  const signer = (by: Minted, own = ecKey(), subject = issuing.subject): Minted =>
    mint({ subject, key: own, extensions: [ext.keyUsage(0x02), ext.ski(own.id)] }, by);
  const number = crlNumber(7);

  it("is tried first with the key that it names", async () => {
    const decoys = Array.from({ length: 8 }, () => signer(root));
    const list = crl(issuing, { key, extensions: [number, ext.aki(key.id)] });
    const trust = policy([root], { crls: [crl(root), list], budgets: { signatures: 6 } });
    const chain = [leaf, issuing, ...decoys, signer(root, key)];
    // Six signatures: two of the path, the root's list, the list with the CA's own key and with this key, its certificate.
    expect(brief(await verdictOf(trust, chain))).toBe("verified");
    const named = crl(issuing, { key });
    expect(brief(await verdictOf({ ...trust, crls: [crl(root), named] }, chain))).toBe("budget-exceeded@null");
  });
  it("has three signers above each other at most", async () => {
    const deep = async (depth: number): Promise<string> => {
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
    // The last list is signed by its authority, which counts as a signer, too.
    expect([await deep(1), await deep(2), await deep(3)]).toEqual(["verified", "verified", "revocation-unknown@0"]);
  });
});
