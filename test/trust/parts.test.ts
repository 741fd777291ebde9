/** Parts by themselves, found by mutation testing: what a table of chains leaves open. */
import { describe, expect, it } from "vitest";
import { Budget, DEFAULT_BUDGETS } from "../../src/trust/budget.ts";
import { VerdictCache } from "../../src/trust/cache.ts";
import { parseCertificate } from "../../src/trust/x509/certificate.ts";
import { isDnsName, matchIdentity, parseIp, splitMailbox } from "../../src/trust/x509/identity.ts";
import {
  CertificateStore,
  type TrustPolicy,
  type Verdict,
  type VerifiedPeer,
  createVerifier,
} from "../../src/trust/index.ts";
import { frameChain, toRefusal } from "../../src/trust/presented.ts";
import { KnownCertificate, signatureCost } from "../../src/trust/signatures/store.ts";
import { DAY, HOST, type Minted, NOW, ca, dns, ext, extension, mint, name, server } from "../support/certificates.ts";
import { crl } from "../support/crls.ts";
import { type Bytes, bytes, generalizedTime, int, oid, seq, text, tlv } from "../support/der.ts";
import { type Key, bareKey, ecKey, edKey, rsaKey } from "../support/keys.ts";
import { POLICY_DIGEST, brief, check, policy, sha256, verdictOf } from "../support/verdicts.ts";
import { type StapleSpec, staple, tlsFeature } from "../support/staples.ts";
import { witness } from "../support/witness.ts";

