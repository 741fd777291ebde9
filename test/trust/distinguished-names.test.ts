/** Distinguished names: their attributes, and the string types that they are read in. */
import { describe, expect, it, vi } from "vitest";
import { type Certificate, parseCertificate } from "../../src/trust/x509/certificate.ts";
import { latin1 } from "../../src/trust/x509/directory-strings.ts";
import { commonNames, emailAddresses } from "../../src/trust/x509/distinguished-names.ts";
import { shapeOf } from "../../src/trust/x509/name-comparison.ts";
import { ca, name, server } from "../support/certificates.ts";
import { type Bytes, bytes, oid, seq, tlv, utf8 } from "../support/der.ts";
import { parsed, whyNotParsed } from "../support/parsed.ts";
import { check } from "../support/verdicts.ts";

const root = ca("root");
const attribute = (type: string, value: Bytes): Bytes => seq(oid(type), value);

describe("names", () => {
  const subjectOf = (subject: Bytes): Certificate["subject"] | string => {
    const certificate = parsed({ subject });
    return typeof certificate === "string" ? certificate : certificate.subject;
  };
  const shapeOfSubject = (...rdns: readonly (readonly Bytes[])[]): string => {
    const subject = subjectOf(seq(...rdns.map((rdn) => tlv(0x31, ...rdn))));
    return typeof subject === "string" ? subject : shapeOf(subject);
  };
  const [cn, unit, longer] = [
    attribute("2.5.4.3", utf8("a")),
    attribute("2.5.4.11", utf8("b")),
    attribute("2.5.4.3", utf8("bb")),
  ];

  it("may have several attributes in one RDN, in DER's order", () => {
    expect(shapeOfSubject([cn, unit])).toBe("2.5.4.11+2.5.4.3");
    expect(shapeOfSubject([cn], [unit])).toBe("2.5.4.3,2.5.4.11");
    expect(shapeOfSubject([unit, cn])).toBe("subject has an unsorted RDN");
    expect(shapeOfSubject([longer, cn])).toBe("subject has an unsorted RDN");
    expect(shapeOfSubject([cn, cn])).toBe("2.5.4.3+2.5.4.3");
  });
  it("may have 32 attributes", () => {
    const units = (count: number): Bytes => seq(...Array.from({ length: count }, () => tlv(0x31, unit)));
    expect(whyNotParsed({ subject: units(32) })).toBe("parsed");
    expect(whyNotParsed({ subject: units(33) })).toBe("subject has more than 32 attributes");
  });
  it("tell common names and mailboxes apart from the rest", () => {
    const subject = subjectOf(name("2.5.4.10=Org", "a", "1.2.840.113549.1.9.1=u@example.com", "b"));
    if (typeof subject === "string") throw new Error(subject);
    expect([commonNames(subject), emailAddresses(subject)]).toEqual([["a", "b"], ["u@example.com"]]);
  });
  it("are read in every string type", () => {
    const read = (tag: number, ...octets: readonly number[]): unknown => {
      const subject = subjectOf(seq(tlv(0x31, attribute("2.5.4.3", tlv(tag, bytes(...octets))))));
      return typeof subject === "string" ? subject : commonNames(subject)[0];
    };
    expect(read(0x1c, 0, 0, 0x04, 0x16)).toBe("\u{416}");
    expect(read(0x1c, 0, 1, 0xf6, 0)).toBe("\u{1f600}");
    expect(read(0x1c, 0, 0x10, 0xff, 0xff)).toBe("\u{10ffff}");
    expect(read(0x1c, 0, 0x11, 0, 0)).toBe("subject has a UniversalString beyond Unicode");
    expect(read(0x1c, 0, 0, 1)).toBe("subject has a broken UniversalString");
    expect(read(0x1e, 0x04, 0x16)).toBe("\u{416}");
    expect(read(0x1e, 4)).toMatch(/odd BMPString/u);
    expect(read(0x0c, 0xc3, 0xa9)).toBe("\u{e9}");
    expect(read(0x0c, 0xc3)).toBe("subject has a broken UTF8String");
    expect(read(0x0c, 0x80)).toBe("subject has a broken UTF8String");
  });
  it("are long at times", async () => {
    const long = "x".repeat(5000);
    const commonNamesOf = (value: string): unknown => {
      const subject = subjectOf(name(value));
      return typeof subject === "string" ? subject : commonNames(subject);
    };
    expect([commonNamesOf(long), commonNamesOf(`${long}\u{e9}`)]).toEqual([[long], [`${long}\u{e9}`]]);
    expect(latin1(new Uint8Array(10_000).fill(0xe9))).toBe("\u{e9}".repeat(10_000));
    expect([4096, 4097].map((size) => latin1(new Uint8Array(size).fill(0x61)).length)).toEqual([4096, 4097]);
    const issuing = ca(long, root);
    expect(await check(root, server(issuing), issuing)).toBe("verified");
  });
});

it("reads a subject of 60 kB of marks without folding it", () => {
  const der = ca("x", null, { subject: name("\u0301".repeat(30_000)) }).der;
  const normalize = vi.spyOn(String.prototype, "normalize");
  try {
    expect(parseCertificate(der).kind).toBe("parsed");
    expect(normalize).not.toHaveBeenCalled();
  } finally {
    normalize.mockRestore();
  }
});
