/** What each kind of CRL decides, beside others: none is passed over so that another one decides. */
import { describe, expect, it } from "vitest";
import { readCrl } from "../../src/trust/index.ts";
import {
  DAY,
  type Minted,
  NOW,
  ca,
  dirName,
  dns,
  ext,
  extension,
  mint,
  name,
  server,
  uri,
  relativeName,
} from "../support/certificates.ts";
import { crl, crlNumber as number, issuingDistributionPoint as idp } from "../support/crls.ts";
import { type Bytes, bytes, int, oid, seq, tlv, utcTime, utf8 } from "../support/der.ts";
import { ecKey } from "../support/keys.ts";
import { brief, policy, verdictOf } from "../support/verdicts.ts";

const root = ca("root");
const issuing = ca("issuing", root);
const SERIAL = 4711;
const leaf = server(issuing, { serial: int(SERIAL) });

const FLAG = bytes(0xff);
const delta = (base: number): Bytes => extension("2.5.29.27", true, int(base));
const points = (...list: readonly Bytes[]): Bytes => extension("2.5.29.31", false, seq(...list));
const fullName = (...names: readonly Bytes[]): Bytes => tlv(0xa0, tlv(0xa0, ...names));
const INDIRECT = tlv(0x84, FLAG);
const reason = (code: number): Bytes => extension("2.5.29.21", false, tlv(0x0a, bytes(code)));
const of = (issuer: Bytes): Bytes => extension("2.5.29.29", true, seq(dirName(issuer)));
const entry = (serial: number, ...extensions: readonly Bytes[]): Bytes =>
  seq(int(serial), utcTime(NOW - DAY), extensions.length === 0 ? bytes() : seq(...extensions));
const revoked = { revoked: [int(SERIAL)] };

const ofRoot = crl(root);
const complete = crl(issuing, { extensions: [number(7)] });

async function under(crls: readonly Bytes[], chain: readonly Minted[] = [leaf, issuing]): Promise<string> {
  const anchors = [root];
  return brief(await verdictOf(policy(anchors, { crls: [ofRoot, ...crls] }), chain));
}

/** The verdict does not depend on the order of the lists. */
async function both(one: Bytes, other: Bytes, chain?: readonly Minted[]): Promise<string> {
  const [forth, back] = [await under([one, other], chain), await under([other, one], chain)];
  expect(forth).toBe(back);
  return forth;
}

