/** Parts by themselves, where a whole chain would not show the difference. */
import { type KeyObject, constants, createPrivateKey, generatePrimeSync, sign } from "node:crypto";
import { describe, expect, it } from "vitest";
import { type SignatureAlgorithm, readSignatureAlgorithm } from "../../src/trust/x509/signature-algorithms.ts";
import { readPublicKey } from "../../src/trust/x509/public-keys.ts";
import { parsing } from "../../src/trust/x509/certificate.ts";
import { DerReader, TAG, readOid } from "../../src/trust/x509/der.ts";
import { readTime } from "../../src/trust/x509/time.ts";
import { CertificateStore } from "../../src/trust/index.ts";
import { verifyLargeRsa } from "../../src/trust/signatures/rsa.ts";
import { ca, dns, ext, HOST, ip, name, server } from "../support/certificates.ts";
import { type Bytes, bytes, concat, int, oid, seq, text, tlv } from "../support/der.ts";
import { check, policy, sha256, verdictOf } from "../support/verdicts.ts";

const why = <T>(read: () => T): T | string => {
  const parsed = parsing(read);
  return parsed.kind === "parsed" ? parsed.value : parsed.why;
};
const inside = (sequence: Bytes): DerReader => new DerReader(sequence).enter(TAG.sequence, "test");

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

/** By the extended Euclidean algorithm. */
function inverse(value: bigint, modulus: bigint): bigint {
  let [a, b] = [modulus, value % modulus];
  let [x, y] = [0n, 1n];
  while (b > 0n) {
    const quotient = a / b;
    [a, b] = [b, a - quotient * b];
    [x, y] = [y, x - quotient * y];
  }
  return ((x % modulus) + modulus) % modulus;
}

/** A key of exactly so many bits: OpenSSL rounds down to even ones. */
function rsaOf(bits: number): { privateKey: KeyObject; modulus: Bytes } {
  const base64 = (value: bigint): string => {
    const hex = value.toString(16);
    return Buffer.from(hex.padStart(hex.length + (hex.length % 2), "0"), "hex").toString("base64url");
  };
  const e = 65537n;
  for (;;) {
    const p = generatePrimeSync(Math.ceil(bits / 2), { bigint: true });
    const q = generatePrimeSync(bits - Math.ceil(bits / 2), { bigint: true });
    const n = p * q;
    const phi = (p - 1n) * (q - 1n);
    if (n.toString(2).length !== bits || phi % e === 0n) continue;
    const d = inverse(e, phi);
    const key = { kty: "RSA", n, e, d, p, q, dp: d % (p - 1n), dq: d % (q - 1n), qi: inverse(q, p) };
    const jwk = Object.fromEntries(
      Object.entries(key).map(([name_, value]) => [name_, typeof value === "bigint" ? base64(value) : value]),
    );
    return {
      privateKey: createPrivateKey({ key: jwk, format: "jwk" }),
      modulus: new Uint8Array(Buffer.from(base64(n), "base64url")),
    };
  }
}

describe("RSA in JavaScript", () => {
  const message = new Uint8Array(Buffer.from("message"));
  const other = Uint8Array.of(1);
  const { subtle } = globalThis.crypto;
  it.each([2048, 2049, 2050, 2055])("agrees with node about %d bits", async (bits) => {
    const { privateKey, modulus } = rsaOf(bits);
    const key = { kind: "rsa", bits, modulus, exponent: bytes(1, 0, 1) } as const;
    for (const hash of ["SHA-256", "SHA-384", "SHA-512"] as const) {
      const pkcs1 = new Uint8Array(sign(hash.replace("-", ""), message, privateKey));
      expect(await verifyLargeRsa(key, { kind: "rsa-pkcs1", hash }, pkcs1, message, subtle)).toBe(true);
      expect(await verifyLargeRsa(key, { kind: "rsa-pkcs1", hash }, pkcs1, other, subtle)).toBe(false);
      expect(await verifyLargeRsa(key, { kind: "rsa-pkcs1", hash }, pkcs1.subarray(1), message, subtle)).toBe(false);
      expect(await verifyLargeRsa(key, { kind: "rsa-pkcs1", hash }, concat(bytes(0), pkcs1), message, subtle)).toBe(
        false,
      );
      // The same representative modulo the modulus is another signature (RFC 8017 §5.2.2).
      const sum = (
        BigInt(`0x${Buffer.from(pkcs1).toString("hex")}`) + BigInt(`0x${Buffer.from(modulus).toString("hex")}`)
      ).toString(16);
      const size = 2 * modulus.length;
      if (sum.length <= size) {
        const shifted = new Uint8Array(Buffer.from(sum.padStart(size, "0"), "hex"));
        expect(await verifyLargeRsa(key, { kind: "rsa-pkcs1", hash }, shifted, message, subtle)).toBe(false);
      }
      for (const saltLength of [0, 20, 64]) {
        const padding = constants.RSA_PKCS1_PSS_PADDING;
        const pss = new Uint8Array(sign(hash.replace("-", ""), message, { key: privateKey, padding, saltLength }));
        const algorithm = { kind: "rsa-pss", hash, saltLength, usual: false } as const;
        expect(await verifyLargeRsa(key, algorithm, pss, message, subtle)).toBe(true);
        expect(await verifyLargeRsa(key, algorithm, pss, other, subtle)).toBe(false);
        expect(await verifyLargeRsa(key, { ...algorithm, saltLength: saltLength + 1 }, pss, message, subtle)).toBe(
          false,
        );
        expect(await verifyLargeRsa(key, { ...algorithm, saltLength: 250 }, pss, message, subtle)).toBe(false);
        expect(await verifyLargeRsa(key, { kind: "rsa-pkcs1", hash }, pss, message, subtle)).toBe(false);
      }
    }
  });
  it("takes no representative of the modulus or more", async () => {
    // The modulus itself encodes to zero; only its size is at fault, and size is what must be checked first.
    const modulus = new Uint8Array(256).fill(0xff);
    const key = { kind: "rsa", bits: 2048, modulus, exponent: bytes(3) } as const;
    expect(await verifyLargeRsa(key, { kind: "rsa-pkcs1", hash: "SHA-256" }, modulus, message, subtle)).toBe(false);
  });
});

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

