/** Path building, and what each certificate must be for its place. */
import { describe, expect, it } from "vitest";
import {
  CLIENT_AUTH,
  DAY,
  HOST,
  type Minted,
  NOW,
  SERVER_AUTH,
  ca,
  dns,
  ext,
  extension,
  mint,
  name,
  server,
} from "../support/certificates.ts";
import { crl } from "../support/crls.ts";
import { type Bytes, bytes, int, oid, seq, text, tlv } from "../support/der.ts";
import { type Key, ecKey, rsaKey } from "../support/keys.ts";
import { brief, check, policy, verdictOf } from "../support/verdicts.ts";

const ANY_PURPOSE = "2.5.29.37.0";
const root = ca("root");

describe("building", () => {
  it("needs the intermediate", async () => {
    const intermediate = ca("intermediate", root);
    expect(await check(root, server(intermediate))).toBe("unknown-ca@0");
    expect(await check(root, server(intermediate), intermediate)).toBe("verified");
  });
  it("refuses an empty chain and an empty certificate", async () => {
    expect(await check(root)).toBe("no-certificate@null");
    expect(await check(root, { ...root, der: bytes() })).toBe("no-certificate@null");
  });
  it("takes any order after the end entity", async () => {
    const chain = [ca("one", root)];
    for (const label of ["two", "three", "four"]) chain.unshift(ca(label, chain[0]));
    const endEntity = server(chain[0] ?? root);
    expect(await check(root, endEntity, ...chain)).toBe("verified");
    expect(await check(root, endEntity, ...chain.toReversed())).toBe("verified");
  });
  it("takes an intermediate as the anchor", async () => {
    const intermediate = ca("intermediate", root);
    expect(await check(intermediate, server(intermediate))).toBe("verified");
    expect(await check(intermediate, server(intermediate), intermediate, root)).toBe("verified");
  });
  it("tells a broken signature from an unknown CA of the same name", async () => {
    const endEntity = server(root);
    const broken = Uint8Array.from(endEntity.der);
    broken[broken.length - 1] = (broken.at(-1) ?? 0) ^ 1;
    expect(await check(root, { ...endEntity, der: broken })).toBe("bad-signature@0");
    expect(await check(ca("root"), endEntity)).toBe("unknown-ca@0");
  });
  it.each([
    ["has a padded integer", seq(tlv(2, bytes(0, 0, 1)), tlv(2, bytes(1)))],
    ["is two zeros", seq(tlv(2, bytes(0)), tlv(2, bytes(0)))],
    ["has a number longer than the curve's", seq(tlv(2, new Uint8Array(40).fill(1)), tlv(2, bytes(1)))],
  ])("refuses a signature that %s", async (_what, signature) => {
    expect(await check(root, mint({ signature, extensions: [ext.san(dns(HOST))] }, root))).toBe("bad-signature@0");
  });
  it("finds the issuer without key identifiers", async () => {
    const key = ecKey();
    const anchor = mint({ subject: name("plain"), key, extensions: [ext.ca()] });
    const endEntity = mint({ extensions: [ext.san(dns(HOST))] }, anchor);
    expect(await check(anchor, endEntity)).toBe("verified");
  });
  it("does not let a wrong key identifier hide the issuer", async () => {
    const endEntity = mint({ extensions: [ext.san(dns(HOST)), ext.aki(bytes(1, 2, 3))] }, root);
    expect(await check(root, endEntity)).toBe("verified");
  });
  it("compares names without case and surplus spaces, and never by their common name alone", async () => {
    const key = ecKey();
    const anchor = ca("Root CA", null, { key });
    const loose = server({ ...anchor, subject: name("root  ca") });
    expect(await check(anchor, loose)).toBe("verified");
    const organisation = server({ ...anchor, subject: name("2.5.4.10=x", "Root CA") });
    expect(await check(anchor, organisation)).toBe("unknown-ca@0");
  });
  it("tries every anchor of the issuer's name", async () => {
    const anchors = [ca("root"), ca("root"), root, ca("root")];
    const verdict = await verdictOf(policy(anchors), [server(root)]);
    expect(brief(verdict)).toBe("verified");
  });
  it("falls back from an expired anchor to its renewed certificate", async () => {
    const key = ecKey();
    const old = ca("root", null, { key, notAfter: NOW - DAY });
    const renewed = ca("root", null, { key });
    expect(brief(await verdictOf(policy([old, renewed]), [server(renewed)]))).toBe("verified");
  });
  it("passes a cross-signed root on to the anchor that signed it", async () => {
    const young = ca("young root");
    const crossed = ca("young root", root, { key: young.key });
    const intermediate = ca("intermediate", young);
    expect(await check(root, server(intermediate), intermediate, young, crossed)).toBe("verified");
    expect(await check(young, server(intermediate), intermediate, crossed)).toBe("verified");
  });
  it("reports the path that got furthest", async () => {
    const key = ecKey();
    const unknown = ca("intermediate", ca("stranger"), { key });
    const limited = ca("intermediate", root, { key, extensions: [ext.constraints([dns("example.org")])] });
    const endEntity = server(limited);
    expect(await check(root, endEntity, unknown, limited)).toBe("name-constraint@0");
    expect(await check(root, endEntity, limited, unknown)).toBe("name-constraint@0");
  });
});

