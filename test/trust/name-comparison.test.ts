/** The comparison of two distinguished names (RFC 5280 §7.1, RFC 4518): whether they are one, or one is below the other. */
import { describe, expect, it } from "vitest";
import { DerReader } from "../../src/trust/x509/der.ts";
import { type DistinguishedName, readName } from "../../src/trust/x509/distinguished-names.ts";
import { compareNames, isNameBelow } from "../../src/trust/x509/name-comparison.ts";
import { name } from "../support/certificates.ts";
import { type Bytes, bytes, oid, seq, text, tlv, utf8 } from "../support/der.ts";

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
    // These values hold separators of attributes and RDNs, which belong to the value.
    ["by a NUL between attributes", rdn(attribute(CN, utf8(`A\0${O}='B`))), name("A", `${O}=B`), "different"],
    ["by a comma", cn(`a,${O}=b`), name("a", `${O}=b`), "different"],
    ["by a plus", cn(`a+${O}=b`), rdn(attribute(CN, utf8("a")), attribute(O, utf8("b"))), "different"],
    ["by a U+0001", cn(`a\u0001${O}='b`), rdn(attribute(CN, utf8("a")), attribute(O, utf8("b"))), "different"],
    ["by a quote", cn("a'"), cn("a"), "different"],
    // RFC 4518 drops the characters in these values, and other readers keep them, so that neither reading may decide.
    ["by a NUL at the end", cn("a\0"), cn("a"), "unclear"],
    ["by a NUL inside", cn("a\0b"), cn("ab"), "unclear"],
    ["by a NUL and more", cn("a\0b"), cn("a"), "different"],
    ["by a soft hyphen", cn("ro\u00adot"), cn("root"), "unclear"],
    ["by a byte order mark", cn("\ufeffroot"), cn("ROOT"), "unclear"],
    // The characters in these values are younger than RFC 4518's Unicode, by which they are prohibited.
    ["by an isolate", cn("\u2066root\u2069"), cn("root"), "unclear"],
    ["by an Arabic letter mark", cn("\u061croot"), cn("root"), "unclear"],
    ["by a variation selector", cn("root\u{e0100}"), cn("root"), "unclear"],
    // RFC 3454 B.2 folds the first of these characters, and lower case does not; neither folds a dotless i.
    ["by an iota below", cn("\u1fb3"), cn("\u03b1\u03b9"), "unclear"],
    ["by a dotless i", cn("\u0131"), cn("I"), "unclear"],
    ["in a Kelvin sign", cn("\u212a"), cn("k"), "same"],
    // These types of string are not allowed in a name by RFC 5280.
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
    // These values have no form for comparison, or just one.
    ["in private use", cn("\ue000a"), cn("\ue000A"), "unclear"],
    ["in more marks than any language has", cn(`A${MARKS.repeat(31)}`), cn(`a${MARKS.repeat(31)}`), "unclear"],
    ["in 30 marks", cn(`A${MARKS.repeat(30)}`), cn(`a${MARKS.repeat(30)}`), "same"],
    ["beyond 1,024 octets", cn("A".repeat(1100)), cn("a".repeat(1100)), "unclear"],
    ["beyond 1,024 octets, by their bytes", cn("A".repeat(1100)), cn("A".repeat(1100)), "same"],
    // These values are of several types of string, or of a type that is none.
    ["in UTF8String and PrintableString", cn("a"), rdn(attribute(CN, text(0x13, "A"))), "same"],
    ["in UTF8String and TeletexString", cn("\u00e9"), rdn(attribute(CN, text(0x14, "\u00c9"))), "same"],
    ["in UTF8String and BMPString", cn("a"), rdn(attribute(CN, tlv(0x1e, bytes(0, 0x41)))), "same"],
    ["in UTF8String and UniversalString", cn("a"), rdn(attribute(CN, tlv(0x1c, bytes(0, 0, 0, 0x41)))), "same"],
    ["in text and octets", cn("a"), rdn(attribute(CN, text(0x04, "a"))), "unclear"],
    ["in octets", rdn(attribute(CN, text(0x04, "a"))), rdn(attribute(CN, text(0x04, "A"))), "different"],
    // These names have an RDN of several attributes, which is a set.
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

describe("two names of several attributes", () => {
  const of = (...attributes: readonly (readonly [string, string])[]): DistinguishedName =>
    read(rdn(...attributes.map(([type, value]) => attribute(type, utf8(value)))));
  const both = of([CN, "a"], [O, "b"]);

  it("are different when their attributes have swapped their values", () => {
    expect(compareNames(both, of([CN, "A"], [O, "B"]))).toBe("same");
    expect(compareNames(both, of([CN, "B"], [O, "A"]))).toBe("different");
  });
  it.each([
    ["fewer attributes", of([CN, "a"])],
    ["an attribute of another type", of([CN, "a"], [CN, "b"])],
    ["the last attribute alone", of([O, "b"])],
  ])("are different when one has %s", (_what, other) => {
    expect([compareNames(both, other), compareNames(other, both)]).toEqual(["different", "different"]);
  });
  it("stand one below the other when there is nothing between them", () => {
    const [last = []] = of([CN, "c"]).rdns;
    const below = (...names: readonly string[]): boolean => isNameBelow(read(name(...names)), read(name("a")), last);
    expect([below("a", "c"), below("a", "b", "c"), below("c"), below("b", "c")]).toEqual([true, false, false, false]);
  });
});
