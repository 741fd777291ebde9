/** Public keys that are used, and those that are refused. */
import { describe, expect, it } from "vitest";
import { readPublicKey } from "../../src/trust/x509/public-keys.ts";
import { ca, server } from "../support/certificates.ts";
import { type Bytes, bytes, concat, int, oid, seq, tlv } from "../support/der.ts";
import { check } from "../support/verdicts.ts";
import { inside, valueOrWhy as why } from "../support/parsed.ts";

describe("keys", () => {
  const key = (algorithm: Bytes, bits: Bytes, ...more: readonly Bytes[]): unknown =>
    why(() => readPublicKey(inside(seq(algorithm, tlv(3, bytes(0), bits), ...more))));
  const rsa = seq(oid("1.2.840.113549.1.1.1"), bytes(5, 0));
  const modulus = tlv(2, bytes(0, 0x80), new Uint8Array(255).fill(1));
  it.each<[string, Bytes, Bytes, readonly Bytes[], string]>([
    ["bytes after the key", rsa, seq(modulus, int(3)), [bytes(5, 0)], "subjectPublicKeyInfo has trailing bytes"],
    ["bytes after RSAPublicKey", rsa, concat(seq(modulus, int(3)), bytes(5, 0)), [], "RSAPublicKey has trailing bytes"],
    ["bytes in RSAPublicKey", rsa, seq(modulus, int(3), int(3)), [], "RSAPublicKey has trailing bytes"],
    [
      "RSA parameters that are no NULL",
      seq(oid("1.2.840.113549.1.1.1"), bytes(5, 1, 0)),
      seq(modulus, int(3)),
      [],
      "RSA parameters is not NULL",
    ],
    [
      "two RSA parameters",
      seq(oid("1.2.840.113549.1.1.1"), bytes(5, 0, 5, 0)),
      seq(modulus, int(3)),
      [],
      "RSA parameters has trailing bytes",
    ],
    [
      "two curves",
      seq(oid("1.2.840.10045.2.1"), oid("1.2.840.10045.3.1.7"), bytes(5, 0)),
      bytes(4),
      [],
      "EC parameters has trailing bytes",
    ],
  ])("%s", (_, algorithm, bits, more, expected) => {
    expect(key(algorithm, bits, ...more)).toBe(expected);
  });
  it("an RSA exponent of 32 bits is the largest", async () => {
    const root = ca("root");
    const spki = seq(rsa, tlv(3, bytes(0), seq(modulus, tlv(2, bytes(0, 0xff, 0xff, 0xff, 0xff)))));
    expect(await check(root, server(root, { key: { ...root.key, spki } }))).toBe("verified");
  });
  it.each([31, 33])("an Ed25519 key of %i octets is none", (size) => {
    expect(key(seq(oid("1.3.101.112")), new Uint8Array(size))).toBe("the Ed25519 key has not 32 octets");
  });
  it.each<[string, Bytes, Bytes]>([
    ["modulus", bytes(0x80), bytes(3)],
    ["exponent", bytes(0x7f), bytes(0x80)],
  ])("an RSA %s is not negative", (_, modulus, exponent) => {
    expect(key(rsa, seq(tlv(2, modulus), tlv(2, exponent)))).toMatch(/negative/u);
  });
  it("an RSA key of small positive numbers is read", () => {
    expect(key(rsa, seq(tlv(2, bytes(0x7f)), tlv(2, bytes(3))))).toMatchObject({ kind: "rsa" });
  });
});

describe("an Ed25519 key", () => {
  /** Whether the key is of small order or not canonical: its first octet, the 30 between, and its last octet. */
  const smallOrder = (first: number, middle: number, last: number): unknown => {
    const bits = new Uint8Array(32).fill(middle);
    [bits[0], bits[31]] = [first, last];
    return smallOrderOf(bits);
  };
  const smallOrderOf = (bits: Bytes): unknown => {
    const read = why(() => readPublicKey(inside(seq(seq(oid("1.3.101.112")), tlv(3, bytes(0), bits)))));
    return typeof read === "object" && read.kind === "ed25519" ? read.smallOrder : read;
  };

  it.each([
    // The number p - 1 is of order 2; p and above stand for smaller numbers.
    ...[0xec, 0xed, 0xee, 0xff].map((first) => [first, 0xff, 0x7f, true] as const),
    ...[0xec, 0xed, 0xff].map((first) => [first, 0xff, 0xff, true] as const),
    [0xeb, 0xff, 0x7f, false],
    [0xff, 0xfe, 0x7f, false],
    [0xff, 0xff, 0x7e, false],
    [0, 0, 0, true],
    [1, 0, 0, true],
    [1, 0, 0x80, true],
    [2, 0, 0, false],
  ] as const)("of %i, %i … %i is of small order or not canonical: %s", (first, middle, last, expected) => {
    expect(smallOrder(first, middle, last)).toBe(expected);
  });
  it("is canonical when any octet between is below the largest", () => {
    const late = new Uint8Array(32).fill(0xff);
    [late[5], late[31]] = [0, 0x7f];
    expect(smallOrderOf(late)).toBe(false);
  });
});
