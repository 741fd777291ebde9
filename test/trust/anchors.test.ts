/** Trust anchors: which certificates can be one, and what is wrong with the others. */
import { describe, expect, it } from "vitest";
import { type AnchorUse, CertificateStore, createVerifier, judgeAnchor } from "../../src/trust/index.ts";
import { parseCertificate } from "../../src/trust/x509/certificate.ts";
import { witness } from "../support/witness.ts";
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
import { type Bytes, bytes, concat, oid, seq, tlv } from "../support/der.ts";
import { type Key, bareKey, rsaKey } from "../support/keys.ts";
import { POLICY_DIGEST, brief, check, policy, verdictOf } from "../support/verdicts.ts";
import { sha256 } from "../support/sha256.ts";

const one = ca("one");
const two = ca("two");

/** keyUsage as two public roots have it: the bits of keyCertSign and cRLSign, and trailing zero bits. */
const looseUsage = extension("2.5.29.15", true, tlv(0x03, bytes(0x00, 0x06)));
const rootWith = (...extensions: readonly Bytes[]): Minted => mint({ subject: name("odd"), extensions });
const judged = (der: Bytes, above: AnchorUse = "servers"): string => {
  const judgement = judgeAnchor(der, above);
  return judgement.kind === "usable"
    ? `${judgement.as}${judgement.oddity === null ? "" : `: ${judgement.oddity}`}`
    : `${judgement.problem.code}: ${judgement.problem.found}`;
};