const root = ca("root");
const knownOf = ({ der }: Minted): KnownCertificate => {
  const parsed = parseCertificate(der);
  if (parsed.kind === "malformed") throw new Error(parsed.why);
  return new KnownCertificate(parsed.value);
};
const refusalOf = async (trust: TrustPolicy, chain: readonly Minted[], nowMs = NOW): Promise<unknown> => {
  const verdict = await verdictOf(trust, chain, nowMs);
  return verdict.kind === "refused" ? verdict.refusal : "verified";
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
    for (let index = 0; index < 128; index++) {
      expect(await ask(index)).toBe(false);
      expect(await ask(0)).toBe(false);
    }
    expect(await ask(128)).toBe(false);
    expect(await ask(128)).toBe(false);
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
      // Lengths that swapped with contents would read alike.
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

describe("the text of a refusal", () => {
  it("is printable, cut after 240 characters, and names a rule only if there is one", () => {
    const refusal = (presented: string): unknown =>
      toRefusal({ problem: { code: "expired", expected: "x", presented }, position: 1 });
    const text240 = "a".repeat(240);
    expect(refusal(text240)).toEqual({ code: "expired", position: 1, expected: "x", presented: text240 });
    expect(refusal(text240)).not.toHaveProperty("rule");
    expect(refusal(`${text240}b`)).toMatchObject({ presented: `${text240}...` });
    expect(refusal("a\nb\u{e9}~ \u{7f}")).toMatchObject({ presented: "a?b?~ ?" });
  });
  it("tells the date, the purposes and the names, eight at most", async () => {
    const old = server(root, { notBefore: NOW - 2 * DAY, notAfter: NOW - DAY });
    expect(await refusalOf(policy([root]), [old])).toMatchObject({
      expected: "valid at 2026-06-01T12:00:00Z",
      presented: "notAfter 2026-05-31T12:00:00Z",
    });
    const purposes = Array.from({ length: 9 }, (_, index) => `1.2.${index}`);
    expect(await refusalOf(policy([root]), [server(root, { purposes })])).toMatchObject({
      presented: purposes.slice(0, 8).join(", "),
    });
    const identifiers = Array.from({ length: 9 }, (_, index) => ({ type: "dns", value: `h${index}.test` }) as const);
    expect(await refusalOf(policy([root], { identifiers }), [server(root)])).toMatchObject({
      expected: identifiers
        .slice(0, 8)
        .map(({ value }) => `dns:${value}`)
        .join(" or "),
    });
    expect(await refusalOf(policy([root], { identifiers: [] }), [server(root)])).toMatchObject({
      code: "name-mismatch",
      expected: "a policy with a name to match",
    });
  });
  it("is of the path that got furthest", async () => {
    const key = ecKey();
    const limited = ca("issuing", root, { key, extensions: [ext.constraints([dns("other.test")])] });
    const free = ca("issuing", root, { key });
    const trust = policy([root], { spkiPins: ["AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="] });
    for (const others of [
      [limited, free],
      [free, limited],
    ]) {
      expect(brief(await verdictOf(trust, [server(free), ...others]))).toBe("pin-mismatch@null");
      expect(brief(await verdictOf(policy([root], { budgets: { opinions: 0 } }), [server(free), ...others]))).toBe(
        "budget-exceeded@null",
      );
    }
  });
});

describe("identifiers", () => {
  const match = (type: "dns" | "uri" | "ip" | "rfc822", value: string, presented: unknown): boolean =>
    matchIdentity([{ type, value }], [presented as never]) !== null;

  it("match names of their own type alone", () => {
    expect(match("uri", "a.example", { type: "uri", value: "a.example" })).toBe(true);
    expect(match("uri", "a.example", { type: "dns", value: "a.example" })).toBe(false);
    expect(match("dns", "a.example", { type: "uri", value: "a.example" })).toBe(false);
    expect(match("rfc822", "a@b.example", { type: "rfc822", value: "a@B.example" })).toBe(true);
    expect(match("rfc822", "a@b.example", { type: "uri", value: "a@b.example" })).toBe(false);
    expect(match("ip", "10.0.0.1", { type: "ip", value: bytes(10, 0, 0, 1) })).toBe(true);
    expect(match("ip", "10.0.0.1", { type: "other", tag: 0x88, value: bytes(10, 0, 0, 1) })).toBe(false);
    expect(match("ip", "10.0.0", { type: "ip", value: bytes(10, 0, 0, 1) })).toBe(false);
  });
  it("compare both parts of mailboxes, and nothing that is none", () => {
    const mailbox = (one: string, other: string): boolean => match("rfc822", one, { type: "rfc822", value: other });
    expect(mailbox("a@b.example", "a@c.example")).toBe(false);
    expect(mailbox("A@b.example", "a@b.example")).toBe(false);
    for (const none of ["", "a", "@b.example", "a@", "a b@c.example", "a@b..example", "a@*.b.example"]) {
      expect(splitMailbox(none)).toBeNull();
      expect(mailbox(none, none)).toBe(false);
      expect(mailbox("a@b.example", none)).toBe(false);
      expect(mailbox(none, "a@b.example")).toBe(false);
    }
  });
  it("know a DNS name", () => {
    const of = (length: number): string => `${"a.".repeat(127).slice(0, length - 1)}b`;
    expect(of(253)).toHaveLength(253);
    const names = [of(253), "a", "a.b1", "a.1b", "a.x0x1", "0x1.a", "1.a", "a.0xg", "*.a.b"];
    expect(names.filter((each) => !isDnsName(each))).toEqual([]);
    const none = [
      `${of(253)}cc`,
      `aa.${of(251)}`,
      "*",
      "*.a",
      "a.12",
      "a.1",
      "a.0x",
      "a.0x1",
      "a.0xff",
      "a.",
      "a..b",
      "*.*.a.b",
    ];
    expect(none.filter(isDnsName)).toEqual([]);
  });
  it("know an address", () => {
    const octets = (value: string): string => Buffer.from(parseIp(value) ?? bytes()).toString("hex");
    expect(octets("1:2:3:4:5:6:1.2.3.4")).toBe("00010002000300040005000601020304");
    expect(octets("::1.2.3.4")).toBe("00000000000000000000000001020304");
    expect(octets("1:2:3:4:5:6:7::")).toBe("00010002000300040005000600070000");
    expect(octets("::2:3:4:5:6:7:8")).toBe("00000002000300040005000600070008");
    expect(octets("::")).toBe("0".repeat(32));
    expect(octets("1::")).toBe(`0001${"0".repeat(28)}`);
    const none = [
      "1.2.3.4:5::",
      "::1.2.3.4:5",
      "::1.2.3.400",
      "1::2::3",
      "1:2:3:4:5:6:7",
      "1:2:3:4:5:6:7:8::",
      "::g",
      ":1",
    ];
    expect(
      [...none, "1.2.3.4::", "01.2.3.4", "1.2.3.256", "1.2.3", "::12345"].filter((each) => parseIp(each) !== null),
    ).toEqual([]);
  });
});

describe("gaps between the checks", () => {
  it("a CA with too many names is over budget too", async () => {
    const names = Array.from({ length: 2001 }, (_, index) => dns(`h${index}.a`));
    const crowded = ca("crowded", root, { extensions: [ext.san(...names)] });
    expect(await check(root, server(crowded), crowded)).toBe("budget-exceeded@null");
  });
  it("a self-signed backend's key must be one that a server may have", async () => {
    for (const [key, code] of [
      [ecKey("P-521", "SHA-512"), "unsupported-algorithm@0"],
      [rsaKey(1024), "weak-key@0"],
    ] as const) {
      const own = mint({ subject: name(HOST), key, extensions: [ext.san(dns(HOST))] });
      expect(await check(own, own)).toBe(code);
    }
  });
  it("no CRL is asked for an anchor that is no root", async () => {
    const anchor = ca("intermediate", root);
    expect(brief(await verdictOf(policy([anchor], { crls: [crl(anchor)] }), [server(anchor)]))).toBe("verified");
  });
  it("a self-signed backend needs a CRL of its own", async () => {
    const own = mint({ subject: name(HOST), serial: int(9), extensions: [ext.san(dns(HOST))] });
    const under = async (...crls: readonly Bytes[]): Promise<string> =>
      brief(await verdictOf(policy([own], { crls }), [own]));
    expect(await under()).toBe("revocation-unknown@0");
    expect(await under(crl(own))).toBe("verified");
    expect(await under(crl(own, { revoked: [int(9)] }))).toBe("revoked@0");
  });
  it("the most expensive keys are within budget, on a path of four with CRLs, and not far above", async () => {
    const key = (): Key => ecKey("P-521", "SHA-512");
    const top = ca("top", null, { key: key() });
    const upper = ca("upper", top, { key: key() });
    const lower = ca("lower", upper, { key: key() });
    const crls = [crl(top), crl(upper), crl(lower)];
    const chain = [server(lower), lower, upper];
    expect(brief(await verdictOf(policy([top], { crls }), chain))).toBe("verified");
    const lowest = ca("lowest", lower, { key: key() });
    expect(
      brief(await verdictOf(policy([top], { crls: [...crls, crl(lowest)] }), [server(lowest), lowest, lower, upper])),
    ).toBe("budget-exceeded@null");
  });
  it("constraints over budget are no name mismatch", async () => {
    const limited = ca("limited", root, { extensions: [ext.constraints([dns("example.com")])] });
    const chain = [server(limited, { names: [dns("x.example.com")] }), limited];
    expect(brief(await verdictOf(policy([root], { budgets: { comparisons: 1 } }), chain))).toBe("budget-exceeded@null");
    expect(brief(await verdictOf(policy([root]), chain))).toBe("name-mismatch@0");
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
