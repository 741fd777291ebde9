/** Distinguished names: which two are one (RFC 5280 §7.1, RFC 4518), how they are read, and what a chain gains by them. */
import { describe, expect, it, vi } from "vitest";
import { type Certificate, parseCertificate } from "../../src/trust/x509/certificate.ts";
import { DerReader } from "../../src/trust/x509/der.ts";
import { latin1 } from "../../src/trust/x509/directory-strings.ts";
import {
  type DistinguishedName,
  commonNames,
  emailAddresses,
  readName,
} from "../../src/trust/x509/distinguished-names.ts";
import { formatIp } from "../../src/trust/x509/general-names.ts";
import { compareNames, isNameBelow, shapeOf } from "../../src/trust/x509/name-comparison.ts";
import { HOST, ca, dirName, email, ext, name, server } from "../support/certificates.ts";
import { type Bytes, bytes, oid, seq, text, tlv, utf8 } from "../support/der.ts";
import { parsed, whyNotParsed } from "../support/parsed.ts";
import { check } from "../support/verdicts.ts";

const read = (der: Bytes): DistinguishedName => readName(new DerReader(der), "name");
const CN = "2.5.4.3";
const O = "2.5.4.10";
const attribute = (type: string, value: Bytes): Bytes => seq(oid(type), value);

/** A Name of one RDN. */
const rdn = (...attributes: readonly Bytes[]): Bytes => seq(tlv(0x31, ...attributes));
const cn = (value: string): Bytes => rdn(attribute(CN, utf8(value)));