describe("an anchor whose encoding decides nothing", () => {
  const falseFlag = seq(oid("2.5.29.14"), bytes(0x01, 0x01, 0x00), tlv(0x04, tlv(0x04, bytes(1, 2))));
  const rows: readonly [string, Minted, string][] = [
    ["keyUsage with trailing zero bits", rootWith(ext.ca(), looseUsage), "keyUsage is not a minimal named-bit list"],
    ["an encoded critical FALSE", rootWith(ext.ca(), ext.keyUsage(0x06), falseFlag), "critical is not an encoded TRUE"],
    [
      "a broken key identifier",
      rootWith(ext.ca(), extension("2.5.29.14", false, seq())),
      "subjectKeyIdentifier has tag 0x30",
    ],
    [
      "bytes after a key identifier",
      rootWith(ext.ca(), extension("2.5.29.14", false, concat(tlv(4, bytes(1)), bytes(5, 0)))),
      "extension 2.5.29.14 has trailing bytes",
    ],
    [
      "a broken issuer's identifier",
      rootWith(ext.ca(), extension("2.5.29.35", false, bytes(5, 0))),
      "authorityKeyIdentifier has tag 0x5",
    ],
    [
      "broken distribution points",
      rootWith(ext.ca(), extension("2.5.29.31", false, seq())),
      "cRLDistributionPoints is empty",
    ],
    ["a broken AIA", rootWith(ext.ca(), extension("1.3.6.1.5.5.7.1.1", false, seq())), "authorityInfoAccess is empty"],
    ["broken alternative names", rootWith(ext.ca(), ext.san()), "subjectAltName is empty"],
    [
      "parameters of its own signature",
      mint({
        subject: name("odd"),
        extensions: [ext.ca()],
        innerAlgorithm: seq(oid("1.2.840.10045.4.3.2"), bytes(5, 0)),
      }),
      "signatureAlgorithm has trailing bytes",
    ],
  ];
  it.each(rows)("is trusted with %s; presented, it is refused", async (_, odd, why) => {
    expect(judged(odd.der)).toBe(`issuer: ${why}`);
    expect(parseCertificate(odd.der)).toEqual({ kind: "malformed", why });
    expect(await check(odd, server(odd))).toBe("verified");
    // The anchor may be presented, too.
    expect(await check(odd, server(odd), odd)).toBe("verified");
    const middle = { ...odd, subject: odd.subject };
    expect(await check(one, server(middle), odd)).toBe("malformed@1");
  });
  it("stays refused where another policy trusts it, and in place of a server", async () => {
    const [, odd] = rows[0] ?? [];
    if (odd === undefined) throw new Error("no row");
    const cache = new CertificateStore(sha256);
    const verifier = (anchor: Minted) =>
      createVerifier({ policy: POLICY_DIGEST, trust: policy([anchor]), sha256, cache, witness });
    const leaf = server(odd);
    const trusting = verifier(odd);
    expect(brief(await trusting.verify([leaf.der, odd.der], NOW))).toBe("verified");
    expect(brief(await trusting.verify([odd.der], NOW))).toBe("malformed@0");
    expect(brief(await verifier(one).verify([leaf.der, odd.der], NOW))).toBe("malformed@1");
  });
  it.each<[string, Minted, string]>([
    [
      "bits beyond the unused",
      rootWith(ext.ca(), extension("2.5.29.15", true, tlv(0x03, bytes(0x01, 0x07)))),
      "malformed: keyUsage is not a minimal named-bit list",
    ],
    [
      "no bits",
      rootWith(ext.ca(), extension("2.5.29.15", true, tlv(0x03, bytes(0x00, 0x00)))),
      "malformed: keyUsage is empty",
    ],
    [
      "a TRUE of its own",
      rootWith(extension("2.5.29.19", true, seq(bytes(0x01, 0x01, 0x01)))),
      "malformed: basicConstraints is not an encoded TRUE",
    ],
    ["empty purposes", rootWith(ext.ca(), ext.eku()), "malformed: extKeyUsage is empty"],
    [
      "broken constraints",
      rootWith(ext.ca(), extension("2.5.29.30", true, seq())),
      "malformed: nameConstraints is empty",
    ],
    ["an extension twice", rootWith(ext.ca(), ext.ca()), "malformed: extension 2.5.29.19 occurs twice"],
    // rustls-webpki wants both algorithms to be the same, of an anchor too.
    [
      "two signature algorithms",
      mint({ subject: name("odd"), extensions: [ext.ca()], outerAlgorithm: seq(oid("1.2.840.113549.1.1.5")) }),
      "malformed: signatureAlgorithm differs inside and outside",
    ],
    [
      "trailing bytes",
      mint({ subject: name("odd"), extensions: [ext.ca()], tail: bytes(5, 0) }),
      "malformed: Certificate has trailing bytes",
    ],
  ])("is none with %s, which decides", async (_, odd, found) => {
    expect(judged(odd.der)).toBe(found);
    expect(await check(odd, server(odd))).not.toBe("verified");
  });
});