describe("length", () => {
  const chain = [root];
  for (let index = 0; index < 9; index++) chain.unshift(ca(`level ${index}`, chain[0]));
  const of = async (levels: number, maxChainDepth: number): Promise<string> => {
    const used = chain.slice(-1 - levels, -1);
    return brief(await verdictOf(policy([root], { maxChainDepth }), [server(used[0] ?? root), ...used]));
  };

  it("counts end entity and anchor", async () => {
    expect(await of(8, 10)).toBe("verified");
    expect(await of(9, 10)).toBe("path-too-long@9");
    expect(await of(0, 2)).toBe("verified");
    expect(await of(1, 2)).toBe("path-too-long@1");
    expect(await of(0, 1)).toBe("path-too-long@-1");
  });
  it("does not count self-issued certificates against pathLenConstraint", async () => {
    const anchor = ca("root", null, { pathLength: 1 });
    const first = ca("ca", anchor, { pathLength: 0 });
    const rolled = ca("ca", first, { pathLength: 0 });
    expect(await check(anchor, server(rolled), rolled, first)).toBe("verified");
    const other = ca("other", rolled);
    expect(await check(anchor, server(other), other, rolled, first)).toBe("path-too-long@2");
  });
  it("enforces the anchor's own", async () => {
    const anchor = ca("root", null, { pathLength: 0 });
    expect(await check(anchor, server(anchor))).toBe("verified");
    const intermediate = ca("intermediate", anchor);
    expect(await check(anchor, server(intermediate), intermediate)).toBe("path-too-long@-1");
  });
});

describe("an issuer", () => {
  const issuer = (...extensions: readonly Uint8Array[]): Minted => {
    const key = ecKey();
    return mint({ subject: name("issuer"), key, extensions: [ext.ski(key.id), ...extensions] }, root);
  };
  it.each<[string, Minted, string]>([
    ["a CA", issuer(ext.ca(), ext.keyUsage(0x06)), "verified"],
    ["a CA without keyUsage", issuer(ext.ca()), "verified"],
    ["no basicConstraints", issuer(ext.keyUsage(0x06)), "not-a-ca@1"],
    ["cA FALSE", issuer(ext.notCa(), ext.keyUsage(0x06)), "not-a-ca@1"],
    ["keyUsage without keyCertSign", issuer(ext.ca(), ext.keyUsage(0x02)), "not-a-ca@1"],
    ["another purpose", issuer(ext.ca(), ext.eku(CLIENT_AUTH)), "wrong-usage@1"],
    ["serverAuth among its purposes", issuer(ext.ca(), ext.eku(CLIENT_AUTH, SERVER_AUTH)), "verified"],
    ["any purpose", issuer(ext.ca(), ext.eku(ANY_PURPOSE)), "verified"],
    [
      "a critical AIA",
      issuer(
        ext.ca(),
        extension("1.3.6.1.5.5.7.1.1", true, seq(seq(oid("1.3.6.1.5.5.7.48.1"), text(0x86, "http://a")))),
      ),
      "critical-extension@1",
    ],
  ])("with %s", async (_, intermediate, expected) => {
    expect(await check(root, server(intermediate), intermediate)).toBe(expected);
  });
  it("of version 1 is none", async () => {
    const key = ecKey();
    const intermediate = mint({ subject: name("issuer"), key, version: bytes(), rawExtensions: bytes() }, root);
    expect(await check(root, server(intermediate), intermediate)).toBe("not-a-ca@1");
    const anchor = mint({ subject: name("anchor"), key, version: bytes(), rawExtensions: bytes() });
    expect(await check(anchor, server(anchor))).toBe("not-a-ca@-1");
  });
  it("that is an end entity forges nothing", async () => {
    const leaf = server(root);
    expect(await check(root, server(leaf), leaf)).toBe("not-a-ca@1");
  });
  it("with an empty subject is malformed", async () => {
    const intermediate = mint({ subject: seq(), extensions: [ext.ca()] }, root);
    expect(await check(root, intermediate)).toBe("malformed@0");
  });
});

