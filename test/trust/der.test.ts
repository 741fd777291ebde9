/** The reader of DER: every other encoding is refused. */
import { describe, expect, it } from "vitest";
import { sameBytes } from "../../src/bundle/bytes.ts";
import { parsing } from "../../src/trust/x509/certificate.ts";
import { DerReader, TAG, readOid } from "../../src/trust/x509/der.ts";
import { readTime } from "../../src/trust/x509/time.ts";
import { type Bytes, bytes, oid, seq, text, tlv } from "../support/der.ts";

/** The value that a reader finds in these bytes, or why it refuses them. */
const said = <T>(read: (reader: DerReader) => T, der: Bytes): T | string => {
  const answer = parsing(() => read(new DerReader(der)));
  return answer.kind === "parsed" ? answer.value : answer.why;
};

describe("an OBJECT IDENTIFIER", () => {
  it.each([
    "0.0",
    "1.39",
    "2.0",
    "2.47",
    "2.48",
    "2.999.3",
    "1.2.34359738367",
    "1.2.34359738368",
    "1.2.4398046511104",
    "2.4398046511104",
    "2.25.329800735698586629295641978511506172918",
  ])("is read: %s", (dotted) => {
    expect(readOid(oid(dotted).subarray(2), "test")).toBe(dotted);
  });

  const read = (der: Bytes): unknown => said((reader) => reader.oid("it"), tlv(6, der));
  const ones = (count: number): Bytes => new Uint8Array(count).fill(1);

  it.each<[string, Bytes, string]>([
    ["of 64 octets", ones(64), `0.1${".1".repeat(63)}`],
    ["of the last arc under 0", bytes(39), "0.39"],
    ["of the first arc under 1", bytes(40), "1.0"],
    ["of the last arc under 1", bytes(79), "1.39"],
    ["of the first arc under 2", bytes(80), "2.0"],
    ["of one octet", bytes(127), "2.47"],
    ["of no octet", bytes(), "it is not an OBJECT IDENTIFIER"],
    ["of 65 octets", ones(65), "it is not an OBJECT IDENTIFIER"],
    ["whose last octet is no end", bytes(1, 0x80), "it is not an OBJECT IDENTIFIER"],
    ["whose last arc has no end", bytes(1, 0x81), "it is not an OBJECT IDENTIFIER"],
    ["whose only arc has no end", bytes(0xff), "it is not an OBJECT IDENTIFIER"],
  ])("%s", (_what, der, expected) => {
    expect(read(der)).toBe(expected);
  });
});

describe("a BOOLEAN", () => {
  it.each<[readonly number[], unknown]>([
    [[0xff], true],
    [[0xff, 0xff], "it is not an encoded TRUE"],
    [[], "it is not an encoded TRUE"],
    [[0], "it is not an encoded TRUE"],
    [[1], "it is not an encoded TRUE"],
  ])("of the octets %j", (octets, expected) => {
    expect(said((reader) => reader.defaultFalse("it"), tlv(1, bytes(...octets)))).toBe(expected);
  });
});

describe("a BIT STRING", () => {
  it.each<[readonly number[], unknown]>([
    [[0, 7], bytes(7)],
    [[0], bytes()],
    [[], "it is not a string of whole octets"],
    [[1, 2], "it is not a string of whole octets"],
    [[8, 0], "it is not a string of whole octets"],
  ])("of the octets %j", (octets, expected) => {
    expect(said((reader) => reader.octetBits("it"), tlv(3, bytes(...octets)))).toEqual(expected);
  });
});

describe("a named-bit list", () => {
  const NOT_MINIMAL = "it is not a minimal named-bit list";
  const NOT_SHORT = "it is not a short named-bit list";

  it.each<[readonly number[], unknown]>([
    [[0], 0],
    [[7, 0x80], 0x8000],
    [[0, 0x81], 0x8100],
    [[7, 1, 0x80], 0x0180],
    [[0, 0, 1], 1],
    [[1], NOT_MINIMAL],
    [[7, 0], NOT_MINIMAL],
    [[6, 0x80], NOT_MINIMAL],
    [[7, 0xc0], NOT_MINIMAL],
    [[0, 0x80], NOT_MINIMAL],
    [[0, 1, 0], NOT_MINIMAL],
    [[8, 0], NOT_MINIMAL],
    [[8, 1], NOT_MINIMAL],
    [[9, 2], NOT_MINIMAL],
    [[40, 1], NOT_MINIMAL],
    [[], NOT_SHORT],
    [[0, 1, 1, 1], NOT_SHORT],
  ])("of the octets %j", (octets, expected) => {
    expect(said((reader) => reader.namedBits("it"), tlv(3, bytes(...octets)))).toBe(expected);
  });
});

