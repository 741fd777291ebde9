/** Remembered verdicts: the keys that they are found by, and the time for which they hold. */
import { describe, expect, it, vi } from "vitest";
import { REFUSAL_MS, VerdictCache } from "../../src/trust/cache.ts";
import {
  CertificateStore,
  type TrustPolicy,
  type Verdict,
  type VerifiedPeer,
  createVerifier,
} from "../../src/trust/index.ts";
import { frameChain } from "../../src/trust/presented-octets.ts";
import { CLIENT_AUTH, DAY, type Minted, NOW, ca, dns, ext, mint, server } from "../support/certificates.ts";
import { crl } from "../support/crls.ts";
import { type Bytes, bytes, generalizedTime, int, oid, seq, tlv } from "../support/der.ts";
import { type StapleSpec, staple, tlsFeature } from "../support/staples.ts";
import { POLICY_DIGEST, brief, policy, verdictOf } from "../support/verdicts.ts";
import { sha256 } from "../support/sha256.ts";
import { witness } from "../support/witness.ts";

const root = ca("root");

describe("the cache of verdicts", () => {
  const entry = (fromMs: number, untilMs: number): { verdict: Verdict; fromMs: number; untilMs: number } => ({
    verdict: { kind: "refused", refusal: { code: "expired", position: 0, expected: "x", presented: "y" } },
    fromMs,
    untilMs,
  });

  it("holds from the first to the last moment, and forgets what a clock has passed", () => {
    const cache = new VerdictCache();
    cache.set("a", entry(10, 20));
    expect(cache.get("a", 10)).not.toBeNull();
    expect(cache.get("a", 20)).not.toBeNull();
    expect(cache.get("a", 21)).toBeNull();
    expect(cache.get("a", 15)).toBeNull();
    cache.set("a", entry(10, 20));
    expect(cache.get("a", 9)).toBeNull();
    expect(cache.get("b", 15)).toBeNull();
  });
  it("holds 4 MB of paths, and forgets by size as well", async () => {
    const verdict = await verdictOf(policy([root]), [server(root)]);
    if (verdict.kind !== "verified") throw new Error("verified");
    const path = { ...verdict.peer.path, path: [new Uint8Array(1024 * 1024)] };
    const peer: VerifiedPeer = Object.create(verdict.peer, { path: { value: path } });
    const large = { fromMs: 0, untilMs: 9, verdict: { kind: "verified", peer } } as const;
    const cache = new VerdictCache();
    for (const key of ["a", "b", "c", "d", "a", "e"]) cache.set(key, large);
    expect(["a", "b", "c", "d", "e"].filter((key) => cache.get(key, 5) !== null)).toEqual(["a", "c", "d", "e"]);
    for (const key of ["a", "c", "d", "e"]) cache.get(key, 10);
    for (const key of ["f", "g", "h", "i"]) cache.set(key, large);
    expect(["f", "g", "h", "i"].filter((key) => cache.get(key, 5) !== null)).toHaveLength(4);
  });
  it("drops the verdict that was set longest ago", () => {
    const cache = new VerdictCache();
    for (let index = 0; index < 1024; index++) cache.set(`${index}`, entry(0, 9));
    cache.set("0", entry(0, 9));
    cache.set("one more", entry(0, 9));
    expect(["0", "1", "2", "one more"].map((key) => cache.get(key, 5) !== null)).toEqual([true, false, true, true]);
  });
});

