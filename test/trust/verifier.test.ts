/** Keys and signatures, revocation, pins, budgets, the cache, and the profile strict. */
import { readFileSync } from "node:fs";
import { describe, expect, it, vi } from "vitest";
import { REFUSAL_MS } from "../../src/trust/cache.ts";
import { CertificateStore, type TrustPolicy, createVerifier } from "../../src/trust/index.ts";
import type { Rule } from "../../src/trust/verdict.ts";
import {
  CLIENT_AUTH,
  DAY,
  HOST,
  type Minted,
  NOW,
  SERVER_AUTH,
  type Spec,
  ca,
  dns,
  ext,
  extension,
  ip,
  mint,
  name,
  server,
  uri,
} from "../support/certificates.ts";
import { crl } from "../support/crls.ts";
import { type Bytes, TRUE, bytes, concat, generalizedTime, int, oid, seq, tlv, utcTime } from "../support/der.ts";
import { type Key, bareKey, ecKey, edKey, rsaKey } from "../support/keys.ts";
import { POLICY_DIGEST, brief, check, policy, sha256, verdictOf } from "../support/verdicts.ts";
import { witness } from "../support/witness.ts";

const root = ca("root");

describe("algorithms", () => {
  const signedBy = async (key: Key): Promise<string> => {
    const anchor = ca("anchor", null, { key });
    return check(anchor, server(anchor));
  };
  it.each<[string, () => Key]>([
    ["P-256 with SHA-384", () => ecKey("P-256", "SHA-384")],
    ["P-384 with SHA-256", () => ecKey("P-384", "SHA-256")],
    ["P-384 with SHA-384", () => ecKey("P-384", "SHA-384")],
    ["P-521 with SHA-512", () => ecKey("P-521", "SHA-512")],
    ["Ed25519", edKey],
    ["RSA-2048 with SHA-256", () => rsaKey(2048)],
    ["RSA-2048 with SHA-512 and exponent 3", () => rsaKey(2048, "SHA512", 3)],
  ])("verifies %s", async (_, key) => {
    expect(await signedBy(key())).toBe("verified");
  });
  it("refuses SHA-1 and unknown algorithms wherever they sign a certificate of the path", async () => {
    expect(await signedBy(rsaKey(2048, "SHA1"))).toBe("unsupported-algorithm@0");
    const intermediate = ca("intermediate", root, { innerAlgorithm: seq(oid("1.2.840.113549.1.1.4"), bytes(5, 0)) });
    expect(await check(root, server(intermediate), intermediate)).toBe("unsupported-algorithm@1");
  });
  it("refuses a signature of another key type", async () => {
    const anchor = ca("anchor");
    const crossed = { ...anchor, key: { ...anchor.key, signer: edKey().signer } };
    expect(await check(anchor, server(crossed))).toBe("bad-signature@0");
  });
  const fixture = (file: string): Minted => ({
    ...root,
    der: new Uint8Array(readFileSync(new URL(`fixtures/${file}.der`, import.meta.url))),
  });
  it.each(["rsa8192-pkcs1", "rsa8192-pss", "rsa4100-pss", "rsa2048-pss"])("verifies %s", async (file) => {
    const [anchor, endEntity] = [fixture(`${file}-ca`), fixture(`${file}-server`)];
    const at = Date.UTC(2030, 0, 1);
    expect(brief(await verdictOf(policy([anchor]), [endEntity], at))).toBe("verified");
    const broken = Uint8Array.from(endEntity.der);
    broken[broken.length - 9] = (broken[broken.length - 9] ?? 0) ^ 0x10;
    expect(brief(await verdictOf(policy([anchor]), [{ ...endEntity, der: broken }], at))).toBe("bad-signature@0");
  });

  const rsaSpki = (modulus: Bytes, exponent: Bytes): Bytes =>
    seq(seq(oid("1.2.840.113549.1.1.1"), bytes(5, 0)), tlv(3, bytes(0), seq(tlv(2, modulus), tlv(2, exponent))));
  const modulus = (bits: number, last = 0xff): Bytes => {
    const octets = new Uint8Array(Math.ceil(bits / 8) + 1).fill(0xff);
    octets[0] = 0;
    if (bits % 8 !== 0) octets[1] = 0xff >> (8 - (bits % 8));
    octets[octets.length - 1] = last;
    return bits % 8 === 0 ? octets : octets.subarray(1);
  };
  const point = (curve: string, size: number, first = 4): Bytes =>
    seq(seq(oid("1.2.840.10045.2.1"), oid(curve)), tlv(3, bytes(0, first), new Uint8Array(size)));
  const F4 = bytes(1, 0, 1);
  it.each<[string, Bytes, string]>([
    ["RSA of 2048 bits", rsaSpki(modulus(2048), F4), "verified"],
    ["RSA of 2047 bits", rsaSpki(modulus(2047), F4), "weak-key@0"],
    ["RSA of 8192 bits", rsaSpki(modulus(8192), F4), "verified"],
    ["RSA of 8193 bits", rsaSpki(modulus(8193), F4), "weak-key@0"],
    ["an even modulus", rsaSpki(modulus(2048, 0xfe), F4), "weak-key@0"],
    ["exponent 1", rsaSpki(modulus(2048), bytes(1)), "weak-key@0"],
    ["an even exponent", rsaSpki(modulus(2048), bytes(4)), "weak-key@0"],
    ["exponent 3", rsaSpki(modulus(2048), bytes(3)), "verified"],
    ["an exponent of 33 bits", rsaSpki(modulus(2048), bytes(1, 0, 0, 0, 1)), "weak-key@0"],
    ["a negative modulus", rsaSpki(modulus(2048).subarray(1), F4), "malformed@0"],
    ["exponent 0", rsaSpki(modulus(2048), bytes(0)), "malformed@0"],
    [
      "RSA without parameters",
      seq(seq(oid("1.2.840.113549.1.1.1")), tlv(3, bytes(0), seq(int(5), int(3)))),
      "malformed@0",
    ],
    ["P-521", point("1.3.132.0.35", 132), "unsupported-algorithm@0"],
    ["P-224", point("1.3.132.0.33", 56), "unsupported-algorithm@0"],
    ["a compressed point", point("1.2.840.10045.3.1.7", 32, 2), "unsupported-algorithm@0"],
    ["a short point", point("1.2.840.10045.3.1.7", 62), "malformed@0"],
    ["an explicit curve", seq(seq(oid("1.2.840.10045.2.1"), seq()), tlv(3, bytes(0))), "unsupported-algorithm@0"],
    ["DSA", seq(seq(oid("1.2.840.10040.4.1"), seq()), tlv(3, bytes(0), int(5))), "unsupported-algorithm@0"],
    [
      "Ed25519 with parameters",
      seq(seq(oid("1.3.101.112"), bytes(5, 0)), tlv(3, bytes(0), new Uint8Array(32))),
      "malformed@0",
    ],
    ["a short Ed25519 key", seq(seq(oid("1.3.101.112")), tlv(3, bytes(0), new Uint8Array(31))), "malformed@0"],
    ["a key of loose bits", seq(seq(oid("1.3.101.112")), tlv(3, bytes(1), new Uint8Array(32))), "malformed@0"],
  ])("an end entity's key: %s", async (_, spki, expected) => {
    expect(await check(root, server(root, { key: bareKey(spki) }))).toBe(expected);
  });
  it.each([
    ["the identity", "01".padEnd(64, "0"), "weak-key@-1"],
    ["the identity, sign bit set", `${"01".padEnd(62, "0")}80`, "weak-key@-1"],
    ["order 8", "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05", "weak-key@-1"],
    ["not canonical", `ee${"ff".repeat(30)}7f`, "weak-key@-1"],
    ["another point", `02${"ff".repeat(30)}7f`, "bad-signature@0"],
  ])("an Ed25519 CA whose key is %s", async (_, key, expected) => {
    const spki = seq(seq(oid("1.3.101.112")), tlv(3, bytes(0), new Uint8Array(Buffer.from(key, "hex"))));
    // R the identity and S zero: under a key of small order, a signature of anything.
    const signature = Uint8Array.from({ length: 64 }, (_unused, index) => (index === 0 ? 1 : 0));
    const signer = { algorithm: seq(oid("1.3.101.112")), sign: () => signature };
    const anchor = ca("anchor", null, { key: { spki, signer, id: bytes(1) } });
    expect(await check(anchor, server(anchor))).toBe(expected);
  });
  it("refuses a weak CA in the path, and a weak anchor", async () => {
    const intermediate = ca("intermediate", root, { key: rsaKey(1024) });
    expect(await check(root, server(intermediate), intermediate)).toBe("weak-key@1");
    const anchor = ca("anchor", null, { key: rsaKey(1024) });
    expect(await check(anchor, server(anchor))).toBe("weak-key@-1");
  });
  it("verifies nothing with a key that is no point of its curve", async () => {
    const anchor = ca("anchor", null, { key: bareKey(point("1.2.840.10045.3.1.7", 64)) });
    expect(await check(anchor, server(anchor))).toBe("bad-signature@0");
  });
});