describe("beside a complete list that does not list the certificate", () => {
  const sha1 = { ...issuing.key, signer: { ...issuing.key.signer, algorithm: seq(oid("1.2.840.10045.4.1")) } };
  const newer = { thisUpdate: NOW - 60_000 };
  it.each<[string, Bytes, string]>([
    ["a newer list that revokes", crl(issuing, { ...newer, ...revoked, extensions: [number(8)] }), "revoked@0"],
    ["an older list that revokes", crl(issuing, { ...revoked, extensions: [number(3)] }), "revoked@0"],
    ["a list not valid yet that revokes", crl(issuing, { thisUpdate: NOW + DAY / 2, ...revoked }), "revoked@0"],
    ["a list not valid yet", crl(issuing, { thisUpdate: NOW + DAY / 2 }), "verified"],
    ["a stale list", crl(issuing, { nextUpdate: NOW - 1000 }), "verified"],
    ["a delta that revokes", crl(issuing, { ...revoked, extensions: [number(8), delta(7)] }), "revoked@0"],
    ["a delta", crl(issuing, { extensions: [number(8), delta(7)] }), "verified"],
    ["a delta to an older list", crl(issuing, { extensions: [number(8), delta(2)] }), "verified"],
    ["a delta to a list that is missing", crl(issuing, { extensions: [number(9), delta(8)] }), "revocation-unknown@0"],
    ["a stale delta", crl(issuing, { nextUpdate: NOW - 1000, extensions: [number(8), delta(7)] }), "verified"],
    [
      "a stale delta that revokes",
      crl(issuing, { ...revoked, nextUpdate: NOW - 1000, extensions: [number(8), delta(7)] }),
      "revoked@0",
    ],
    [
      "a delta that takes it off the list",
      crl(issuing, { entries: [entry(SERIAL, reason(8))], extensions: [number(8), delta(7)] }),
      "verified",
    ],
    ["a complete list that misuses removeFromCRL", crl(issuing, { entries: [entry(SERIAL, reason(8))] }), "revoked@0"],
    ["a list for some reasons", crl(issuing, { extensions: [number(8), idp(tlv(0x83, bytes(1, 6)))] }), "verified"],
    [
      "a list for some reasons that revokes",
      crl(issuing, { ...revoked, extensions: [number(8), idp(tlv(0x83, bytes(1, 6)))] }),
      "revoked@0",
    ],
    [
      "a list for CAs that revokes it",
      crl(issuing, { ...revoked, extensions: [number(8), idp(tlv(0x82, FLAG))] }),
      "revoked@0",
    ],
    [
      "a list of another distribution point that revokes it",
      crl(issuing, { ...revoked, extensions: [number(8), idp(fullName(uri("http://other")))] }),
      "revoked@0",
    ],
    ["a list for attribute certificates", crl(issuing, { extensions: [number(8), idp(tlv(0x85, FLAG))] }), "verified"],
    [
      "a list without a number",
      crl(issuing, { ...newer, extensions: [ext.aki(issuing.key.id)] }),
      "revocation-unknown@0",
    ],
    ["a list of version 1", crl(issuing, { ...newer, version: bytes() }), "revocation-unknown@0"],
    ["a list without nextUpdate", crl(issuing, { nextUpdate: null }), "revocation-unknown@0"],
    [
      "an unknown critical extension",
      crl(issuing, { extensions: [number(8), extension("1.2.3", true, bytes())] }),
      "revocation-unknown@0",
    ],
    [
      "an unknown critical extension of an entry",
      crl(issuing, { entries: [entry(1, extension("1.2.3", true, bytes()))] }),
      "revocation-unknown@0",
    ],
    ["a list that nobody signed", crl(issuing, { key: ecKey() }), "revocation-unknown@0"],
    ["a list that nobody signed and that revokes", crl(issuing, { key: ecKey(), ...revoked }), "revocation-unknown@0"],
    ["a list of SHA-1", crl(issuing, { key: sha1 }), "revocation-unknown@0"],
    ["no list at all", bytes(1, 2, 3), "revocation-unknown@0"],
    ["a broken list of a stranger", crl(ca("stranger"), { version: bytes() }), "verified"],
    ["a stranger's list with the same serial number", crl(ca("stranger"), revoked), "verified"],
  ])("%s", async (_, list, expected) => {
    expect(await both(complete, list)).toBe(expected);
  });

  it("a certificate on hold stays revoked when a delta takes it off", async () => {
    const hold = crl(issuing, { entries: [entry(SERIAL, reason(6))], extensions: [number(7)] });
    const off = crl(issuing, { entries: [entry(SERIAL, reason(8))], extensions: [number(8), delta(7)] });
    expect(await both(hold, off)).toBe("revoked@0");
  });
  it("a list whose issuer has a name that cannot be told from the issuer's leaves it unknown", async () => {
    // RFC 4518 §2.2 drops a soft hyphen; other readers keep it.
    const [soft, plain] = [ca("iss\u00ADuing", root), server(issuing)];
    expect(await both(complete, crl(soft), [plain, issuing])).toBe("revocation-unknown@0");
  });
  it("a delta holds as long as a list that is as new as its base", async () => {
    const crls = [
      crl(root, { nextUpdate: NOW + DAY }),
      crl(issuing, { nextUpdate: NOW + 5000, extensions: [number(7)] }),
      crl(issuing, { nextUpdate: NOW + 9000, extensions: [number(3)] }),
      crl(issuing, { nextUpdate: NOW + 9000, extensions: [number(8), delta(7)] }),
    ];
    expect(await verdictOf(policy([root], { crls }), [leaf, issuing])).toMatchObject({
      peer: { path: { notAfterMs: NOW + 5000 } },
    });
  });
  it("says what is wrong with the list that cannot be used", async () => {
    const list = crl(issuing, { extensions: [ext.aki(issuing.key.id)] });
    const why = async (broken: Bytes): Promise<unknown> =>
      verdictOf(policy([root], { crls: [ofRoot, complete, broken] }), [leaf, issuing]);
    expect(await why(list)).toMatchObject({
      refusal: { presented: "a CRL that cannot be used: the CRL has no cRLNumber" },
    });
    expect(await why(crl(issuing, { key: sha1 }))).toMatchObject({
      refusal: { presented: expect.stringContaining("signed with ECDSA with SHA-1") },
    });
  });
});

it("a list for attribute certificates covers nothing", async () => {
  expect(await under([crl(issuing, { extensions: [number(8), idp(tlv(0x85, FLAG))] })])).toBe("revocation-unknown@0");
});

