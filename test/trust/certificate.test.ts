/** Strict DER and RFC 5280 §4.1: one deviation a row. The same rows refuse as an end entity and as an intermediate. */
import { describe, expect, it } from "vitest";
import { parseCertificate } from "../../src/trust/x509/certificate.ts";
import { compareNames } from "../../src/trust/x509/name-comparison.ts";
import { NOW, type Spec, ca, dns, email, ext, extension, mint, name, server } from "../support/certificates.ts";
import {
  type Bytes,
  TRUE,
  bytes,
  concat,
  generalizedTime,
  int,
  oid,
  seq,
  text,
  tlv,
  utcTime,
  utf8,
} from "../support/der.ts";
import { check, policy, verdictOf, brief } from "../support/verdicts.ts";

const root = ca("root");
const SAN = ext.san(dns("backend.example.com"));

function why(der: Bytes): string {
  const parsed = parseCertificate(der);
  return parsed.kind === "parsed" ? "parsed" : parsed.why;
}

const minted = (spec: Spec): string => why(mint({ extensions: [SAN], ...spec }, root).der);
const withExtension = (...extensions: readonly Bytes[]): string => minted({ extensions });

describe("the certificate's frame", () => {
  const good = mint({ extensions: [SAN] }, root).der;

  it("reads what the helper mints", () => {
    expect(why(good)).toBe("parsed");
  });
  it.each<[string, Spec, string]>([
    ["bytes after signatureValue", { tail: bytes(5, 0) }, "Certificate has trailing bytes"],
    ["bytes after extensions", { tbsTail: bytes(5, 0) }, "tbsCertificate has trailing bytes"],
    [
      "different algorithms",
      { outerAlgorithm: seq(oid("1.2.840.10045.4.3.3")) },
      "signatureAlgorithm differs inside and outside",
    ],
    [
      "parameters of ECDSA",
      { innerAlgorithm: seq(oid("1.2.840.10045.4.3.2"), bytes(5, 0)) },
      "signatureAlgorithm has trailing bytes",
    ],
    ["an encoded version 1", { version: tlv(0xa0, int(0)) }, "version is encoded as 0"],
    ["version 4", { version: tlv(0xa0, int(3)) }, "version is encoded as 3"],
    ["extensions in version 1", { version: bytes() }, "a version 1 certificate has extensions"],
    ["extensions in version 2", { version: tlv(0xa0, int(1)) }, "a version 2 certificate has extensions"],
    [
      "a unique identifier in version 1",
      { version: bytes(), rawExtensions: bytes(), uniqueIds: tlv(0x81, bytes(0, 1)) },
      "a version 1 certificate has a unique identifier",
    ],
    ["empty extensions", { rawExtensions: tlv(0xa3, seq()) }, "extensions is empty"],
    ["a padded serial number", { serial: tlv(0x02, bytes(0, 1)) }, "serialNumber is a non-minimal INTEGER"],
    [
      "a padded negative serial number",
      { serial: tlv(0x02, bytes(0xff, 0x80)) },
      "serialNumber is a non-minimal INTEGER",
    ],
    ["an empty serial number", { serial: tlv(0x02) }, "serialNumber is an empty INTEGER"],
    ["an empty issuer", { issuerName: seq() }, "issuer is empty"],
    ["an empty RDN", { subject: seq(tlv(0x31)) }, "subject has an empty RDN"],
    [
      "broken UTF-8",
      { subject: seq(tlv(0x31, seq(oid("2.5.4.3"), tlv(0x0c, bytes(0xc0, 0x80))))) },
      "subject has a broken UTF8String",
    ],
    [
      "an odd BMPString",
      { subject: seq(tlv(0x31, seq(oid("2.5.4.3"), tlv(0x1e, bytes(0))))) },
      "subject has an odd BMPString",
    ],
    [
      "a PrintableString beyond ASCII",
      { subject: seq(tlv(0x31, seq(oid("2.5.4.3"), tlv(0x13, bytes(0xe4))))) },
      "subject is not ASCII",
    ],
    [
      "bytes after an attribute",
      { subject: seq(tlv(0x31, seq(oid("2.5.4.3"), utf8("a"), utf8("b")))) },
      "subject has trailing bytes",
    ],
    [
      "an unsorted RDN",
      { subject: seq(tlv(0x31, seq(oid("2.5.4.10"), utf8("b")), seq(oid("2.5.4.3"), utf8("a")))) },
      "subject has an unsorted RDN",
    ],
    [
      "33 attributes",
      { subject: name(...Array.from({ length: 33 }, () => "a")) },
      "subject has more than 32 attributes",
    ],
    [
      "33 elements in an attribute",
      { subject: seq(tlv(0x31, seq(oid("2.5.4.16"), seq(...Array.from({ length: 32 }, () => bytes(5, 0)))))) },
      "subject has more than 32 attributes",
    ],
    ["bytes after validity", { validity: seq(utcTime(NOW), utcTime(NOW), bytes(5, 0)) }, "validity has trailing bytes"],
    [
      "UTCTime without seconds",
      { validity: seq(text(0x17, "2606011200Z"), utcTime(NOW)) },
      "notBefore is not a Time in seconds and Zulu",
    ],
    [
      "UTCTime with an offset",
      { validity: seq(text(0x17, "260601120000+0000"), utcTime(NOW)) },
      "notBefore is not a Time in seconds and Zulu",
    ],
    [
      "GeneralizedTime with a fraction",
      { validity: seq(text(0x18, "20260601120000.5Z"), utcTime(NOW)) },
      "notBefore is not a Time in seconds and Zulu",
    ],
    [
      "a Time of letters",
      { validity: seq(text(0x17, "26O601120000Z"), utcTime(NOW)) },
      "notBefore is not a Time of digits",
    ],
    ["30 February", { validity: seq(text(0x17, "260230120000Z"), utcTime(NOW)) }, "notBefore is not a date"],
    ["hour 24", { validity: seq(text(0x17, "260601240000Z"), utcTime(NOW)) }, "notBefore is not a date"],
    ["a Time that is an INTEGER", { validity: seq(int(5), utcTime(NOW)) }, "notBefore is not a Time"],
  ])("refuses %s", (_, spec, expected) => {
    expect(minted(spec)).toBe(expected);
  });
  it.each<[string, Bytes, string]>([
    ["nothing", bytes(), "Certificate is missing"],
    ["trailing bytes", concat(good, bytes(0)), "Certificate has trailing bytes"],
    ["a truncated file", good.subarray(0, -1), "Certificate is truncated"],
    ["a truncated header", bytes(0x30), "Certificate is truncated"],
    ["a truncated length", bytes(0x30, 0x82, 1), "Certificate is truncated"],
    [
      "an indefinite length",
      concat(bytes(0x30, 0x80), good.subarray(4), bytes(0, 0)),
      "Certificate has no definite length",
    ],
    ["a five-octet length", bytes(0x30, 0x85, 0, 0, 0, 0, 1), "Certificate has no definite length"],
    ["a long form below 128", concat(bytes(0x30, 0x81, 1), bytes(0)), "Certificate has a non-minimal length"],
    ["a padded length", concat(bytes(0x30, 0x83, 0), good.subarray(2)), "Certificate has a non-minimal length"],
    ["a multi-byte tag", seq(seq(tlv(0x1f, bytes(1))), seq(), tlv(3, bytes(0))), "serialNumber has tag 0x1f"],
    ["a SET", tlv(0x31, good.subarray(4)), "Certificate has tag 0x31"],
  ])("refuses %s", (_, der, expected) => {
    expect(why(der)).toBe(expected);
  });
  it("refuses an end entity and an intermediate alike", async () => {
    const broken = ca("broken", root, { tail: bytes(5, 0) });
    expect(await check(root, broken)).toBe("malformed@0");
    expect(await check(root, server(broken), server(root), broken)).toBe("malformed@2");
  });
  it("ignores a broken certificate that no path needs", async () => {
    expect(await check(root, server(root), ca("broken", root, { tail: bytes(5, 0) }))).toBe("verified");
  });
  it("does not trust a broken anchor, and does not stumble over it", async () => {
    const broken = ca("broken", null, { tail: bytes(5, 0) });
    expect(await check(broken, server(broken))).toBe("unknown-ca@0");
    expect(brief(await verdictOf(policy([broken, root]), [server(root)]))).toBe("verified");
  });
});

