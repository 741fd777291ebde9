/** The extensions of a certificate, and its unique identifiers. */
import { describe, expect, it } from "vitest";
import { dirName, dns, extension, name, uri } from "../support/certificates.ts";
import { type Bytes, bytes, int, oid, seq, tlv, utf8 } from "../support/der.ts";
import { parsed, whyNotParsed } from "../support/parsed.ts";

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