describe("the store", () => {
  it("gives back what it remembers, and forgets the least used beyond its size", () => {
    const store = new CertificateStore(sha256);
    const read = (der: Bytes): unknown => {
      const parsed = store.read(der);
      if (parsed.kind === "malformed") throw new Error(parsed.why);
      return parsed.value;
    };
    const remember = (der: Bytes): void => {
      const parsed = store.read(der);
      if (parsed.kind === "parsed") store.remember(parsed.value);
    };
    const [first, second] = [ca("first").der, ca("second").der];
    expect(read(first)).not.toBe(read(first));
    remember(first);
    remember(first);
    remember(second);
    const known = read(second);
    expect(read(first)).toBe(read(first));
    expect(read(second)).toBe(known);
    // Ten certificates of 60 kB: more than the store keeps.
    for (let index = 0; index < 10; index++) {
      remember(ca(`large ${index}`, null, { extensions: [seq(oid("1.2.3"), tlv(4, new Uint8Array(60_000)))] }).der);
      if (index < 5) expect(read(first)).toBe(read(first));
    }
    expect(read(second)).not.toBe(known);
  });
});

describe("the text of a refusal", () => {
  const presented = async (names: readonly Bytes[]): Promise<string> => {
    const root = ca("root");
    const verdict = await verdictOf(policy([root]), [server(root, { names })]);
    return verdict.kind === "verified" ? "verified" : verdict.refusal.presented;
  };
  it("shows eight names and counts the rest", async () => {
    const names = (count: number): Bytes[] => Array.from({ length: count }, (_, index) => dns(`h${index}`));
    expect(await presented(names(8))).toBe("DNS:h0, DNS:h1, DNS:h2, DNS:h3, DNS:h4, DNS:h5, DNS:h6, DNS:h7");
    expect(await presented(names(9))).toContain("DNS:h7 and 1 more");
    expect(await presented([])).toBe("no subjectAltName");
  });
  it("shows each type of name", async () => {
    const others = [
      ip(10, 0, 0, 1),
      text(0x81, "a@b"),
      text(0x86, "x:y"),
      tlv(0xa4, name("dir")),
      tlv(0xa4, seq()),
      tlv(0x88, bytes(0x2a)),
    ];
    expect(await presented(others)).toBe(
      "IP:10.0.0.1, email:a@b, URI:x:y, DirName:dir, DirName:(empty name), GeneralName [8]",
    );
  });
  it("names the constraint and the name", async () => {
    const limited = ca("limited", null, {
      extensions: [ext.constraints([dns("example.org")], [ip(10, 0, 0, 0, 255, 0, 0, 0)])],
    });
    const of = async (names: readonly Bytes[]): Promise<unknown> =>
      verdictOf(policy([limited]), [server(limited, { names })]);
    expect(await of([dns(HOST)])).toMatchObject({
      refusal: { expected: "a name within the permitted DNS:example.org", presented: `DNS:${HOST}` },
    });
    expect(await of([ip(10, 1, 1, 1)])).toMatchObject({
      refusal: { expected: "a name outside the excluded IP:10.0.0.0/255.0.0.0", presented: "IP:10.1.1.1" },
    });
  });
});