describe("two names", () => {
  const MARKS = "\u0301";
  it.each<[string, Bytes, Bytes, string]>([
    ["by their bytes", cn("a"), cn("a"), "same"],
    ["of another value", cn("a"), cn("b"), "different"],
    ["of another type", cn("a"), name(`${O}=a`), "different"],
    ["with one RDN more", cn("a"), name("a", "b"), "different"],
    ["in another order", name("a", "b"), name("b", "a"), "different"],
    ["in case", cn("Root CA"), cn("rOOT ca"), "same"],
    ["in spaces", cn(" root \t ca  "), cn("root ca"), "same"],
    ["of spaces alone and nothing", cn("  "), cn(""), "same"],
    ["of nothing and something", cn(""), cn("a"), "different"],
    ["without any RDN", seq(), seq(), "same"],
    ["with and without an RDN", seq(), cn("a"), "different"],
    ["in compatibility forms", cn("\uff32\uff4f\uff4f\uff54"), cn("root"), "same"],
    ["composed and decomposed", cn("\u00e9"), cn("e\u0301"), "same"],
    ["with and without an accent", cn("\u00e9"), cn("e"), "different"],
    ["with a sharp s", cn("Stra\u00dfe"), cn("STRASSE"), "same"],
    ["with a final sigma", cn("\u03a3\u039f\u03a3"), cn("\u03c3\u03bf\u03c2"), "same"],
    ["with no-break and common spaces", cn("root\u00a0ca"), cn("root ca"), "same"],
    ["with a line separator", cn("root\u2028ca"), cn("root ca"), "same"],
    // Separators of any kind belong to the value.
    ["by a NUL between attributes", rdn(attribute(CN, utf8(`A\0${O}='B`))), name("A", `${O}=B`), "different"],
    ["by a comma", cn(`a,${O}=b`), name("a", `${O}=b`), "different"],
    ["by a plus", cn(`a+${O}=b`), rdn(attribute(CN, utf8("a")), attribute(O, utf8("b"))), "different"],
    ["by a U+0001", cn(`a\u0001${O}='b`), rdn(attribute(CN, utf8("a")), attribute(O, utf8("b"))), "different"],
    ["by a quote", cn("a'"), cn("a"), "different"],
    // RFC 4518 drops these characters, and other readers keep them: nothing is built on either.
    ["by a NUL at the end", cn("a\0"), cn("a"), "unclear"],
    ["by a NUL inside", cn("a\0b"), cn("ab"), "unclear"],
    ["by a NUL and more", cn("a\0b"), cn("a"), "different"],
    ["by a soft hyphen", cn("ro\u00adot"), cn("root"), "unclear"],
    ["by a byte order mark", cn("\ufeffroot"), cn("ROOT"), "unclear"],
    // Younger than RFC 4518's Unicode, whose readers prohibit them.
    ["by an isolate", cn("\u2066root\u2069"), cn("root"), "unclear"],
    ["by an Arabic letter mark", cn("\u061croot"), cn("root"), "unclear"],
    ["by a variation selector", cn("root\u{e0100}"), cn("root"), "unclear"],
    // RFC 3454 B.2 folds some that lower case does not, and a dotless i is one of neither.
    ["by an iota below", cn("\u1fb3"), cn("\u03b1\u03b9"), "unclear"],
    ["by a dotless i", cn("\u0131"), cn("I"), "unclear"],
    ["in a Kelvin sign", cn("\u212a"), cn("k"), "same"],
    // Strings that RFC 5280 does not allow in a name.
    ["in GeneralString and UTF8String", rdn(attribute(CN, text(0x1b, "a"))), cn("a"), "unclear"],
    ["in GraphicString", rdn(attribute(CN, text(0x19, "a"))), rdn(attribute(CN, text(0x19, "A"))), "unclear"],
    [
      "in GraphicString, by their bytes",
      rdn(attribute(CN, text(0x19, "a"))),
      rdn(attribute(CN, text(0x19, "a"))),
      "same",
    ],
    ["in OCTET STRING and UTF8String", rdn(attribute(CN, text(0x04, "a"))), cn("a"), "unclear"],
    [
      "of other bits",
      rdn(attribute("2.5.4.45", tlv(3, bytes(0, 1)))),
      rdn(attribute("2.5.4.45", tlv(3, bytes(0, 2)))),
      "different",
    ],
    ["with the same NUL, in case", cn("A\0"), cn("a\0"), "same"],
    ["in an unclear and a different RDN", name("a\0", "x"), name("a", "y"), "different"],
    // No form for comparison.
    ["in private use", cn("\ue000a"), cn("\ue000A"), "unclear"],
    ["in more marks than any language has", cn(`A${MARKS.repeat(31)}`), cn(`a${MARKS.repeat(31)}`), "unclear"],
    ["in 30 marks", cn(`A${MARKS.repeat(30)}`), cn(`a${MARKS.repeat(30)}`), "same"],
    ["beyond 1,024 octets", cn("A".repeat(1100)), cn("a".repeat(1100)), "unclear"],
    ["beyond 1,024 octets, by their bytes", cn("A".repeat(1100)), cn("A".repeat(1100)), "same"],
    // Types of string, and types that are none.
    ["in UTF8String and PrintableString", cn("a"), rdn(attribute(CN, text(0x13, "A"))), "same"],
    ["in UTF8String and TeletexString", cn("\u00e9"), rdn(attribute(CN, text(0x14, "\u00c9"))), "same"],
    ["in UTF8String and BMPString", cn("a"), rdn(attribute(CN, tlv(0x1e, bytes(0, 0x41)))), "same"],
    ["in UTF8String and UniversalString", cn("a"), rdn(attribute(CN, tlv(0x1c, bytes(0, 0, 0, 0x41)))), "same"],
    ["in text and octets", cn("a"), rdn(attribute(CN, text(0x04, "a"))), "unclear"],
    ["in octets", rdn(attribute(CN, text(0x04, "a"))), rdn(attribute(CN, text(0x04, "A"))), "different"],
    // Sets.
    [
      "in the order of an RDN whose string types differ",
      rdn(attribute("2.5.4.11", utf8("yyy")), attribute(CN, tlv(0x1e, bytes(0, 0x78, 0, 0x78)))),
      rdn(attribute(CN, utf8("xx")), attribute("2.5.4.11", utf8("yyy"))),
      "same",
    ],
    [
      "in how often an attribute stands in an RDN",
      rdn(attribute(CN, utf8("a")), attribute(CN, utf8("a")), attribute(CN, utf8("b"))),
      rdn(attribute(CN, utf8("a")), attribute(CN, utf8("b")), attribute(CN, utf8("b"))),
      "different",
    ],
    ["in one RDN and in two", rdn(attribute(CN, utf8("a")), attribute(O, utf8("b"))), name("a", `${O}=b`), "different"],
  ])("%s: %#", (_, one, other, expected) => {
    expect(compareNames(read(one), read(other))).toBe(expected);
    expect(compareNames(read(other), read(one))).toBe(expected);
  });
});

