/** The signatures of a path: algorithms that are verified, and those that are refused. */
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { type Minted, ca, server } from "../support/certificates.ts";
import { type Bytes, bytes, concat, int, oid, seq, tlv } from "../support/der.ts";
import { type Key, bareKey, ecKey, edKey, rsaKey } from "../support/keys.ts";
import { brief, check, policy, verdictOf } from "../support/verdicts.ts";

const root = ca("root");

describe("a signature's algorithm and key", () => {
  const signedBy = async (key: Key): Promise<string> => {
    const anchor = ca("anchor", null, { key });
    return check(anchor, server(anchor));
  };
  it.each<[string, () => Key]>([
    ["P-256 with SHA-384", () => ecKey("P-256", "SHA-384")],
    ["P-384 with SHA-256", () => ecKey("P-384", "SHA-256")],
    ["P-384 with SHA-384", () => ecKey("P-384", "SHA-384")],
    ["P-521 with SHA-512", () => ecKey("P-521", "SHA-512")],
    ["Ed25519", edKey],
    ["RSA-2048 with SHA-256", () => rsaKey(2048)],
    ["RSA-2048 with SHA-512 and exponent 3", () => rsaKey(2048, "SHA512", 3)],
  ])("verifies %s", async (_, key) => {
    expect(await signedBy(key())).toBe("verified");
  });
  it("refuses SHA-1 and unknown algorithms wherever they sign a certificate of the path", async () => {
    expect(await signedBy(rsaKey(2048, "SHA1"))).toBe("unsupported-algorithm@0");
    const intermediate = ca("intermediate", root, { innerAlgorithm: seq(oid("1.2.840.113549.1.1.4"), bytes(5, 0)) });
    expect(await check(root, server(intermediate), intermediate)).toBe("unsupported-algorithm@1");
  });
  it("refuses a signature of another key type", async () => {
    const anchor = ca("anchor");
    const crossed = { ...anchor, key: { ...anchor.key, signer: edKey().signer } };
    expect(await check(anchor, server(crossed))).toBe("bad-signature@0");
  });
  const fixture = (file: string): Minted => ({
    ...root,
    der: new Uint8Array(readFileSync(new URL(`fixtures/${file}.der`, import.meta.url))),
  });
  it.each(["rsa8192-pkcs1", "rsa8192-pss", "rsa4100-pss", "rsa2048-pss"])("verifies %s", async (file) => {
    const [anchor, endEntity] = [fixture(`${file}-ca`), fixture(`${file}-server`)];
    const at = Date.UTC(2030, 0, 1);
    expect(brief(await verdictOf(policy([anchor]), [endEntity], at))).toBe("verified");
    const broken = Uint8Array.from(endEntity.der);
    broken[broken.length - 9] = (broken[broken.length - 9] ?? 0) ^ 0x10;
    expect(brief(await verdictOf(policy([anchor]), [{ ...endEntity, der: broken }], at))).toBe("bad-signature@0");
  });

  const rsaSpki = (modulus: Bytes, exponent: Bytes): Bytes =>
    seq(seq(oid("1.2.840.113549.1.1.1"), bytes(5, 0)), tlv(3, bytes(0), seq(tlv(2, modulus), tlv(2, exponent))));
  const modulus = (bits: number, last = 0xff): Bytes => {
    const octets = new Uint8Array(Math.ceil(bits / 8) + 1).fill(0xff);
    octets[0] = 0;
    if (bits % 8 !== 0) octets[1] = 0xff >> (8 - (bits % 8));
    octets[octets.length - 1] = last;
    return bits % 8 === 0 ? octets : octets.subarray(1);
  };
  const point = (curve: string, size: number, first = 4): Bytes =>
    seq(seq(oid("1.2.840.10045.2.1"), oid(curve)), tlv(3, bytes(0, first), new Uint8Array(size)));
  const F4 = bytes(1, 0, 1);
  it.each<[string, Bytes, string]>([
    ["RSA of 2048 bits", rsaSpki(modulus(2048), F4), "verified"],
    ["RSA of 2047 bits", rsaSpki(modulus(2047), F4), "weak-key@0"],
    ["RSA of 8192 bits", rsaSpki(modulus(8192), F4), "verified"],
    ["RSA of 8193 bits", rsaSpki(modulus(8193), F4), "weak-key@0"],
    ["an even modulus", rsaSpki(modulus(2048, 0xfe), F4), "weak-key@0"],
    ["exponent 1", rsaSpki(modulus(2048), bytes(1)), "weak-key@0"],
    ["an even exponent", rsaSpki(modulus(2048), bytes(4)), "weak-key@0"],
    ["exponent 3", rsaSpki(modulus(2048), bytes(3)), "verified"],
    ["an exponent of 33 bits", rsaSpki(modulus(2048), bytes(1, 0, 0, 0, 1)), "weak-key@0"],
    ["a negative modulus", rsaSpki(modulus(2048).subarray(1), F4), "malformed@0"],
    ["exponent 0", rsaSpki(modulus(2048), bytes(0)), "malformed@0"],
    [
      "RSA without parameters",
      seq(seq(oid("1.2.840.113549.1.1.1")), tlv(3, bytes(0), seq(int(5), int(3)))),
      "malformed@0",
    ],
    ["P-521", point("1.3.132.0.35", 132), "unsupported-algorithm@0"],
    ["P-224", point("1.3.132.0.33", 56), "unsupported-algorithm@0"],
    ["a compressed point", point("1.2.840.10045.3.1.7", 32, 2), "unsupported-algorithm@0"],
    ["a short point", point("1.2.840.10045.3.1.7", 62), "malformed@0"],
    ["an explicit curve", seq(seq(oid("1.2.840.10045.2.1"), seq()), tlv(3, bytes(0))), "unsupported-algorithm@0"],
    ["DSA", seq(seq(oid("1.2.840.10040.4.1"), seq()), tlv(3, bytes(0), int(5))), "unsupported-algorithm@0"],
    [
      "Ed25519 with parameters",
      seq(seq(oid("1.3.101.112"), bytes(5, 0)), tlv(3, bytes(0), new Uint8Array(32))),
      "malformed@0",
    ],
    ["a short Ed25519 key", seq(seq(oid("1.3.101.112")), tlv(3, bytes(0), new Uint8Array(31))), "malformed@0"],
    ["a key of loose bits", seq(seq(oid("1.3.101.112")), tlv(3, bytes(1), new Uint8Array(32))), "malformed@0"],
  ])("an end entity's key: %s", async (_, spki, expected) => {
    expect(await check(root, server(root, { key: bareKey(spki) }))).toBe(expected);
  });
  it.each([
    ["the identity", "01".padEnd(64, "0"), "weak-key@-1"],
    ["the identity, sign bit set", `${"01".padEnd(62, "0")}80`, "weak-key@-1"],
    ["order 8", "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05", "weak-key@-1"],
    ["not canonical", `ee${"ff".repeat(30)}7f`, "weak-key@-1"],
    ["another point", `02${"ff".repeat(30)}7f`, "bad-signature@0"],
  ])("an Ed25519 CA whose key is %s", async (_, key, expected) => {
    const spki = seq(seq(oid("1.3.101.112")), tlv(3, bytes(0), new Uint8Array(Buffer.from(key, "hex"))));
    // R the identity and S zero: under a key of small order, a signature of anything.
    const signature = Uint8Array.from({ length: 64 }, (_unused, index) => (index === 0 ? 1 : 0));
    const signer = { algorithm: seq(oid("1.3.101.112")), sign: () => signature };
    const anchor = ca("anchor", null, { key: { spki, signer, id: bytes(1) } });
    expect(await check(anchor, server(anchor))).toBe(expected);
  });
  it("refuses a weak CA in the path, and a weak anchor", async () => {
    const intermediate = ca("intermediate", root, { key: rsaKey(1024) });
    expect(await check(root, server(intermediate), intermediate)).toBe("weak-key@1");
    const anchor = ca("anchor", null, { key: rsaKey(1024) });
    expect(await check(anchor, server(anchor))).toBe("weak-key@-1");
  });
  it("verifies nothing with a key that is no point of its curve", async () => {
    const anchor = ca("anchor", null, { key: bareKey(point("1.2.840.10045.3.1.7", 64)) });
    expect(await check(anchor, server(anchor))).toBe("bad-signature@0");
  });
});