const serialOf = 4242;
const leafSpec = { serial: int(serialOf) };

describe("CRLs", () => {
  const intermediate = ca("intermediate", root);
  const chain = [server(intermediate, leafSpec), intermediate];
  const under = async (...crls: readonly Bytes[]): Promise<string> =>
    brief(await verdictOf(policy([root], { crls }), chain));
  const ofRoot = crl(root);

  it("must cover every certificate but the anchor", async () => {
    expect(await under(ofRoot, crl(intermediate))).toBe("verified");
    expect(await under()).toBe("revocation-unknown@0");
    expect(await under(ofRoot)).toBe("revocation-unknown@0");
    expect(await under(crl(intermediate))).toBe("revocation-unknown@1");
    expect(await under(bytes(1, 2, 3))).toBe("revocation-unknown@0");
  });
  const number = extension("2.5.29.20", false, int(7));
  const idp = (...fields: readonly Bytes[]): Bytes => extension("2.5.29.28", true, seq(...fields));
  const FLAG = bytes(0xff);
  it.each<[string, Bytes, string]>([
    ["revokes", crl(intermediate, { revoked: [int(1), int(serialOf)] }), "revoked@0"],
    ["of another serial number", crl(intermediate, { revoked: [int(1)] }), "verified"],
    ["of another key", crl(intermediate, { key: ecKey(), revoked: [int(serialOf)] }), "revocation-unknown@0"],
    ["that is stale", crl(intermediate, { nextUpdate: NOW - 1000 }), "revocation-unknown@0"],
    ["that is stale and revokes", crl(intermediate, { nextUpdate: NOW - 1000, revoked: [int(serialOf)] }), "revoked@0"],
    ["to the second", crl(intermediate, { nextUpdate: NOW }), "verified"],
    ["from the future", crl(intermediate, { thisUpdate: NOW + 1000 }), "revocation-unknown@0"],
    ["without nextUpdate", crl(intermediate, { nextUpdate: null }), "revocation-unknown@0"],
    [
      "without a CRL number",
      crl(intermediate, { extensions: [extension("1.2.3", false, bytes())] }),
      "revocation-unknown@0",
    ],
    [
      "with a critical CRL number",
      crl(intermediate, { extensions: [extension("2.5.29.20", true, int(7))] }),
      "revocation-unknown@0",
    ],
    [
      "with an unknown critical extension",
      crl(intermediate, { extensions: [number, extension("1.2.3", true, bytes())] }),
      "revocation-unknown@0",
    ],
    ["with an extension twice", crl(intermediate, { extensions: [number, number] }), "revocation-unknown@0"],
    ["of version 1", crl(intermediate, { version: bytes() }), "revocation-unknown@0"],
    [
      "that is a delta",
      crl(intermediate, { extensions: [number, extension("2.5.29.27", true, int(1))] }),
      "revocation-unknown@0",
    ],
    ["for end entities", crl(intermediate, { extensions: [number, idp(tlv(0x81, FLAG))] }), "verified"],
    ["for CAs", crl(intermediate, { extensions: [number, idp(tlv(0x82, FLAG))] }), "revocation-unknown@0"],
    [
      "for some reasons",
      crl(intermediate, { extensions: [number, idp(tlv(0x83, bytes(1, 6)))] }),
      "revocation-unknown@0",
    ],
    ["that is indirect", crl(intermediate, { extensions: [number, idp(tlv(0x84, FLAG))] }), "verified"],
    [
      "for attribute certificates",
      crl(intermediate, { extensions: [number, idp(tlv(0x85, FLAG))] }),
      "revocation-unknown@0",
    ],
    [
      "for another distribution point",
      crl(intermediate, { extensions: [number, idp(tlv(0xa0, tlv(0xa0, uri("http://a/crl"))))] }),
      "revocation-unknown@0",
    ],
    ["with more in tbsCertList", crl(intermediate, { tbsTail: bytes(5, 0) }), "revocation-unknown@0"],
    [
      "with another algorithm outside",
      crl(intermediate, { outerAlgorithm: seq(oid("1.2.840.10045.4.3.3")) }),
      "revocation-unknown@0",
    ],
    [
      "with a loose distribution point",
      crl(intermediate, { extensions: [number, extension("2.5.29.28", true, concat(seq(), bytes(5, 0)))] }),
      "revocation-unknown@0",
    ],
    [
      "with a certificate issuer",
      crl(intermediate, { revoked: [int(1)], entryExtensions: seq(extension("2.5.29.29", true, seq())) }),
      "revocation-unknown@0",
    ],
    [
      "with a critical reason",
      crl(intermediate, { revoked: [int(1)], entryExtensions: seq(extension("2.5.29.21", true, tlv(0x0a, bytes(1)))) }),
      "revocation-unknown@0",
    ],
    [
      "with a reason",
      crl(intermediate, {
        revoked: [int(1)],
        entryExtensions: seq(extension("2.5.29.21", false, tlv(0x0a, bytes(1)))),
      }),
      "verified",
    ],
    ["with trailing bytes", concat(crl(intermediate), bytes(0)), "revocation-unknown@0"],
  ])("%s", async (_, list, expected) => {
    expect(await under(ofRoot, list)).toBe(expected);
  });
  it("must be for the certificate's distribution point", async () => {
    const point = extension("2.5.29.31", false, seq(seq(tlv(0xa0, tlv(0xa0, uri("http://a/crl"))))));
    const endEntity = server(intermediate, { extensions: [point] });
    const list = crl(intermediate, { extensions: [number, idp(tlv(0xa0, tlv(0xa0, uri("http://a/crl"))))] });
    expect(brief(await verdictOf(policy([root], { crls: [ofRoot, list] }), [endEntity, intermediate]))).toBe(
      "verified",
    );
  });
  it("refuse when any current list revokes", async () => {
    expect(await under(ofRoot, crl(intermediate), crl(intermediate, { revoked: [int(serialOf)] }))).toBe("revoked@0");
  });
  it("say why they do not help", async () => {
    const why = async (...crls: readonly Bytes[]): Promise<unknown> =>
      verdictOf(policy([root], { crls }), [server(root)]);
    expect(await why(crl(intermediate))).toMatchObject({ refusal: { presented: "no CRL of this issuer" } });
    const forCas = crl(root, { extensions: [number, idp(tlv(0x82, FLAG))] });
    expect(await why(forCas)).toMatchObject({ refusal: { presented: "a CRL that does not cover the certificate" } });
  });
  it("need cRLSign", async () => {
    const key = ecKey();
    const silent = mint(
      { subject: name("silent"), key, extensions: [ext.ca(), ext.keyUsage(0x04), ext.ski(key.id)] },
      root,
    );
    const verdict = await verdictOf(policy([root], { crls: [ofRoot, crl(silent)] }), [server(silent), silent]);
    expect(brief(verdict)).toBe("revocation-unknown@0");
  });
  it("revoke intermediates", async () => {
    const serial = int(77);
    const revoked = ca("revoked", root, { serial });
    const crls = [crl(root, { revoked: [serial] }), crl(revoked)];
    expect(brief(await verdictOf(policy([root], { crls }), [server(revoked), revoked]))).toBe("revoked@1");
  });
  it("bound how long a verdict holds", async () => {
    const verdict = await verdictOf(
      policy([root], { crls: [ofRoot, crl(intermediate, { nextUpdate: NOW + 5000 })] }),
      chain,
    );
    expect(verdict).toMatchObject({ kind: "verified", peer: { path: { notAfterMs: NOW + 5000 } } });
  });
});

