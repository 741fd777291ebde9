/** DER: every form that is none is refused. */
import { describe, expect, it } from "vitest";
import { sameBytes } from "../../src/bundle/bytes.ts";
import { parsing } from "../../src/trust/x509/certificate.ts";
import { DerReader, TAG, readOid } from "../../src/trust/x509/der.ts";
import { readTime } from "../../src/trust/x509/time.ts";
import { type Bytes, bytes, oid, seq, text, tlv } from "../support/der.ts";

const why = <T>(read: () => T): T | string => {
  const parsed = parsing(read);
  return parsed.kind === "parsed" ? parsed.value : parsed.why;
};

describe("DER", () => {
  it("reads arcs of every size", () => {
    for (const dotted of [
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
    ]) {
      expect(readOid(oid(dotted).subarray(2), "test")).toBe(dotted);
    }
  });
  it.each(["260601120060Z", "260601126000Z", "261301120000Z", "260600120000Z"])("reads no time in %s", (value) => {
    expect(why(() => readTime(new DerReader(text(0x17, value)), "test"))).toBe("test is not a date");
  });
  it("reads leap days and the ends of centuries", () => {
    const read = (value: string): number | string => why(() => readTime(new DerReader(text(0x18, value)), "test").ms);
    expect(read("20240229235959Z")).toBe(Date.UTC(2024, 1, 29, 23, 59, 59));
    expect(read("00010101000000Z")).toBe(new Date("0001-01-01T00:00:00Z").getTime());
    expect(read("21000229000000Z")).toBe("test is not a date");
  });
});