describe("a chain", () => {
  const root = ca("root");
  it("by two names that a NUL would make one is not self-issued", async () => {
    const limited = ca("A", root, { subject: name("A", `${O}=B`), pathLength: 0 });
    const subject = cn(`A\0${O}='B`);
    const below = ca("A", limited, { subject });
    expect(await check(root, server(below), below, limited)).toBe("path-too-long@2");
  });
  it.each(["A\0", "A\u00ad", "A\u200b"])("by a character that may be nothing is not self-issued: %j", async (value) => {
    const limited = ca("A", root, { pathLength: 0 });
    const below = ca("A", limited, { subject: cn(value) });
    expect(await check(root, server(below), below, limited)).toBe("path-too-long@2");
  });
  it.each([
    ["the case", "Evil", "EVIL"],
    ["a soft hyphen", "Evil", "Ev\u00adil"],
    ["a NUL", "Evil", "Evil\0"],
    ["1,100 spaces", "Evil", `Evil${" ".repeat(1100)}`],
    ["marks without end", "Evil", `Evil${"\u0301".repeat(40)}`],
  ])("does not leave an excluded directory name by %s", async (_, excluded, presented) => {
    const limited = ca("limited", root, { extensions: [ext.constraints([], [dirName(name(`${O}=${excluded}`))])] });
    const subject = name(`${O}=${presented}`, HOST);
    expect(await check(root, server(limited, { subject }), limited)).toBe("name-constraint@0");
    const fine = { subject: name(`${O}=Good`, HOST) };
    expect(await check(root, server(limited, fine), limited)).toBe("verified");
  });
  it("does not enter a permitted directory name by a character that may be nothing", async () => {
    const limited = ca("limited", root, { extensions: [ext.constraints([dirName(name(`${O}=Team`))])] });
    const of = (value: string): Promise<string> =>
      check(root, server(limited, { subject: name(`${O}=${value}`, HOST) }), limited);
    expect(await of("TEAM")).toBe("verified");
    expect(await of("Te\u00adam")).toBe("name-constraint@0");
  });
  it("finds an issuer whose name is written in another type and case", async () => {
    const issuing = ca("Issuing", root);
    const leaf = server(issuing, { issuerName: rdn(attribute(CN, text(0x13, "ISSUING "))) });
    expect(await check(root, leaf, issuing)).toBe("verified");
    const under = server(root, { issuerName: rdn(attribute(CN, text(0x13, "ROOT"))) });
    expect(await check(root, under)).toBe("verified");
  });
  it("finds an issuer by the bytes of a name that has no form for comparison", async () => {
    const odd = cn(`x${"\u0301".repeat(40)}`);
    const anchor = ca("odd", null, { subject: odd });
    expect(await check(anchor, server(anchor))).toBe("verified");
    const issuing = ca("odd", root, { subject: odd });
    expect(await check(root, server(issuing), issuing)).toBe("verified");
  });
  it("folds no name of a certificate that only stands beside", async () => {
    const issuing = ca("issuing", root);
    const beside = ca("beside", root, { subject: name(`${O}=${"\u0301".repeat(400)}`) });
    expect(await check(root, server(issuing), beside, issuing)).toBe("verified");
  });
});

describe("an end entity with its CA's subject and key", () => {
  it("is issued by that CA, as an anchor", async () => {
    const root = ca("one");
    const leaf = server(root, { subject: root.subject, key: root.key });
    expect(await check(root, leaf)).toBe("verified");
    expect(await check(root, leaf, root)).toBe("verified");
  });
  it("is issued by that CA, as an intermediate", async () => {
    const root = ca("root");
    const issuing = ca("one", root);
    const leaf = server(issuing, { subject: issuing.subject, key: issuing.key });
    expect(await check(root, leaf, issuing)).toBe("verified");
    expect(await check(ca("other"), leaf, issuing)).toBe("unknown-ca@1");
  });
  it("is no issuer itself, and CAs of one subject and key still make no loop", async () => {
    const root = ca("root");
    const self = server(root, { subject: name("one") });
    const issued = server(self, { subject: self.subject, key: self.key });
    expect(await check(root, issued, self)).toBe("unknown-ca@0");
    const [one, other] = [ca("one"), ca("other")];
    const crossed = [
      ca("one", other, { key: one.key, serial: bytes(2, 1, 7) }),
      ca("other", one, { key: other.key }),
      ca("one", one, { key: one.key }),
    ];
    expect(await check(root, server(one, { subject: one.subject, key: one.key }), ...crossed)).toBe("unknown-ca@2");
  });
});

it("reads a subject of 60 kB of marks without folding it", () => {
  const der = ca("x", null, { subject: cn("\u0301".repeat(30_000)) }).der;
  const normalize = vi.spyOn(String.prototype, "normalize");
  try {
    expect(parseCertificate(der).kind).toBe("parsed");
    expect(normalize).not.toHaveBeenCalled();
  } finally {
    normalize.mockRestore();
  }
});

const root = ca("root");