describe("a stapled OCSP response", () => {
  const response = (serial: number, status: Bytes): Bytes => {
    const id = seq(seq(oid("1.3.14.3.2.26")), tlv(4, bytes(1)), tlv(4, bytes(2)), int(serial));
    const data = seq(tlv(0xa2, tlv(4, bytes(1))), generalizedTime(NOW), seq(seq(id, status, generalizedTime(NOW))));
    const basic = seq(data, seq(oid("1.2.840.10045.4.3.2")), tlv(3, bytes(0)));
    return seq(tlv(0x0a, bytes(0)), tlv(0xa0, seq(oid("1.3.6.1.5.5.7.48.1.1"), tlv(4, basic))));
  };
  const REVOKED = tlv(0xa1, generalizedTime(NOW));
  it.each<[string, Bytes, string]>([
    ["good", response(serialOf, tlv(0x80)), "verified"],
    ["unknown", response(serialOf, tlv(0x82)), "verified"],
    ["revoked", response(serialOf, REVOKED), "revoked@0"],
    ["revoked, of another certificate", response(7, REVOKED), "verified"],
    ["tryLater", seq(tlv(0x0a, bytes(3))), "verified"],
    ["nothing", bytes(), "verified"],
    ["garbage", bytes(1, 2, 3), "revocation-unknown@0"],
    ["trailing bytes", concat(seq(tlv(0x0a, bytes(3))), bytes(0)), "revocation-unknown@0"],
  ])("%s", async (_, staple, expected) => {
    expect(brief(await verdictOf(policy([root]), [server(root, leafSpec)], NOW, staple))).toBe(expected);
  });
  it("is read to its end", async () => {
    const good = response(serialOf, tlv(0x80));
    const loose = (body: Bytes): Bytes =>
      seq(tlv(0x0a, bytes(0)), tlv(0xa0, seq(oid("1.3.6.1.5.5.7.48.1.1"), tlv(4, body))));
    const data = seq(tlv(0xa2, tlv(4, bytes(1))), generalizedTime(NOW), seq());
    for (const staple of [
      loose(concat(seq(data), bytes(5, 0))),
      loose(concat(seq(seq()), bytes(5, 0))),
      loose(seq()),
      concat(good, bytes(0)),
    ]) {
      expect(brief(await verdictOf(policy([root]), [server(root, leafSpec)], NOW, staple))).toBe(
        "revocation-unknown@0",
      );
    }
  });
});

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

