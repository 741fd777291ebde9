/** Signature algorithms and their parameters. */
import { describe, expect, it } from "vitest";
import { type SignatureAlgorithm, readSignatureAlgorithm } from "../../src/trust/x509/signature-algorithms.ts";
import { type Bytes, bytes, int, oid, seq, tlv } from "../support/der.ts";
import { inside, valueOrWhy as why } from "../support/parsed.ts";

describe("RSASSA-PSS parameters", () => {
  const SHA256 = seq(oid("2.16.840.1.101.3.4.2.1"));
  const SHA384 = seq(oid("2.16.840.1.101.3.4.2.2"), bytes(5, 0));
  const MGF1 = "1.2.840.113549.1.1.8";
  const parameters = (...fields: readonly Bytes[]): SignatureAlgorithm | string =>
    why(() => readSignatureAlgorithm(inside(seq(oid("1.2.840.113549.1.1.10"), seq(...fields)))));
  const hash = (value = SHA256): Bytes => tlv(0xa0, value);
  const mask = (value = SHA256, id = MGF1): Bytes => tlv(0xa1, seq(oid(id), value));
  const salt = (length: number): Bytes => tlv(0xa2, int(length));

  it.each<[string, readonly Bytes[], SignatureAlgorithm | string]>([
    ["SHA-256", [hash(), mask(), salt(32)], { kind: "rsa-pss", hash: "SHA-256", saltLength: 32, usual: false }],
    [
      "SHA-384 with NULL",
      [hash(SHA384), mask(SHA384), salt(48)],
      { kind: "rsa-pss", hash: "SHA-384", saltLength: 48, usual: true },
    ],
    ["the default salt", [hash(), mask()], { kind: "rsa-pss", hash: "SHA-256", saltLength: 20, usual: false }],
    ["the defaults", [], { kind: "unsupported", name: "RSA-PSS with SHA-1 and MGF1 with SHA-1" }],
    [
      "another hash in the mask",
      [hash(), mask(SHA384)],
      { kind: "unsupported", name: "RSA-PSS with SHA-256 and MGF1 with SHA-384" },
    ],
    ["no mask", [hash()], { kind: "unsupported", name: "RSA-PSS with SHA-256 and MGF1 with SHA-1" }],
    [
      "another mask",
      [hash(), mask(SHA256, "1.2.3")],
      { kind: "unsupported", name: "RSA-PSS with another mask than MGF1" },
    ],
    ["a trailerField", [hash(), mask(), salt(32), tlv(0xa3, int(1))], "RSASSA-PSS-params encodes a trailerField"],
    ["more", [hash(), mask(), salt(32), tlv(0xa4)], "RSASSA-PSS-params has trailing bytes"],
    ["two salts", [hash(), mask(), tlv(0xa2, int(1), int(2))], "RSASSA-PSS-params has trailing bytes"],
    ["two hashes", [tlv(0xa0, SHA256, SHA256), mask()], "RSASSA-PSS-params has trailing bytes"],
    ["two masks", [hash(), tlv(0xa1, seq(oid(MGF1), SHA256), seq())], "RSASSA-PSS-params has trailing bytes"],
    [
      "a hash with more",
      [hash(seq(oid("2.16.840.1.101.3.4.2.1"), bytes(5, 0), bytes(5, 0))), mask()],
      "RSASSA-PSS-params has trailing bytes",
    ],
    [
      "a hash with other parameters",
      [hash(seq(oid("2.16.840.1.101.3.4.2.1"), int(1))), mask()],
      "RSASSA-PSS-params has tag 0x2",
    ],
  ])("%s", (_, fields, expected) => {
    expect(parameters(...fields)).toEqual(expected);
  });
  it("are followed by nothing", () => {
    const read = (): SignatureAlgorithm =>
      readSignatureAlgorithm(inside(seq(oid("1.2.840.113549.1.1.10"), seq(hash(), mask()), bytes(5, 0))));
    expect(why(read)).toBe("signatureAlgorithm has trailing bytes");
  });
});

describe("the parameters of an RSA signature with PKCS#1", () => {
  const NULL = bytes(5, 0);
  const rsa = oid("1.2.840.113549.1.1.11");
  const usual = { kind: "rsa-pkcs1", hash: "SHA-256" };
  it.each<[string, readonly Bytes[], unknown]>([
    ["are NULL", [rsa, NULL], usual],
    ["may be left out", [rsa], usual],
    ["are not two", [rsa, NULL, NULL], "signatureAlgorithm has trailing bytes"],
    ["are no INTEGER", [rsa, int(1)], "signatureAlgorithm.parameters has tag 0x2"],
  ])("%s", (_, fields, expected) => {
    expect(why(() => readSignatureAlgorithm(inside(seq(...fields))))).toEqual(expected);
  });
});