describe("lists that stand for some reasons", () => {
  const some = (bits: Bytes, more: object = {}): Bytes =>
    crl(issuing, { ...more, extensions: [number(7), idp(tlv(0x83, bits))] });
  const compromise = bytes(5, 0x60);
  const others = bytes(7, 0x1f, 0x80);

  it("cover a certificate when together they stand for all", async () => {
    expect(await both(some(compromise), some(others))).toBe("verified");
    expect(await under([some(compromise)])).toBe("revocation-unknown@0");
    expect(await both(some(compromise), some(bytes(0, 0x1f)))).toBe("revocation-unknown@0");
    expect(await both(some(compromise), some(others, { nextUpdate: NOW - 1000 }))).toBe("revocation-unknown@0");
    expect(await both(some(compromise), some(others, revoked))).toBe("revoked@0");
  });
  it("hold as long as the first of them, unless one list stands for all", async () => {
    const until = async (...crls: readonly Bytes[]): Promise<unknown> => {
      const verdict = await verdictOf(policy([root], { crls: [crl(root, { nextUpdate: NOW + DAY }), ...crls] }), [
        leaf,
        issuing,
      ]);
      return verdict.kind === "verified" ? verdict.peer.path.notAfterMs - NOW : verdict;
    };
    const pair = [some(compromise, { nextUpdate: NOW + 5000 }), some(others, { nextUpdate: NOW + 9000 })];
    expect(await until(...pair)).toBe(5000);
    expect(await until(...pair, crl(issuing, { nextUpdate: NOW + 20_000 }))).toBe(20_000);
  });
});

describe("a distribution point", () => {
  const at = (...fields: readonly Bytes[]): Minted => server(issuing, { extensions: [points(seq(...fields))] });
  const list = (...fields: readonly Bytes[]): Bytes => crl(issuing, { extensions: [number(7), idp(...fields)] });
  const below = (commonName: string): Bytes => name("issuing", commonName);
  const rdn = relativeName;
  const wider = tlv(0xa0, tlv(0xa1, seq(oid("2.5.4.10"), utf8("more")), seq(oid("2.5.4.3"), utf8("point"))));

  it.each<[string, Minted, Bytes, string]>([
    ["by DN", at(fullName(dirName(name("point")))), list(fullName(dirName(name("point")))), "verified"],
    ["by DN in another case", at(fullName(dirName(name("POINT")))), list(fullName(dirName(name("point")))), "verified"],
    [
      "by another DN",
      at(fullName(dirName(name("point")))),
      list(fullName(dirName(name("other")))),
      "revocation-unknown@0",
    ],
    ["by RDN on both sides", at(rdn("point")), list(rdn("point")), "verified"],
    ["by RDN and DN", at(rdn("point")), list(fullName(dirName(below("point")))), "verified"],
    ["by DN and RDN", at(fullName(dirName(below("point")))), list(rdn("point")), "verified"],
    ["by RDN and DN in another case", at(rdn("point")), list(fullName(dirName(name("ISSUING", "POINT")))), "verified"],
    [
      "by RDN and a DN elsewhere",
      at(rdn("point")),
      list(fullName(dirName(name("root", "point")))),
      "revocation-unknown@0",
    ],
    ["by RDN and the last of a DN", at(rdn("point")), list(fullName(dirName(name("point")))), "revocation-unknown@0"],
    ["by RDN and one that has more", at(rdn("point")), list(wider), "revocation-unknown@0"],
    ["by RDN and one that has less", at(wider), list(rdn("point")), "revocation-unknown@0"],
    ["by another RDN", at(rdn("point")), list(rdn("other")), "revocation-unknown@0"],
    ["by one URI of two", at(fullName(uri("http://a"))), list(fullName(uri("http://b"), uri("http://a"))), "verified"],
    [
      "by a URI in another case",
      at(fullName(uri("http://a/X"))),
      list(fullName(uri("http://a/x"))),
      "revocation-unknown@0",
    ],
    [
      "by the name of the issuer, without one in the certificate",
      server(issuing),
      list(fullName(dirName(name("issuing")))),
      "verified",
    ],
    ["that the certificate does not have", server(issuing), list(fullName(uri("http://a"))), "revocation-unknown@0"],
    [
      "for some reasons of the certificate",
      at(fullName(uri("http://a")), tlv(0x81, bytes(1, 6))),
      list(fullName(uri("http://a"))),
      "revocation-unknown@0",
    ],
    ["of a certificate, and a list without one", at(fullName(uri("http://a"))), crl(issuing), "verified"],
  ])("%s", async (_, certificate, crls, expected) => {
    expect(await under([crls], [certificate, issuing])).toBe(expected);
  });
});