describe("extensions", () => {
  const SUBJECT_ALT_NAME = "2.5.29.17";
  it.each<[string, readonly Bytes[], string]>([
    ["twice the same", [SAN, SAN], `extension ${SUBJECT_ALT_NAME} occurs twice`],
    [
      "33",
      Array.from({ length: 33 }, (_, index) => extension(`1.2.3.${index}`, false, bytes())),
      "more than 32 extensions",
    ],
    ["an encoded FALSE", [seq(oid("1.2.3"), bytes(1, 1, 0), tlv(4))], "critical is not an encoded TRUE"],
    ["TRUE as 1", [seq(oid("1.2.3"), bytes(1, 1, 1), tlv(4))], "critical is not an encoded TRUE"],
    ["bytes after extnValue", [seq(oid("1.2.3"), tlv(4), bytes(5, 0))], "extension has trailing bytes"],
    [
      "bytes inside extnValue",
      [extension(SUBJECT_ALT_NAME, false, concat(seq(dns("a")), bytes(5, 0)))],
      `extension ${SUBJECT_ALT_NAME} has trailing bytes`,
    ],
    ["a non-minimal arc", [seq(tlv(0x06, bytes(0x2a, 0x80, 1)), tlv(4))], "extnID has a non-minimal arc"],
    ["a truncated OID", [seq(tlv(0x06, bytes(0x2a, 0x81)), tlv(4))], "extnID is not an OBJECT IDENTIFIER"],
    ["an empty subjectAltName", [ext.san()], "subjectAltName is empty"],
    ["a dNSName beyond ASCII", [ext.san(tlv(0x82, bytes(0xe4)))], "subjectAltName dNSName is not ASCII"],
    ["a constructed dNSName", [ext.san(tlv(0xa2, bytes(5, 0)))], "subjectAltName has a GeneralName with tag 0xa2"],
    [
      "an iPAddress with a mask",
      [ext.san(tlv(0x87, new Uint8Array(8)))],
      "subjectAltName iPAddress has 8 octets, not 4 or 16",
    ],
    ["a multi-byte tag", [ext.san(tlv(0xa0, bytes(0x1f, 0x81, 0, 0)))], "subjectAltName has a multi-byte tag"],
    [
      "an otherName with a string in pieces",
      [ext.san(tlv(0xa0, oid("1.2.3"), tlv(0xa0, tlv(0x2c, tlv(0x0c)))))],
      "subjectAltName has a string in pieces",
    ],
    ["an otherName that is not DER", [ext.san(tlv(0xa0, bytes(6, 9)))], "subjectAltName is truncated"],
    [
      "nesting without end",
      [ext.san(tlv(0xa0, tlv(0x30, tlv(0x30, tlv(0x30, tlv(0x30, tlv(0x30, tlv(0x30, tlv(0x30, tlv(0x30))))))))))],
      "subjectAltName is nested too deep",
    ],
    ["pathLenConstraint without cA", [extension("2.5.29.19", true, seq(int(0)))], "pathLenConstraint without cA"],
    [
      "an encoded cA FALSE",
      [extension("2.5.29.19", true, seq(bytes(1, 1, 0)))],
      "basicConstraints is not an encoded TRUE",
    ],
    [
      "a negative pathLenConstraint",
      [extension("2.5.29.19", true, seq(TRUE, tlv(2, bytes(0xff))))],
      "pathLenConstraint is out of range",
    ],
    [
      "a huge pathLenConstraint",
      [extension("2.5.29.19", true, seq(TRUE, tlv(2, bytes(1, 0, 0, 0, 0))))],
      "pathLenConstraint is out of range",
    ],
    [
      "more in basicConstraints",
      [extension("2.5.29.19", true, seq(TRUE, int(0), bytes(5, 0)))],
      "basicConstraints has trailing bytes",
    ],
    ["an empty keyUsage", [extension("2.5.29.15", true, tlv(3, bytes(0)))], "keyUsage is empty"],
    [
      "keyUsage with a trailing zero bit",
      [extension("2.5.29.15", true, tlv(3, bytes(6, 0x80)))],
      "keyUsage is not a minimal named-bit list",
    ],
    [
      "keyUsage with unused bits set",
      [extension("2.5.29.15", true, tlv(3, bytes(7, 0xc0)))],
      "keyUsage is not a minimal named-bit list",
    ],
    [
      "keyUsage with a zero octet",
      [extension("2.5.29.15", true, tlv(3, bytes(0, 0x80, 0)))],
      "keyUsage is not a minimal named-bit list",
    ],
    [
      "keyUsage of three octets",
      [extension("2.5.29.15", true, tlv(3, bytes(0, 1, 1, 1)))],
      "keyUsage is not a short named-bit list",
    ],
    ["an empty extKeyUsage", [ext.eku()], "extKeyUsage is empty"],
    ["empty nameConstraints", [extension("2.5.29.30", true, seq())], "nameConstraints is empty"],
    ["an empty subtree list", [extension("2.5.29.30", true, seq(tlv(0xa0)))], "nameConstraints has an empty list"],
    [
      "an encoded minimum",
      [extension("2.5.29.30", true, seq(tlv(0xa0, seq(dns("a"), bytes(0x80, 1, 0)))))],
      "nameConstraints subtree has trailing bytes",
    ],
    [
      "a maximum",
      [extension("2.5.29.30", true, seq(tlv(0xa0, seq(dns("a"), bytes(0x81, 1, 9)))))],
      "nameConstraints subtree has trailing bytes",
    ],
    [
      "an address without a mask",
      [ext.constraints([tlv(0x87, new Uint8Array(4))])],
      "nameConstraints iPAddress has 4 octets, not 8 or 32",
    ],
    ["a repeated policy", [ext.policies("1.2.3", "1.2.3")], "certificatePolicies repeats a policy"],
    ["empty policyConstraints", [ext.policyConstraints(null)], "policyConstraints is empty"],
    [
      "policyConstraints out of order",
      [extension("2.5.29.36", true, seq(bytes(0x81, 1, 0, 0x80, 1, 0)))],
      "policyConstraints has trailing bytes",
    ],
    [
      "an empty authorityCertIssuer",
      [extension("2.5.29.35", false, seq(tlv(0xa1)))],
      "authorityKeyIdentifier has an empty authorityCertIssuer",
    ],
    [
      "an AIA without a location",
      [extension("1.3.6.1.5.5.7.1.1", false, seq(seq(oid("1.3.6.1.5.5.7.48.1"))))],
      "authorityInfoAccess is missing",
    ],
    [
      "a subjectKeyIdentifier that is text",
      [extension("2.5.29.14", false, utf8("x"))],
      "subjectKeyIdentifier has tag 0xc",
    ],
  ])("refuses %s", (_, extensions, expected) => {
    expect(withExtension(...extensions)).toBe(expected);
  });
  it.each<[string, Bytes]>([
    ["an unknown extension that is not DER", extension("1.2.3", false, bytes(0xff, 0xff))],
    ["a UUID arc", extension("2.25.329800735698586629295641978511506172918", false, bytes())],
    [
      "every GeneralName",
      ext.san(
        tlv(0xa0, oid("1.2.3"), tlv(0xa0, utf8("x"))),
        email("a@b.example"),
        dns("a"),
        tlv(0xa3, seq()),
        tlv(0xa4, name("a")),
        tlv(0xa5, tlv(0xa1, utf8("x"))),
        tlv(0x86, bytes(0x61)),
        tlv(0x87, new Uint8Array(16)),
        tlv(0x88, bytes(0x2a)),
      ),
    ],
    [
      "distribution points",
      extension(
        "2.5.29.31",
        false,
        seq(
          seq(tlv(0xa0, tlv(0xa0, tlv(0x86, bytes(0x61)))), tlv(0x81, bytes(1, 6)), tlv(0xa2, tlv(0xa4, name("x")))),
          seq(tlv(0xa0, tlv(0xa1, seq(oid("2.5.4.3"), utf8("x"))))),
        ),
      ),
    ],
    [
      "policy qualifiers",
      extension(
        "2.5.29.32",
        false,
        seq(seq(oid("1.2.3"), seq(seq(oid("1.3.6.1.5.5.7.2.1"), text(0x16, "https://cps.example"))))),
      ),
    ],
  ])("reads %s", (_, value) => {
    expect(withExtension(value)).toBe("parsed");
  });
  it("reads every type of directory string to the same name", () => {
    const subject = (tag: number, ...octets: readonly number[]): Bytes =>
      seq(tlv(0x31, seq(oid("2.5.4.3"), tlv(tag, bytes(...octets)))));
    const subjects = [
      subject(0x0c, 0x41, 0x20, 0x20, 0x42, 0x20),
      subject(0x13, 0x61, 0x20, 0x62),
      subject(0x14, 0x61, 0x20, 0x62),
      subject(0x1e, 0, 0x61, 0, 0x20, 0, 0x62),
      subject(0x1c, 0, 0, 0, 0x61, 0, 0, 0, 0x20, 0, 0, 0, 0x62),
    ].map((value) => {
      const parsed = parseCertificate(mint({ subject: value, extensions: [SAN] }, root).der);
      if (parsed.kind === "malformed") throw new Error(parsed.why);
      return parsed.value.subject;
    });
    const answers = subjects.flatMap((one) => subjects.map((other) => compareNames(one, other)));
    expect(answers).toEqual(Array.from({ length: subjects.length ** 2 }, () => "same"));
  });
});