describe("what the cache is asked by", () => {
  it("tells chains and staples apart", () => {
    const [a, b, ab] = [bytes(1), bytes(2), bytes(1, 2)];
    const frames = [
      frameChain([a, b], null),
      frameChain([a], b),
      frameChain([a, b], bytes()),
      frameChain([ab], null),
      frameChain([a], null),
      frameChain([a, bytes()], null),
      frameChain([b, a], null),
      // The content of this certificate reads like a length and the content of another one.
      frameChain([bytes(0, 0, 0, 1, 9)], null),
      frameChain([bytes(), bytes(9)], null),
    ].map((framed) => Buffer.from(framed).toString("hex"));
    expect(new Set(frames).size).toBe(frames.length);
    expect(frameChain([a, ab], b)).toEqual(bytes(1, 0, 0, 0, 1, 1, 0, 0, 0, 2, 1, 2, 0, 0, 0, 1, 2));
  });
  it("a staple that revokes is not hidden by a verdict without one", async () => {
    const verifier = createVerifier({ policy: POLICY_DIGEST, trust: policy([root]), sha256, witness });
    const endEntity = server(root, { serial: int(5) });
    const id = seq(seq(oid("1.3.14.3.2.26")), tlv(4), tlv(4), int(5));
    const answer = seq(id, tlv(0xa1, generalizedTime(NOW)), generalizedTime(NOW));
    const data = seq(tlv(0xa2, tlv(4)), generalizedTime(NOW), seq(answer));
    const basic = seq(data, seq(oid("1.2.840.10045.4.3.2")), tlv(3, bytes(0)));
    const staple = seq(tlv(0x0a, bytes(0)), tlv(0xa0, seq(oid("1.3.6.1.5.5.7.48.1.1"), tlv(4, basic))));
    const briefly = async (ocspResponse: Bytes | null): Promise<string> =>
      brief(await verifier.verify([endEntity.der], NOW, { ocspResponse }));
    expect([await briefly(null), await briefly(staple), await briefly(null)]).toEqual([
      "verified",
      "revoked@0",
      "verified",
    ]);
  });
  it("a verdict begins when the last certificate of its path does", async () => {
    const verifier = createVerifier({ policy: POLICY_DIGEST, trust: policy([root]), sha256, witness });
    const young = ca("young", root, { notBefore: NOW });
    const chain = [server(young).der, young.der];
    expect(brief(await verifier.verify(chain, NOW))).toBe("verified");
    expect(brief(await verifier.verify(chain, NOW - 5000))).toBe("not-yet-valid@1");
  });
  it("a verdict begins when what it needed does: lists, their signers, staples and their responders", async () => {
    const young = { thisUpdate: NOW };
    const old = { thisUpdate: NOW - DAY };
    const signer = (notBefore: number): Minted =>
      mint({ subject: root.subject, notBefore, extensions: [ext.keyUsage(0x02)] }, root);
    const responder = (notBefore: number): Minted =>
      mint({ notBefore, extensions: [ext.eku("1.3.6.1.5.5.7.3.9")] }, root);
    const leaf = server(root, { serial: int(77), extensions: [tlsFeature(false, 5)] });
    const stapled = (spec: Partial<StapleSpec>): Bytes => staple({ serial: 77, issuer: root, ...old, ...spec });
    const before = async (crls: readonly Bytes[], response: Bytes, ...more: readonly Minted[]): Promise<string> => {
      const verifier = createVerifier({ policy: POLICY_DIGEST, trust: policy([root], { crls }), sha256, witness });
      const chain = [leaf, ...more].map(({ der }) => der);
      expect(brief(await verifier.verify(chain, NOW, { ocspResponse: response }))).toBe("verified");
      return brief(await verifier.verify(chain, NOW - 1000, { ocspResponse: response }));
    };
    const [newSigner, oldSigner] = [signer(NOW), signer(NOW - DAY)];
    const [newResponder, oldResponder] = [responder(NOW), responder(NOW - DAY)];
    const list = (key: Minted): Bytes => crl(root, { key: key.key, ...old });
    const by = (one: Minted): Bytes => stapled({ signer: one, certificates: [one] });
    expect(await before([crl(root, old)], stapled({}))).toBe("verified");
    expect(await before([crl(root, old), crl(root, young)], stapled({}))).toBe("verified");
    expect(await before([crl(root, young)], stapled({}))).toBe("revocation-unknown@0");
    expect(await before([crl(root, old)], stapled(young))).toBe("revocation-unknown@0");
    expect(await before([list(oldSigner)], by(oldResponder), oldSigner)).toBe("verified");
    expect(await before([list(newSigner)], by(oldResponder), newSigner)).toBe("revocation-unknown@0");
    expect(await before([list(oldSigner)], by(newResponder), oldSigner)).toBe("revocation-unknown@0");
  });
});

describe("what is remembered", () => {
  const verifier = (more: Partial<TrustPolicy> = {}): ReturnType<typeof createVerifier> =>
    createVerifier({ policy: POLICY_DIGEST, trust: policy([root], more), sha256, witness });

  it("lasts to the end of the last second, and a refusal from its first", async () => {
    const remembering = verifier();
    const { der } = server(root, { notBefore: NOW, notAfter: NOW + 60_000 });
    const first = await remembering.verify([der], NOW);
    expect(await remembering.verify([der], NOW + 60_999)).toBe(first);
    const refused = server(root, { notBefore: NOW, purposes: [CLIENT_AUTH] });
    const refusal = await remembering.verify([refused.der], NOW);
    expect(await remembering.verify([refused.der], NOW)).toBe(refusal);
  });
  it("ends when a CRL comes into force", async () => {
    const waiting = verifier({ crls: [crl(root, { thisUpdate: NOW + 1000 })] });
    const { der } = server(root);
    expect(brief(await waiting.verify([der], NOW))).toBe("revocation-unknown@0");
    expect(brief(await waiting.verify([der], NOW + 1000))).toBe("verified");
  });
  it("is no exception: what goes wrong inside is a refusal", async () => {
    const read = vi.spyOn(CertificateStore.prototype, "read");
    try {
      const failing = verifier();
      read.mockImplementation(() => {
        throw new Error("out of order");
      });
      expect(await failing.verify([server(root).der], NOW)).toMatchObject({
        kind: "refused",
        refusal: { code: "second-opinion", position: null, presented: "out of order" },
      });
    } finally {
      read.mockRestore();
    }
  });
});

