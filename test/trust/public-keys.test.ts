/** Public keys: which ones are used. */
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
});