describe("a small INTEGER", () => {
  it.each<[readonly number[], unknown]>([
    [[0], 0],
    [[0x7f], 127],
    [[0, 0x80], 128],
    [[1, 2], 258],
    [[0x7f, 0xff, 0xff, 0xff], 2 ** 31 - 1],
    [[0x80], "it is out of range"],
    [[0xff], "it is out of range"],
    [[0xff, 0x7f], "it is out of range"],
    [[1, 0, 0, 0, 0], "it is out of range"],
    [[], "it is an empty INTEGER"],
    [[0, 0x7f], "it is a non-minimal INTEGER"],
    [[0xff, 0x80], "it is a non-minimal INTEGER"],
  ])("of the octets %j", (octets, expected) => {
    expect(said((reader) => reader.smallInteger("it"), tlv(2, bytes(...octets)))).toBe(expected);
  });
});

describe("a length", () => {
  it.each<[string, readonly number[], unknown]>([
    ["of no octet", [4, 0], 0],
    ["of 128 octets", [4, 0x81, 0x80, ...new Uint8Array(128)], 128],
    ["in four octets, of more than there are", [4, 0x84, 1, 0, 0, 0], "it is truncated"],
    ["in one octet more than it needs", [4, 0x81, 0x7f], "it has a non-minimal length"],
    ["with a leading zero", [4, 0x82, 0, 0xff], "it has a non-minimal length"],
    ["that is cut", [4, 0x82, 1], "it is truncated"],
    ["that has only begun", [4, 0x81], "it is truncated"],
    ["that is not there", [4], "it is truncated"],
    ["of one octet that is not there", [4, 1], "it is truncated"],
    ["that is indefinite", [4, 0x80], "it has no definite length"],
    ["in five octets", [4, 0x85, 1, 1, 1, 1, 1], "it has no definite length"],
  ])("%s", (_what, octets, expected) => {
    expect(said((reader) => reader.contents(reader.next("it")).length, bytes(...octets))).toBe(expected);
  });
});

describe("a Time", () => {
  const [UTC, GENERALIZED] = [0x17, 0x18];
  const NOT_ZULU = "it is not a Time in seconds and Zulu";
  const NOT_DIGITS = "it is not a Time of digits";
  const NO_DATE = "it is not a date";

  it.each<[number, string, unknown]>([
    [UTC, "260601235959Z", { ms: Date.UTC(2026, 5, 1, 23, 59, 59), early: false }],
    [GENERALIZED, "20491231235959Z", { ms: Date.UTC(2049, 11, 31, 23, 59, 59), early: true }],
    [GENERALIZED, "20500101000000Z", { ms: Date.UTC(2050, 0, 1), early: false }],
    [GENERALIZED, "20240229235959Z", { ms: Date.UTC(2024, 1, 29, 23, 59, 59), early: true }],
    [GENERALIZED, "00010101000000Z", { ms: new Date("0001-01-01T00:00:00Z").getTime(), early: true }],
    [GENERALIZED, "21000229000000Z", NO_DATE],
    [UTC, "2606011200Z", NOT_ZULU],
    [UTC, "260601120000", NOT_ZULU],
    [UTC, "2606011200000", NOT_ZULU],
    [UTC, "260601120000z", NOT_ZULU],
    [UTC, "260601120000ZZ", NOT_ZULU],
    [UTC, "26060112000/Z", NOT_DIGITS],
    [UTC, "26060112000:Z", NOT_DIGITS],
    [UTC, "2606011200 0Z", NOT_DIGITS],
    [UTC, "260601240000Z", NO_DATE],
    [UTC, "260601126000Z", NO_DATE],
    [UTC, "260601120060Z", NO_DATE],
    [UTC, "260631120000Z", NO_DATE],
    [UTC, "261301120000Z", NO_DATE],
    [UTC, "260001120000Z", NO_DATE],
    [UTC, "260600120000Z", NO_DATE],
  ])("of tag %i, %s", (tag, value, expected) => {
    expect(said((reader) => readTime(reader, "it"), text(tag, value))).toEqual(expected);
  });
});

describe("bytes", () => {
  it.each([
    [bytes(1), bytes(1, 2), false],
    [bytes(1, 2), bytes(1), false],
    [bytes(), bytes(), true],
    [bytes(1), bytes(1), true],
  ])("%o and %o: the same at the same length alone", (one, other, same) => {
    expect(sameBytes(one, other)).toBe(same);
  });
  it("that are left are the rest of a reader", () => {
    expect(new DerReader(bytes(1, 2, 3), 1).rest()).toEqual(bytes(2, 3));
  });
  it("of another tag are not entered", () => {
    expect(said((reader) => reader.enter(TAG.set, "it"), seq())).toBe("it has tag 0x30");
  });
});