describe("an anchor's own constraints", () => {
  it.each<[string, Minted | null, readonly string[], string]>([
    ["a root for clients", null, [CLIENT_AUTH], "wrong-usage@-1"],
    ["a root for clients and servers", null, [CLIENT_AUTH, SERVER_AUTH], "verified"],
    ["a root for every purpose", null, [ANY_PURPOSE], "verified"],
    ["an intermediate for clients", root, [CLIENT_AUTH], "wrong-usage@-1"],
    ["an intermediate for servers", root, [SERVER_AUTH], "verified"],
  ])("purposes: %s", async (_what, issuer, purposes, expected) => {
    const anchor = ca("anchor", issuer, { extensions: [ext.eku(...purposes)] });
    expect(await check(anchor, server(anchor))).toBe(expected);
  });
  it("names", async () => {
    const anchor = ca("root", null, { extensions: [ext.constraints([dns("example.org")])] });
    expect(await check(anchor, server(anchor))).toBe("name-constraint@0");
  });
  it("not its signature", async () => {
    const anchor = ca("root", null, { signature: bytes(1, 2, 3) });
    expect(await check(anchor, server(anchor))).toBe("verified");
    const sha1 = ca("root", null, { innerAlgorithm: seq(oid("1.2.840.113549.1.1.5"), bytes(5, 0)) });
    expect(await check(sha1, server(sha1))).toBe("verified");
  });
});

describe("an end entity", () => {
  const leaf = (...extensions: readonly Uint8Array[]): Minted =>
    mint({ extensions: [ext.san(dns(HOST)), ...extensions] }, root);
  it.each<[string, Minted, string]>([
    ["nothing but a name", leaf(), "verified"],
    ["serverAuth", leaf(ext.eku(SERVER_AUTH)), "verified"],
    ["another purpose", leaf(ext.eku(CLIENT_AUTH)), "wrong-usage@0"],
    ["any purpose alone", leaf(ext.eku(ANY_PURPOSE)), "wrong-usage@0"],
    ["any purpose besides", leaf(ext.eku(SERVER_AUTH, ANY_PURPOSE)), "wrong-usage@0 any-purpose-end-entity"],
    ["digitalSignature", leaf(ext.keyUsage(0x80)), "verified"],
    ["keyEncipherment alone", leaf(ext.keyUsage(0x20)), "wrong-usage@0"],
    ["keyCertSign", leaf(ext.keyUsage(0x84)), "wrong-usage@0"],
    ["cA", leaf(ext.ca()), "wrong-usage@0 ca-as-end-entity"],
    ["cA FALSE", leaf(ext.notCa()), "verified"],
    ["nameConstraints", leaf(ext.constraints([dns("example.com")])), "name-constraint@0"],
    [
      "nameConstraints, not critical",
      leaf(extension("2.5.29.30", false, seq(tlv(0xa0, seq(dns("example.com")))))),
      "name-constraint@0",
    ],
    ["an unknown critical extension", leaf(extension("1.2.3", true, bytes(5, 0))), "critical-extension@0"],
    ["an unknown extension", leaf(extension("1.2.3", false, bytes(5, 0))), "verified"],
  ])("with %s", async (_, endEntity, expected) => {
    expect(await check(root, endEntity)).toBe(expected);
  });
});

describe("checks that meet in one path", () => {
  it("a CA with too many names is over budget too", async () => {
    const names = Array.from({ length: 2001 }, (_, index) => dns(`h${index}.a`));
    const crowded = ca("crowded", root, { extensions: [ext.san(...names)] });
    expect(await check(root, server(crowded), crowded)).toBe("budget-exceeded@null");
  });
  it.each([
    ["P-521", ecKey("P-521", "SHA-512"), "unsupported-algorithm@0"],
    ["RSA of 1024 bits", rsaKey(1024), "weak-key@0"],
  ])("a self-signed backend's key must be one that a server may have, not %s", async (_what, key, code) => {
    const own = mint({ subject: name(HOST), key, extensions: [ext.san(dns(HOST))] });
    expect(await check(own, own)).toBe(code);
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