describe("DER, at its edges", () => {
  const said = <T>(read: (reader: DerReader) => T, der: Bytes): T | string => {
    const answer = parsing(() => read(new DerReader(der)));
    return answer.kind === "parsed" ? answer.value : answer.why;
  };
  it("a BOOLEAN has one octet", () => {
    const read = (...octets: readonly number[]): unknown =>
      said((reader) => reader.defaultFalse("it"), tlv(1, bytes(...octets)));
    expect(read(0xff)).toBe(true);
    for (const octets of [[0xff, 0xff], [], [0], [1]]) expect(read(...octets)).toBe("it is not an encoded TRUE");
  });
  it("a BIT STRING has an octet that counts", () => {
    const read = (...octets: readonly number[]): unknown =>
      said((reader) => reader.octetBits("it"), tlv(3, bytes(...octets)));
    expect(read(0, 7)).toEqual(bytes(7));
    expect(read(0)).toEqual(bytes());
    for (const octets of [[], [1, 2], [8, 0]]) expect(read(...octets)).toBe("it is not a string of whole octets");
  });
  it("a named-bit list has no zero bits at its end", () => {
    const read = (...octets: readonly number[]): unknown =>
      said((reader) => reader.namedBits("it"), tlv(3, bytes(...octets)));
    expect([read(0), read(7, 0x80), read(0, 0x81), read(7, 1, 0x80), read(0, 0, 1)]).toEqual([
      0, 0x8000, 0x8100, 0x0180, 1,
    ]);
    for (const octets of [[1], [7, 0], [6, 0x80], [7, 0xc0], [0, 0x80], [0, 1, 0], [8, 0], [8, 1], [9, 2], [40, 1]]) {
      expect(read(...octets)).toBe("it is not a minimal named-bit list");
    }
    for (const octets of [[], [0, 1, 1, 1]]) expect(read(...octets)).toBe("it is not a short named-bit list");
  });
  it("a small INTEGER is below 2^31", () => {
    const read = (...octets: readonly number[]): unknown =>
      said((reader) => reader.smallInteger("it"), tlv(2, bytes(...octets)));
    expect([read(0), read(0x7f), read(0, 0x80), read(1, 2), read(0x7f, 0xff, 0xff, 0xff)]).toEqual([
      0,
      127,
      128,
      258,
      2 ** 31 - 1,
    ]);
    for (const octets of [[0x80], [0xff], [1, 0, 0, 0, 0]]) expect(read(...octets)).toBe("it is out of range");
    expect(read()).toBe("it is an empty INTEGER");
    for (const octets of [
      [0, 0x7f],
      [0xff, 0x80],
    ])
      expect(read(...octets)).toBe("it is a non-minimal INTEGER");
    expect([read(0xff, 0x7f)]).toEqual(["it is out of range"]);
  });
  it("an OBJECT IDENTIFIER has 64 octets at most, the last of them an end", () => {
    const read = (der: Bytes): unknown => said((reader) => reader.oid("it"), tlv(6, der));
    const ones = (count: number): Bytes => new Uint8Array(count).fill(1);
    expect(read(ones(64))).toBe(`0.1${".1".repeat(63)}`);
    for (const wrong of [bytes(), ones(65), bytes(1, 0x80), bytes(1, 0x81), bytes(0xff)]) {
      expect(read(wrong)).toBe("it is not an OBJECT IDENTIFIER");
    }
    expect([read(bytes(39)), read(bytes(40)), read(bytes(79)), read(bytes(80)), read(bytes(127))]).toEqual([
      "0.39",
      "1.0",
      "1.39",
      "2.0",
      "2.47",
    ]);
  });
  it("a length has as many octets as it needs, and four at most", () => {
    const read = (...octets: readonly number[]): unknown =>
      said((reader) => reader.contents(reader.next("it")).length, bytes(...octets));
    expect(read(4, 0)).toBe(0);
    expect(read(4, 0x81, 0x80, ...new Uint8Array(128))).toBe(128);
    expect(read(4, 0x84, 1, 0, 0, 0)).toBe("it is truncated");
    expect([read(4, 0x81, 0x7f), read(4, 0x82, 0, 0xff)]).toEqual([
      "it has a non-minimal length",
      "it has a non-minimal length",
    ]);
    expect([read(4, 0x82, 1), read(4, 0x81), read(4), read(4, 1)]).toEqual(
      Array.from({ length: 4 }, () => "it is truncated"),
    );
    expect([read(4, 0x80), read(4, 0x85, 1, 1, 1, 1, 1)]).toEqual([
      "it has no definite length",
      "it has no definite length",
    ]);
  });
  it("a Time has seconds, digits and a Z", () => {
    const read = (tag: number, value: string): unknown => said((reader) => readTime(reader, "it"), text(tag, value));
    expect(read(0x17, "260601235959Z")).toEqual({ ms: Date.UTC(2026, 5, 1, 23, 59, 59), early: false });
    expect(read(0x18, "20491231235959Z")).toMatchObject({ early: true });
    expect(read(0x18, "20500101000000Z")).toMatchObject({ early: false });
    for (const value of ["2606011200Z", "260601120000", "2606011200000", "260601120000z", "260601120000ZZ"]) {
      expect(read(0x17, value)).toBe("it is not a Time in seconds and Zulu");
    }
    for (const value of ["26060112000/Z", "26060112000:Z", "2606011200 0Z"])
      expect(read(0x17, value)).toBe("it is not a Time of digits");
    for (const value of [
      "260601240000Z",
      "260601126000Z",
      "260601120060Z",
      "260631120000Z",
      "261301120000Z",
      "260001120000Z",
      "260600120000Z",
    ]) {
      expect(read(0x17, value)).toBe("it is not a date");
    }
  });
  it("bytes are the same only at the same length", () => {
    expect([
      sameBytes(bytes(1), bytes(1, 2)),
      sameBytes(bytes(1, 2), bytes(1)),
      sameBytes(bytes(), bytes()),
      sameBytes(bytes(1), bytes(1)),
    ]).toEqual([false, false, true, true]);
    expect(new DerReader(bytes(1, 2, 3), 1).rest()).toEqual(bytes(2, 3));
    expect(said((reader) => reader.enter(TAG.set, "it"), seq())).toBe("it has tag 0x30");
  });
});