describe("an indirect list", () => {
  const authority = ca("authority", root);
  const named = (serial: number): Minted =>
    server(issuing, { serial: int(serial), extensions: [points(seq(tlv(0xa2, dirName(authority.subject))))] });
  const list = (spec: object = {}, ...fields: readonly Bytes[]): Bytes =>
    crl(authority, { extensions: [number(7), idp(...fields, INDIRECT)], ...spec });
  const of1 = async (certificate: Minted, ...crls: readonly Bytes[]): Promise<string> =>
    under(crls, [certificate, issuing, authority]);

  it("counts where the certificate names its issuer as cRLIssuer, and nowhere else", async () => {
    expect(await of1(named(5), list())).toBe("verified");
    expect(await of1(server(issuing), list())).toBe("revocation-unknown@0");
    expect(
      await of1(server(issuing, { serial: int(5) }), complete, list({ entries: [entry(5, of(issuing.subject))] })),
    ).toBe("verified");
    expect(await of1(named(5), crl(authority))).toBe("revocation-unknown@0");
  });
  it("revokes by issuer and serial number, and an entry takes the issuer of the one before", async () => {
    const entries = [entry(1), entry(2, of(issuing.subject)), entry(3), entry(4, of(name("else"))), entry(5)];
    const answers = [1, 2, 3, 4, 5].map((serial) => of1(named(serial), list({ entries })));
    expect(await Promise.all(answers)).toEqual(["verified", "revoked@0", "revoked@0", "verified", "verified"]);
  });
  it("revokes under a name that may be the issuer's", async () => {
    const general = seq(tlv(0x31, seq(oid("2.5.4.3"), tlv(0x1b, new TextEncoder().encode("issuing")))));
    expect(await of1(named(3), list({ entries: [entry(3, of(general))] }))).toBe("revoked@0");
  });
  it("names many issuers for many entries at a cost that is their sum", async () => {
    const names = Array.from({ length: 2_000 }, (_, index) => dirName(name(`n${index}`)));
    const crowd = extension("2.5.29.29", true, seq(...names, dirName(issuing.subject)));
    const entries = [entry(1, crowd), ...Array.from({ length: 2_000 }, (_, index) => entry(index + 2))];
    const read = readCrl(list({ entries }));
    if (read.kind !== "used") throw new Error(read.why);
    expect(read.crl.revoked.reduce((sum, { issuers, serials }) => sum + issuers.length + serials.size, 0)).toBe(4_003);
    expect(await of1(named(2_001), list({ entries }))).toBe("revoked@0");
  });
  it("revokes beside a complete list of the issuer", async () => {
    expect(await of1(named(5), complete, list({ entries: [entry(5, of(issuing.subject))] }))).toBe("revoked@0");
    expect(await of1(named(5), complete, list({ version: bytes() }))).toBe("revocation-unknown@0");
  });
  it("needs the cRLIssuer's own certificate, under the same anchor", async () => {
    expect(await under([list()], [named(5), issuing])).toBe("revocation-unknown@0");
    const other = ca("other root");
    const stranger = ca("authority", other);
    const crls = [ofRoot, crl(stranger, { extensions: [number(7), idp(INDIRECT)] })];
    const chain = [named(5), issuing, stranger];
    expect(brief(await verdictOf(policy([root, other], { crls }), chain))).toBe("revocation-unknown@0");
  });
  it("may be of the issuer itself, for its own certificates", async () => {
    const own = crl(issuing, { extensions: [number(7), idp(INDIRECT)], entries: [entry(5)] });
    expect(await under([own], [server(issuing, { serial: int(6) }), issuing])).toBe("verified");
    expect(await under([own], [server(issuing, { serial: int(5) }), issuing])).toBe("revoked@0");
  });
  it("at the distribution point that the certificate names", async () => {
    const at = (path: string): Minted =>
      server(issuing, { extensions: [points(seq(fullName(uri(path)), tlv(0xa2, dirName(authority.subject))))] });
    expect(await of1(at("http://a"), list({}, fullName(uri("http://a"))))).toBe("verified");
    expect(await of1(at("http://b"), list({}, fullName(uri("http://a"))))).toBe("revocation-unknown@0");
  });
});

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