describe("budgets", () => {
  const chain = [server(root), ...Array.from({ length: 15 }, (_, index) => ca(`spare ${index}`))];
  it("sizes before anything is read", async () => {
    expect(await check(root, ...chain)).toBe("verified");
    expect(await check(root, ...chain, ca("one more"))).toBe("budget-exceeded@null");
    const total = chain.reduce((sum, { der }) => sum + der.length, 0);
    expect(brief(await verdictOf(policy([root], { budgets: { presentedBytes: total } }), chain))).toBe("verified");
    expect(brief(await verdictOf(policy([root], { budgets: { presentedBytes: total - 1 } }), chain))).toBe(
      "budget-exceeded@null",
    );
    expect(brief(await verdictOf(policy([root]), [server(root)], NOW, new Uint8Array(65_536)))).toBe(
      "budget-exceeded@null",
    );
  });
  it("names, comparisons, signatures, candidates and paths", async () => {
    const limited = ca("limited", root, { extensions: [ext.constraints([dns("a.example"), dns("example.com")])] });
    const endEntity = server(limited, { names: [dns(HOST), dns("b.example.com")] });
    const withBudget = async (budgets: TrustPolicy["budgets"]): Promise<string> =>
      brief(await verdictOf(policy([root], { budgets: budgets ?? {} }), [endEntity, limited]));
    // Names of issuers; each of two alternative names meets two constraints and the policy's name.
    const comparisons = 8 + 2 * 3;
    expect(await withBudget({ names: 2, comparisons, signatures: 2, candidates: 2, paths: 1, opinions: 1 })).toBe(
      "verified",
    );
    for (const budget of [
      { names: 1 },
      { comparisons: comparisons - 1 },
      { signatures: 1 },
      { candidates: 1 },
      { paths: 0 },
      { opinions: 0 },
      { witnessed: 1 },
    ]) {
      expect(await withBudget(budget)).toBe("budget-exceeded@null");
    }
  });
});