describe("validity", () => {
  const at = async (nowMs: number, spec: Partial<Spec> = {}): Promise<string> =>
    brief(
      await verdictOf(
        policy([root]),
        [server(root, { notBefore: NOW - 60_000, notAfter: NOW + 60_000, ...spec })],
        nowMs,
      ),
    );

  it("includes both ends, in whole seconds", async () => {
    expect(await at(NOW - 60_001)).toBe("not-yet-valid@0");
    expect(await at(NOW - 60_000)).toBe("verified");
    expect(await at(NOW + 60_999)).toBe("verified");
    expect(await at(NOW + 61_000)).toBe("expired@0");
    expect(await at(Number.NaN)).toBe("not-yet-valid@-1");
  });
  it("reads years of two digits as RFC 5280 does", async () => {
    const of = (from: string, to: string): Partial<Spec> => ({ validity: seq(text(0x17, from), text(0x17, to)) });
    expect(await at(NOW, of("500101000000Z", "491231235959Z"))).toBe("verified");
    expect(await at(NOW, { validity: seq(generalizedTime(NOW - 1000), text(0x18, "99991231235959Z")) })).toBe(
      "verified",
    );
  });
  it("holds for every certificate of the path", async () => {
    const old = ca("old", root, { notAfter: NOW - 1000 });
    expect(await check(root, server(old), old)).toBe("expired@1");
    const young = ca("young", root, { notBefore: NOW + 1000 });
    expect(await check(root, server(young), young)).toBe("not-yet-valid@1");
    const anchor = ca("root", null, { notAfter: NOW - 1000 });
    expect(await check(anchor, server(anchor))).toBe("expired@-1");
  });
});
