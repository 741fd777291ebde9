/** The certificates that are remembered, and what their signatures cost. */
import { describe, expect, it } from "vitest";
import { Budget, DEFAULT_BUDGETS } from "../../src/trust/budget.ts";
import { CertificateStore } from "../../src/trust/index.ts";
import { KnownCertificate, signatureCost } from "../../src/trust/signatures/store.ts";
import { parseCertificate } from "../../src/trust/x509/certificate.ts";
import { type Minted, ca, extension, mint, server } from "../support/certificates.ts";
import { type Bytes, bytes, int, oid, seq, text, tlv } from "../support/der.ts";
import { type Key, bareKey, ecKey, edKey } from "../support/keys.ts";
import { policy, refusalOf } from "../support/verdicts.ts";
import { sha256 } from "../support/sha256.ts";

const root = ca("root");

const knownOf = ({ der }: Minted): KnownCertificate => {
  const parsed = parseCertificate(der);
  if (parsed.kind === "malformed") throw new Error(parsed.why);
  return new KnownCertificate(parsed.value);
};

describe("what a signature costs", () => {
  const rsa = (bits: number): Key => {
    const modulus = new Uint8Array(Math.ceil(bits / 8)).fill(0xff);
    modulus[0] = 0xff >> (modulus.length * 8 - bits);
    const integer = modulus[0] < 0x80 ? tlv(2, modulus) : tlv(2, bytes(0), modulus);
    const algorithm = seq(oid("1.2.840.113549.1.1.1"), bytes(5, 0));
    return bareKey(seq(algorithm, tlv(3, bytes(0), seq(integer, int(65537)))));
  };
  it.each<[string, () => Key, number]>([
    ["P-256", () => ecKey(), 1],
    ["P-384", () => ecKey("P-384"), 4],
    ["P-521", () => ecKey("P-521"), 8],
    ["Ed25519", edKey, 1],
    ["RSA-2048", () => rsa(2048), 1],
    ["RSA-4096", () => rsa(4096), 1],
    ["RSA-4097, in JavaScript", () => rsa(4097), 8],
  ])("%s", (_, key, cost) => {
    expect(signatureCost(knownOf(mint({ key: key(), extensions: [] })).certificate)).toBe(cost);
  });
});

describe("a certificate that is known", () => {
  it("has one view of PKI.js's", () => {
    const known = knownOf(root);
    expect(known.pki).not.toBeNull();
    expect(known.pki).toBe(known.pki);
  });
  it("keeps its issuers' keys apart", async () => {
    const child = knownOf(server(root));
    const budget = new Budget(DEFAULT_BUDGETS);
    expect(await child.isSignedBy(knownOf(root), budget)).toBe(true);
    expect(await child.isSignedBy(knownOf(ca("root")), budget)).toBe(false);
    expect(await child.isSignedBy(knownOf(root), budget)).toBe(true);
  });
  it("remembers 128 of them, and then starts over", async () => {
    const child = knownOf(server(root));
    const issuers = Array.from({ length: 129 }, () => knownOf(ca("root")));
    const budget = new Budget({ ...DEFAULT_BUDGETS, signatures: 129 });
    const ask = (index: number): Promise<boolean | null> => child.isSignedBy(issuers[index] ?? child, budget);
    const answers: unknown[] = [];
    for (let index = 0; index < 128; index++) answers.push(await ask(index), await ask(0));
    answers.push(await ask(128), await ask(128));
    expect(answers).toEqual(Array.from({ length: 258 }, () => false));
    expect(await ask(0)).toBeNull();
  });
  it("is signed by nobody when its issuer's key is no key", async () => {
    const spki = seq(
      seq(oid("1.2.840.10045.2.1"), oid("1.2.840.10045.3.1.7")),
      tlv(3, bytes(0, 4), new Uint8Array(64)),
    );
    const issuer = knownOf(ca("root", null, { key: bareKey(spki) }));
    expect(await knownOf(server(root)).isSignedBy(issuer, new Budget(DEFAULT_BUDGETS))).toBe(false);
  });
  it("is refused by name when PKI.js cannot read it", async () => {
    const strange = seq(tlv(0x31, seq(oid("2.5.4.3"), text(0x18, "no time"))));
    const refusal = { code: "second-opinion", presented: "PKI.js cannot read it" };
    const endEntity = server(root, { subject: strange });
    expect(await refusalOf(policy([root]), [endEntity])).toMatchObject({ ...refusal, position: 0 });
  });
});

describe("the store", () => {
  const large = (index: number): Minted =>
    ca(`large ${index}`, null, { extensions: [extension("1.2.3", false, new Uint8Array(60_000))] });

  it("counts each certificate once, keeps eight of 60 kB, and lets the one go that was read longest ago", () => {
    const store = new CertificateStore(sha256);
    const certificates = Array.from({ length: 10 }, (_, index) => large(index));
    const read = (index: number): KnownCertificate => {
      const parsed = store.read(certificates[index]?.der ?? bytes());
      if (parsed.kind !== "parsed") throw new Error("unreadable");
      return parsed.value;
    };
    const kept: KnownCertificate[] = [];
    const remember = (index: number): void => {
      const known = read(index);
      kept[index] = known;
      store.remember(known);
    };
    const isKept = (index: number): boolean => read(index) === kept[index];
    for (let index = 0; index < 8; index++) remember(index);
    for (let again = 0; again < 20; again++) store.remember(read(3));
    expect([0, 1, 2, 3, 4, 5, 6, 7].map(isKept)).toEqual(Array.from({ length: 8 }, () => true));
    expect(isKept(0)).toBe(true);
    remember(8);
    expect([0, 2, 3, 4, 5, 6, 7, 8].map(isKept)).toEqual(Array.from({ length: 8 }, () => true));
    expect(isKept(1)).toBe(false);
    remember(9);
    expect([0, 2, 3, 4, 5, 6, 7, 8, 9].filter((index) => !isKept(index))).toEqual([0]);
  });
});

describe("the store, least recently used out first", () => {
  it("gives back what it remembers, and forgets the least used beyond its size", () => {
    const store = new CertificateStore(sha256);
    const read = (der: Bytes): unknown => {
      const parsed = store.read(der);
      if (parsed.kind === "malformed") throw new Error(parsed.why);
      return parsed.value;
    };
    const remember = (der: Bytes): void => {
      const parsed = store.read(der);
      if (parsed.kind === "parsed") store.remember(parsed.value);
    };
    const [first, second] = [ca("first").der, ca("second").der];
    expect(read(first)).not.toBe(read(first));
    remember(first);
    remember(first);
    remember(second);
    const known = read(second);
    expect(read(first)).toBe(read(first));
    expect(read(second)).toBe(known);
    // Ten certificates of 60 kB: more than the store keeps.
    for (let index = 0; index < 10; index++) {
      remember(ca(`large ${index}`, null, { extensions: [seq(oid("1.2.3"), tlv(4, new Uint8Array(60_000)))] }).der);
      if (index < 5) expect(read(first)).toBe(read(first));
    }
    expect(read(second)).not.toBe(known);
  });
});