it("the witness verifies five signatures of P-384 keys, and no sixth", async () => {
  const key = ecKey("P-384", "SHA-384");
  const anchor = ca("anchor", null, { key });
  const cas: Minted[] = [];
  for (const level of [1, 2, 3, 4, 5]) cas.unshift(ca(`level ${level}`, cas[0] ?? anchor, { key }));
  const under = async (chain: readonly Minted[]): Promise<string> =>
    brief(await verdictOf(policy([anchor]), [server(chain[0] ?? anchor), ...chain]));
  expect([await under(cas.slice(1)), await under(cas)]).toEqual(["verified", "budget-exceeded@null"]);
});

describe("the cache", () => {
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

describe("the profile strict", () => {
  const strict = async (endEntity: Minted, anchor = root): Promise<string> =>
    brief(await verdictOf(policy([anchor], { profile: "strict" }), [endEntity]));
  const both = async (endEntity: Minted, anchor = root): Promise<[string, string]> => [
    await strict(endEntity, anchor),
    await check(anchor, endEntity),
  ];
  const bare = (extensions: readonly Bytes[], spec: Spec = {}): Minted =>
    mint({ subject: name(HOST), extensions, ...spec }, root);
  const usual = [ext.eku(SERVER_AUTH), ext.san(dns(HOST))];
  const aki = ext.aki(root.key.id);
  const critical = (id: string, value: Bytes): Bytes => extension(id, true, value);
  const rootOf = (...extensions: readonly Bytes[]): Minted => {
    const key = ecKey();
    return mint({ subject: name("odd root"), key, extensions });
  };
  const CA = [ext.ca(), ext.keyUsage(0x06)];
  const SKI = ext.ski(bytes(1, 2));

  it("accepts a certificate of the usual form", async () => {
    expect(await both(server(root))).toEqual(["verified", "verified"]);
    expect(
      await both(server(root, { subject: seq(), names: [], extensions: [critical("2.5.29.17", seq(dns(HOST)))] })),
    ).toEqual(["verified", "verified"]);
    expect(await both(server(root, { subject: name("192.0.2.1"), names: [dns(HOST), ip(192, 0, 2, 1)] }))).toEqual([
      "verified",
      "verified",
    ]);
  });
  it.each<[Rule, Minted]>([
    ["aki-missing", bare(usual)],
    [
      "aki-form",
      bare([
        ...usual,
        extension(
          "2.5.29.35",
          false,
          seq(tlv(0x80, root.key.id), tlv(0xa1, tlv(0xa4, name("x"))), tlv(0x82, bytes(1))),
        ),
      ]),
    ],
    ["aki-form", bare([...usual, extension("2.5.29.35", false, seq())])],
    ["aki-critical", bare([...usual, critical("2.5.29.35", seq(tlv(0x80, root.key.id)))])],
    ["aki-mismatch", bare([...usual, ext.aki(bytes(1))])],
    ["ski-critical", bare([...usual, aki, critical("2.5.29.14", tlv(4, bytes(1)))])],
    ["cn-not-in-san", server(root, { subject: name("Backend.example.com") })],
    [
      "cn-not-in-san",
      server(root, {
        subject: name("::0001"),
        names: [
          dns(HOST),
          tlv(
            0x87,
            Uint8Array.from({ length: 16 }, (_, index) => (index === 15 ? 1 : 0)),
          ),
        ],
      }),
    ],
    ["public-suffix-wildcard", server(root, { names: [dns(HOST), dns("*.co.uk")] })],
    ["public-suffix-wildcard", server(root, { names: [dns(HOST), dns("*.s3.amazonaws.com")] })],
    ["serial", server(root, { serial: int(0) })],
    ["serial", server(root, { serial: tlv(2, bytes(0x80)) })],
    ["serial", server(root, { serial: tlv(2, bytes(1), new Uint8Array(20)) })],
    ["rsa-modulo-8", server(root, { key: rsaKey(2052) })],
    ["early-generalized-time", server(root, { validity: seq(utcTime(NOW - DAY), generalizedTime(NOW + DAY)) })],
    ["eku-critical", bare([critical("2.5.29.37", seq(oid(SERVER_AUTH))), ext.san(dns(HOST)), aki])],
    ["eku-missing", server(root, { purposes: [] })],
    ["san-critical", bare([ext.eku(SERVER_AUTH), critical("2.5.29.17", seq(dns(HOST))), aki])],
    ["san-not-critical", server(root, { subject: seq() })],
    ["dns-name-syntax", server(root, { names: [dns(HOST), dns("a_b.example.com")] })],
  ])("%s", async (rule, endEntity) => {
    expect(await both(endEntity)).toEqual([`issuance-rule@0 ${rule}`, "verified"]);
  });
  it.each<[Rule, Minted]>([
    ["ski-missing", rootOf(...CA)],
    ["aki-mismatch", rootOf(...CA, SKI, ext.aki(bytes(9)))],
    ["basic-constraints-not-critical", rootOf(extension("2.5.29.19", false, seq(TRUE)), ext.keyUsage(0x06), SKI)],
    [
      "name-constraints-not-critical",
      rootOf(...CA, SKI, extension("2.5.29.30", false, seq(tlv(0xa0, seq(dns("example.com")))))),
    ],
    ["policy-constraints-not-critical", rootOf(...CA, SKI, extension("2.5.29.36", false, seq(tlv(0x81, bytes(0)))))],
    ["inhibit-any-policy-not-critical", rootOf(...CA, SKI, extension("2.5.29.54", false, int(0)))],
    ["ca-key-usage-missing", rootOf(ext.ca(), SKI)],
  ])("%s, of a CA", async (rule, anchor) => {
    const endEntity = mint({ subject: name(HOST), extensions: [...usual, ext.aki(bytes(1, 2))] }, anchor);
    expect(await both(endEntity, anchor)).toEqual([`issuance-rule@-1 ${rule}`, "verified"]);
  });
  it("lets an anchor have serial number 0", async () => {
    const anchor = ca("root", null, { serial: int(0) });
    expect(await strict(server(anchor), anchor)).toBe("verified");
  });
});