describe("the encoding of a signature", () => {
  const NULL = bytes(5, 0);
  /** The root, whose every signature is changed on its way. */
  const changing = (change: (signature: Bytes) => Bytes): Minted => {
    const { signer } = root.key;
    return { ...root, key: { ...root.key, signer: { ...signer, sign: (tbs) => change(signer.sign(tbs)) } } };
  };
  const body = (signature: Bytes): Bytes => signature.subarray(2);

  it.each<[string, (signature: Bytes) => Bytes, string]>([
    ["as it is", (signature) => signature, "verified"],
    ["encoded again", (signature) => seq(body(signature)), "verified"],
    ["with bytes after it", (signature) => concat(signature, NULL), "bad-signature@0"],
    ["with more in it", (signature) => seq(body(signature), NULL), "bad-signature@0"],
    ["with a third integer", (signature) => seq(body(signature), int(1)), "bad-signature@0"],
    ["of one integer", (signature) => seq(body(signature).subarray(0, 2 + (signature[3] ?? 0))), "bad-signature@0"],
    ["in a SET", (signature) => tlv(0x31, body(signature)), "bad-signature@0"],
    ["with an s of 33 octets", () => seq(int(1), tlv(2, bytes(1), new Uint8Array(32))), "bad-signature@0"],
    ["with an r of 33 octets", () => seq(tlv(2, bytes(1), new Uint8Array(32)), int(1)), "bad-signature@0"],
    ["with a negative r", () => seq(tlv(2, bytes(0x80)), int(1)), "bad-signature@0"],
  ])("of ECDSA %s", async (_, change, expected) => {
    expect(await check(root, server(changing(change)))).toBe(expected);
  });
});