describe("names", () => {
  const attribute = (type: string, value: Bytes): Bytes => seq(oid(type), value);
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
    const text = (tag: number, ...octets: readonly number[]): unknown => {
      const subject = subjectOf(seq(tlv(0x31, attribute("2.5.4.3", tlv(tag, bytes(...octets))))));
      return typeof subject === "string" ? subject : commonNames(subject)[0];
    };
    expect(text(0x1c, 0, 0, 0x04, 0x16)).toBe("\u{416}");
    expect(text(0x1c, 0, 1, 0xf6, 0)).toBe("\u{1f600}");
    expect(text(0x1c, 0, 0x10, 0xff, 0xff)).toBe("\u{10ffff}");
    expect(text(0x1c, 0, 0x11, 0, 0)).toBe("subject has a UniversalString beyond Unicode");
    expect(text(0x1c, 0, 0, 1)).toBe("subject has a broken UniversalString");
    expect(text(0x1e, 0x04, 0x16)).toBe("\u{416}");
    expect(text(0x1e, 4)).toMatch(/odd BMPString/u);
    expect(text(0x0c, 0xc3, 0xa9)).toBe("\u{e9}");
    expect(text(0x0c, 0xc3)).toBe("subject has a broken UTF8String");
    expect(text(0x0c, 0x80)).toBe("subject has a broken UTF8String");
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
  it("of DNS are ASCII to the last octet", () => {
    const san = (...octets: readonly number[]): string =>
      whyNotParsed({ extensions: [ext.san(tlv(0x82, bytes(...octets)))] });
    expect(san(0x61, 0x7f)).toBe("parsed");
    expect(san(0x61, 0x80)).toBe("subjectAltName dNSName is not ASCII");
    expect(whyNotParsed({ extensions: [ext.san(email("a"), tlv(0x81, bytes(0x80)))] })).toMatch(/not ASCII/u);
  });
  it("that are addresses are written as RFC 5952 writes them", () => {
    const v6 = (...groups: readonly number[]): Bytes =>
      Uint8Array.from(groups.flatMap((group) => [group >> 8, group & 255]));
    expect(formatIp(bytes(10, 0, 0, 1))).toBe("10.0.0.1");
    expect(formatIp(v6(0x2001, 0xdb8, 0, 0, 1, 0, 0, 1))).toBe("2001:db8::1:0:0:1");
    expect(formatIp(v6(0x2001, 0, 0, 1, 0, 0, 0, 1))).toBe("2001:0:0:1::1");
    expect(formatIp(v6(1, 0, 2, 3, 4, 5, 6, 7))).toBe("1:0:2:3:4:5:6:7");
    expect(formatIp(v6(1, 2, 3, 4, 5, 6, 0, 0))).toBe("1:2:3:4:5:6::");
    expect(formatIp(v6(0, 0, 0, 0, 0, 0, 0, 0))).toBe("::");
    expect(formatIp(bytes(10, 0, 0, 0, 255, 0, 0, 0))).toBe("10.0.0.0/255.0.0.0");
    expect(formatIp(new Uint8Array(32))).toBe("::/::");
  });
});

describe("two names of several attributes", () => {
  const read = (der: Bytes): DistinguishedName => readName(new DerReader(der), "name");
  const [CN, O] = ["2.5.4.3", "2.5.4.10"];
  const rdn = (...attributes: readonly (readonly [string, string])[]): DistinguishedName =>
    read(seq(tlv(0x31, ...attributes.map(([type, value]) => seq(oid(type), utf8(value))))));
  const both = rdn([CN, "a"], [O, "b"]);

  it("are different when their attributes have swapped their values", () => {
    expect(compareNames(both, rdn([CN, "A"], [O, "B"]))).toBe("same");
    expect(compareNames(both, rdn([CN, "B"], [O, "A"]))).toBe("different");
  });
  it.each([
    ["fewer attributes", rdn([CN, "a"])],
    ["an attribute of another type", rdn([CN, "a"], [CN, "b"])],
    ["the last attribute alone", rdn([O, "b"])],
  ])("are different when one has %s", (_what, other) => {
    expect([compareNames(both, other), compareNames(other, both)]).toEqual(["different", "different"]);
  });
  it("stand one below the other when there is nothing between them", () => {
    const [last = []] = rdn([CN, "c"]).rdns;
    const below = (...names: readonly string[]): boolean => isNameBelow(read(name(...names)), read(name("a")), last);
    expect([below("a", "c"), below("a", "b", "c"), below("c"), below("b", "c")]).toEqual([true, false, false, false]);
  });
});
