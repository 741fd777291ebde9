/** The extensions of a certificate, and its unique identifiers. */
import { describe, expect, it } from "vitest";
import { parseCertificate } from "../../src/trust/x509/certificate.ts";
import { compareNames } from "../../src/trust/x509/name-comparison.ts";
import { ca, dns, email, ext, extension, mint, name } from "../support/certificates.ts";
import { type Bytes, TRUE, bytes, concat, int, oid, seq, text, tlv, utf8 } from "../support/der.ts";
import { dirName, uri } from "../support/certificates.ts";
import { parsed, whyNotParsed } from "../support/parsed.ts";

const root = ca("root");
const SAN = ext.san(dns("backend.example.com"));
const NULL = bytes(5, 0);

describe("extensions", () => {
  it("may be 32", () => {
    const list = (count: number): Bytes[] =>
      Array.from({ length: count }, (_, at) => extension(`1.2.3.${at}`, false, NULL));
    expect(whyNotParsed({ extensions: list(32) })).toBe("parsed");
    expect(whyNotParsed({ extensions: list(33) })).toBe("more than 32 extensions");
  });
  it("hold policy qualifiers that are DER, and nothing else", () => {
    const qualified = (qualifiers: Bytes): string =>
      whyNotParsed({ extensions: [extension("2.5.29.32", false, seq(seq(oid("1.2.3"), qualifiers)))] });
    expect(qualified(seq(seq(oid("1.2.4"), utf8("x"))))).toBe("parsed");
    expect(qualified(seq(bytes(0x30, 9)))).toBe("certificatePolicies is truncated");
  });
  it("tell of an authorityKeyIdentifier what it consists of", () => {
    const aki = (...fields: readonly Bytes[]): unknown => {
      const certificate = parsed({ extensions: [extension("2.5.29.35", false, seq(...fields))] });
      return typeof certificate === "string" ? certificate : certificate.authorityKeyIdentifier;
    };
    expect(aki(tlv(0x80, bytes(7)))).toEqual({ keyIdentifier: bytes(7), issuer: false, serial: false });
    expect(aki(tlv(0xa1, dirName(name("x"))), tlv(0x82, bytes(1)))).toEqual({
      keyIdentifier: null,
      issuer: true,
      serial: true,
    });
    expect(aki(tlv(0x82, bytes(0, 1)))).toBe("authorityKeyIdentifier is a non-minimal INTEGER");
  });
  it("list distribution points by name, by RDN and by cRLIssuer", () => {
    const points = (...list: readonly Bytes[]): unknown => {
      const certificate = parsed({ extensions: [extension("2.5.29.31", false, seq(...list))] });
      return typeof certificate === "string" ? certificate : certificate.crlDistributionPoints;
    };
    const full = (...names: readonly Bytes[]): Bytes => tlv(0xa0, tlv(0xa0, ...names));
    const rdn = seq(oid("2.5.4.3"), utf8("x"));
    const names = (...list: readonly unknown[]): unknown => ({ kind: "full", names: list });
    expect(points(seq(full(uri("http://a"), dns("b"))), seq(tlv(0xa0, tlv(0xa1, rdn))))).toMatchObject([
      { name: names({ type: "uri", value: "http://a" }, { type: "dns", value: "b" }), reasons: null, issuers: null },
      { name: { kind: "relative", rdn: [{ type: "2.5.4.3", text: "x" }] }, reasons: null, issuers: null },
    ]);
    expect(points(seq(tlv(0x81, bytes(1, 6)), tlv(0xa2, dirName(name("x")))))).toMatchObject([
      { name: null, reasons: 0x0600, issuers: [{ type: "directory", value: { der: name("x") } }] },
    ]);
    expect(points(seq(tlv(0xa0, tlv(0xa1, bytes(0x30, 9)))))).toBe("cRLDistributionPoints is truncated");
    expect(points(seq(tlv(0xa0, tlv(0xa1))))).toBe("cRLDistributionPoints has an empty RDN");
  });
  it("and unique identifiers stand in version 2 or 3", () => {
    const uniqueIds = tlv(0x81, bytes(0, 1));
    expect(whyNotParsed({ uniqueIds })).toBe("parsed");
    expect(whyNotParsed({ uniqueIds, version: tlv(0xa0, int(1)), rawExtensions: bytes() })).toBe("parsed");
    expect(whyNotParsed({ uniqueIds, version: bytes(), rawExtensions: bytes() })).toBe(
      "a version 1 certificate has a unique identifier",
    );
  });
});

describe("the encoding of extensions", () => {
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
    expect(whyNotParsed({ extensions })).toBe(expected);
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
    expect(whyNotParsed({ extensions: [value] })).toBe("parsed");
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