describe("judgeAnchor", () => {
  const dsa = bareKey(seq(seq(oid("1.2.840.10040.4.1")), tlv(3, bytes(0, 1))));
  const curve = (id: string): Key => bareKey(seq(seq(oid("1.2.840.10045.2.1"), oid(id)), tlv(3, bytes(0, 4))));
  const selfSigned = mint({ extensions: [ext.san(dns("a.example"))] });
  it.each<[string, Minted, string]>([
    ["a CA", one, "issuer"],
    ["an expired CA", ca("old", null, { notAfter: NOW - 1 }), "issuer"],
    ["a self-signed server", selfSigned, "end-entity"],
    ["another CA's server", server(one), "end-entity"],
    [
      "a CA with purposes that have serverAuth",
      ca("p", null, { extensions: [ext.eku(CLIENT_AUTH, SERVER_AUTH)] }),
      "issuer",
    ],
    ["RSA-1024", ca("weak", null, { key: rsaKey(1024) }), "weak-key: RSA, 1024 bits"],
    ["DSA", ca("d", null, { key: dsa }), "unsupported-algorithm: DSA"],
    ["brainpool", ca("b", null, { key: curve("1.3.36.3.3.2.8.1.1.7") }), "unsupported-algorithm: brainpoolP256r1"],
    ["secp256k1", ca("k", null, { key: curve("1.3.132.0.10") }), "unsupported-algorithm: secp256k1"],
    ["P-224", ca("p224", null, { key: curve("1.3.132.0.33") }), "unsupported-algorithm: P-224"],
    [
      "Ed448",
      ca("e", null, { key: bareKey(seq(seq(oid("1.3.101.113")), tlv(3, bytes(0, 1)))) }),
      "unsupported-algorithm: Ed448",
    ],
    ["version 1", mint({ subject: name("v1"), version: bytes(), extensions: [] }), "not-a-ca: version 1"],
    ["no CA and no server", mint({ subject: name("none"), extensions: [ext.notCa()] }), "not-a-ca: none, no CA"],
    ["a CA that may not sign", rootWith(ext.ca(), ext.keyUsage(0x80)), "not-a-ca: odd"],
    ["a CA for clients alone", ca("c", null, { extensions: [ext.eku(CLIENT_AUTH)] }), `wrong-usage: ${CLIENT_AUTH}`],
    [
      "an unknown critical extension",
      ca("u", null, { extensions: [extension("1.2.3.4", true, seq())] }),
      "critical-extension: 1.2.3.4",
    ],
    [
      "dates in the wrong order",
      ca("t", null, { notBefore: NOW, notAfter: NOW - DAY }),
      `expired: notAfter ${new Date(NOW - DAY).toISOString().replace(".000Z", "Z")}`,
    ],
  ])("of %s", async (_, anchor, expected) => {
    expect(judged(anchor.der)).toBe(expected);
    // No verdict trusts a refused anchor at any time of its life, and one does trust an accepted anchor.
    const leaf = expected.startsWith("end-entity") ? anchor : server(anchor, { notBefore: NOW - 9 * DAY });
    const identifiers = [HOST, "a.example"].map((value) => ({ type: "dns", value }) as const);
    const verdict = await verdictOf(policy([anchor], { identifiers }), [leaf], NOW - DAY / 2);
    expect(verdict.kind).toBe(/^(issuer|end-entity)/u.test(expected) ? "verified" : "refused");
  });
  it("asks clientAuth of clients' CAs, and serverAuth of servers'", () => {
    const clients = ca("c", null, { extensions: [ext.eku(CLIENT_AUTH)] });
    const servers = ca("s", null, { extensions: [ext.eku(SERVER_AUTH)] });
    expect([judged(clients.der, "clients"), judged(servers.der, "servers")]).toEqual(["issuer", "issuer"]);
    expect(judged(servers.der, "clients")).toBe(`wrong-usage: extKeyUsage ${SERVER_AUTH}`);
    expect(judged(bytes(1, 2), "clients")).toMatch(/^malformed/u);
  });
  it("asks the same keys of clients' CAs", () => {
    expect(judged(ca("weak", null, { key: rsaKey(1024) }).der, "clients")).toBe("weak-key: RSA, 1024 bits");
    expect(judged(ca("d", null, { key: dsa }).der, "clients")).toBe("unsupported-algorithm: DSA");
  });
  it("names one that has more names than a verdict looks at", async () => {
    const named = (count: number): Minted =>
      ca("names", null, { extensions: [ext.san(...Array.from({ length: count }, (_, at) => dns(`n${at}.example`)))] });
    expect(judged(named(2000).der)).toBe("issuer");
    const many = named(2001);
    expect(judged(many.der)).toBe("budget-exceeded: more names");
    expect(await check(many, server(many))).toBe("budget-exceeded@null");
  });
});

it("an anchor that is given many times is tried once", async () => {
  const anchors = Array.from({ length: 600 }, () => one);
  const forged = server({ ...two, subject: one.subject });
  expect(brief(await verdictOf(policy(anchors), [server(one)]))).toBe("verified");
  // Each trial of a candidate is charged, and 512 of them are the limit.
  expect(brief(await verdictOf(policy(anchors), [forged]))).toBe(await check(one, forged));
});