describe("the cache of a verifier", () => {
  const make = (trust = policy([root])): ReturnType<typeof createVerifier> =>
    createVerifier({ policy: POLICY_DIGEST, trust, sha256, witness });

  it("gives the same verdict for the same chain, and another for another", async () => {
    const verifier = make();
    const [one, other] = [server(root), server(root, { names: [dns("x.example")] })];
    const first = await verifier.verify([one.der], NOW);
    expect(await verifier.verify([Uint8Array.from(one.der)], NOW)).toBe(first);
    expect(brief(await verifier.verify([other.der], NOW))).toBe("name-mismatch@0");
    expect(await verifier.verify([one.der, other.der], NOW)).not.toBe(first);
    expect(await verifier.verify([one.der], NOW, { ocspResponse: bytes() })).not.toBe(first);
  });
  it("does not take two chains of the same bytes for one", async () => {
    const verifier = make();
    const endEntity = server(root);
    await verifier.verify([endEntity.der], NOW);
    const half = endEntity.der.length >> 1;
    expect(brief(await verifier.verify([endEntity.der.subarray(0, half), endEntity.der.subarray(half)], NOW))).toBe(
      "malformed@0",
    );
  });
  it("never outlives the path, nor precedes it", async () => {
    const verifier = make();
    const endEntity = server(root, { notBefore: NOW, notAfter: NOW + 60_000 });
    expect(brief(await verifier.verify([endEntity.der], NOW))).toBe("verified");
    expect(brief(await verifier.verify([endEntity.der], NOW + 60_999))).toBe("verified");
    expect(brief(await verifier.verify([endEntity.der], NOW + 61_000))).toBe("expired@0");
    expect(brief(await verifier.verify([endEntity.der], NOW - 1000))).toBe("not-yet-valid@0");
    expect(brief(await verifier.verify([endEntity.der], Number.NaN))).toBe("not-yet-valid@-1");
  });
  it("asks again after a refusal", async () => {
    const verifier = make();
    const endEntity = server(root, { purposes: [CLIENT_AUTH] });
    const first = await verifier.verify([endEntity.der], NOW);
    expect(await verifier.verify([endEntity.der], NOW + REFUSAL_MS)).toBe(first);
    expect(await verifier.verify([endEntity.der], NOW + REFUSAL_MS + 1)).not.toBe(first);
    const soon = server(root, { notBefore: NOW + 1000 });
    expect(brief(await verifier.verify([soon.der], NOW))).toBe("not-yet-valid@0");
    expect(brief(await verifier.verify([soon.der], NOW + 1000))).toBe("verified");
  });
  it("never outlives a CRL", async () => {
    const verifier = make(policy([root], { crls: [crl(root, { nextUpdate: NOW + 5000 })] }));
    const endEntity = server(root);
    expect(brief(await verifier.verify([endEntity.der], NOW))).toBe("verified");
    expect(brief(await verifier.verify([endEntity.der], NOW + 6000))).toBe("revocation-unknown@0");
  });
  it("is of one policy: another CA, another verdict", async () => {
    const cache = new CertificateStore(sha256);
    const endEntity = server(root);
    const of = (anchor: Minted): ReturnType<typeof createVerifier> =>
      createVerifier({ policy: POLICY_DIGEST, trust: policy([anchor]), cache, sha256, witness });
    expect(brief(await of(root).verify([endEntity.der], NOW))).toBe("verified");
    expect(brief(await of(ca("other")).verify([endEntity.der], NOW))).toBe("unknown-ca@0");
  });
  it("is bounded", async () => {
    const verifier = make();
    const endEntity = server(root);
    const first = await verifier.verify([endEntity.der], NOW);
    for (let index = 0; index < 1023; index++) await verifier.verify([bytes(index >> 8, index & 0xff, 1)], NOW);
    expect(await verifier.verify([endEntity.der], NOW)).toBe(first);
    await verifier.verify([bytes(9, 9, 9)], NOW);
    expect(await verifier.verify([endEntity.der], NOW)).not.toBe(first);
  });
  it("remembers issuers, and verifies their signatures once", async () => {
    const verify = vi.spyOn(globalThis.crypto.subtle, "verify");
    try {
      const verifier = make();
      const intermediate = ca("intermediate", root);
      await verifier.verify([server(intermediate).der, intermediate.der], NOW);
      const before = verify.mock.calls.length;
      expect(brief(await verifier.verify([server(intermediate).der, intermediate.der], NOW))).toBe("verified");
      expect(verify.mock.calls.length - before).toBe(1);
    } finally {
      verify.mockRestore();
    }
  });
  it("does not see what the caller does to its bytes later", async () => {
    const verifier = make();
    const presented = Uint8Array.from(server(root).der);
    const verdict = await verifier.verify([presented], NOW);
    const copy = Uint8Array.from(presented);
    presented.fill(0);
    expect(verdict).toMatchObject({ kind: "verified", peer: { path: { path: [copy, root.der] } } });
  });
});
