/** RSA in JavaScript: PKCS#1 as node has it, and every part of the message that PSS encodes (RFC 8017 §9.1.2). */
import { type KeyObject, constants, createHash, createPrivateKey, generatePrimeSync, sign } from "node:crypto";
import { describe, expect, it } from "vitest";
import { verifyLargeRsa } from "../../src/trust/signatures/rsa.ts";
import { type Bytes, bytes, concat } from "../support/der.ts";
import { sha256 } from "../support/sha256.ts";

/** The inverse modulo `modulus`, by the extended Euclidean algorithm. */
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

const E = 65_537n;

interface Pair {
  readonly bits: number;
  readonly n: bigint;
  readonly d: bigint;
  readonly primes: readonly [bigint, bigint];
}

/** A key of exactly so many bits: OpenSSL rounds down to even ones. */
function pairOf(bits: number): Pair {
  const [first, second] = [Math.ceil(bits / 2), Math.floor(bits / 2)];
  for (let attempt = 0; attempt < 200; attempt++) {
    const p = generatePrimeSync(first, { bigint: true });
    const q = generatePrimeSync(second, { bigint: true });
    const [n, phi] = [p * q, (p - 1n) * (q - 1n)];
    if (p !== q && n.toString(2).length === bits && phi % E !== 0n)
      return { bits, n, d: inverse(E, phi), primes: [p, q] };
  }
  throw new Error(`no key of ${bits} bits in 200 attempts`);
}

/** The key as Node takes it. */
function privateKeyOf({ n, d, primes: [p, q] }: Pair): KeyObject {
  const numbers = { n, e: E, d, p, q, dp: d % (p - 1n), dq: d % (q - 1n), qi: inverse(q, p) };
  const members = Object.entries(numbers).map(([member, value]) => {
    const hex = value.toString(16);
    return [member, Buffer.from(hex.padStart(hex.length + (hex.length % 2), "0"), "hex").toString("base64url")];
  });
  return createPrivateKey({ key: { kty: "RSA", ...Object.fromEntries(members) }, format: "jwk" });
}

const { subtle } = globalThis.crypto;
const message = new TextEncoder().encode("message");
const other = new TextEncoder().encode("other message");

type Algorithm = Parameters<typeof verifyLargeRsa>[1];

describe("RSA in JavaScript", () => {
  const HASHES = ["SHA-256", "SHA-384", "SHA-512"] as const;
  describe.each([2048, 2049, 2050, 2055])("with a key of %d bits", (bits) => {
    const pair = pairOf(bits);
    const privateKey = privateKeyOf(pair);
    const modulus = toBytes(pair.n, Math.ceil(bits / 8));
    const key = { kind: "rsa", bits, modulus, exponent: bytes(1, 0, 1) } as const;
    const holds = (algorithm: Algorithm, signature: Bytes, data = message): Promise<boolean> =>
      verifyLargeRsa(key, algorithm, { signature, data }, subtle);

    it.each(HASHES)("agrees with Node about PKCS#1 with %s", async (hash) => {
      const algorithm = { kind: "rsa-pkcs1", hash } as const;
      const signature = new Uint8Array(sign(hash.replace("-", ""), message, privateKey));
      expect(await holds(algorithm, signature)).toBe(true);
      expect(await holds(algorithm, signature, other)).toBe(false);
      expect(await holds(algorithm, signature.subarray(1))).toBe(false);
      expect(await holds(algorithm, concat(bytes(0), signature))).toBe(false);
      // The same representative modulo the modulus is another signature (RFC 8017 §5.2.2).
      const shifted = toBigInt(signature) + pair.n;
      if (shifted < 1n << BigInt(8 * modulus.length))
        expect(await holds(algorithm, toBytes(shifted, modulus.length))).toBe(false);
    });

    const salted = HASHES.flatMap((hash) => [0, 20, 64].map((saltLength) => ({ hash, saltLength })));
    it.each(salted)("agrees with Node about PSS with $hash and a salt of $saltLength octets", async (parameters) => {
      const { hash, saltLength } = parameters;
      const algorithm = { kind: "rsa-pss", ...parameters, usual: false } as const;
      const padding = constants.RSA_PKCS1_PSS_PADDING;
      const signature = new Uint8Array(sign(hash.replace("-", ""), message, { key: privateKey, padding, saltLength }));
      expect(await holds(algorithm, signature)).toBe(true);
      expect(await holds(algorithm, signature, other)).toBe(false);
      expect(await holds({ ...algorithm, saltLength: saltLength + 1 }, signature)).toBe(false);
      expect(await holds({ ...algorithm, saltLength: 250 }, signature)).toBe(false);
      expect(await holds({ kind: "rsa-pkcs1", hash }, signature)).toBe(false);
    });
  });
  it("takes no representative of the modulus or more", async () => {
    // The modulus itself encodes to zero; only its size is at fault, and size is what must be checked first.
    const modulus = new Uint8Array(256).fill(0xff);
    const key = { kind: "rsa", bits: 2048, modulus, exponent: bytes(3) } as const;
    expect(
      await verifyLargeRsa(key, { kind: "rsa-pkcs1", hash: "SHA-256" }, { signature: modulus, data: message }, subtle),
    ).toBe(false);
  });
});

const SALT = 32;

function power(base: bigint, exponent: bigint, modulus: bigint): bigint {
  let result = 1n;
  for (const bit of exponent.toString(2)) result = (result * result * (bit === "1" ? base : 1n)) % modulus;
  return result;
}

const toBytes = (value: bigint, size: number): Bytes =>
  new Uint8Array(Buffer.from(value.toString(16).padStart(2 * size, "0"), "hex"));

const toBigInt = (octets: Bytes): bigint => BigInt(`0x${Buffer.from(octets).toString("hex")}`);

function mask(seed: Bytes, length: number): Bytes {
  const blocks: Bytes[] = [];
  for (let counter = 0; counter * 32 < length; counter++) {
    blocks.push(
      new Uint8Array(
        createHash("sha256")
          .update(seed)
          .update(bytes(0, 0, counter >> 8, counter & 255))
          .digest(),
      ),
    );
  }
  return concat(...blocks).subarray(0, length);
}

/** What may be wrong in an encoded message. */
interface Wrong {
  readonly trailer?: number;
  readonly separator?: number;
  readonly zeros?: (octets: Bytes) => void;
  readonly top?: number;
  readonly before?: number;
}

/** Whether the signature of a message that is encoded as `wrong` says verifies. Salts are tried until it is below the modulus. */
async function verifies({ bits, n, d }: Pair, wrong: Wrong = {}, saltLength = SALT): Promise<boolean> {
  const size = Math.ceil((bits - 1) / 8);
  const topMask = 0xff >> (8 * size - (bits - 1));
  for (let attempt = 0; attempt < 1000; attempt++) {
    const salt = sha256(bytes(attempt >> 8, attempt & 255)).subarray(0, SALT);
    const seed = sha256(concat(new Uint8Array(8), sha256(message), salt));
    const db = concat(new Uint8Array(size - SALT - 34), bytes(wrong.separator ?? 1), salt);
    wrong.zeros?.(db.subarray(0, size - SALT - 34));
    const dbMask = mask(seed, db.length);
    const masked = db.map((octet, index) => octet ^ (dbMask[index] ?? 0));
    masked[0] = ((masked[0] ?? 0) & topMask) | (wrong.top ?? 0);
    const block = concat(bytes(wrong.before ?? 0), masked, seed, bytes(wrong.trailer ?? 0xbc));
    const encoded = toBigInt(block);
    if (encoded >= n) continue;
    const octets = Math.ceil(bits / 8);
    const key = { kind: "rsa", bits, modulus: toBytes(n, octets), exponent: bytes(1, 0, 1) } as const;
    const signature = toBytes(power(encoded, d, n), octets);
    return verifyLargeRsa(
      key,
      { kind: "rsa-pss", hash: "SHA-256", saltLength, usual: false },
      { signature, data: message },
      subtle,
    );
  }
  throw new Error("no salt fits");
}

describe.each([1032, 1033, 1034])("a key of %i bits", (bits) => {
  const pair = pairOf(bits);
  const topMask = 0xff >> (8 * Math.ceil((bits - 1) / 8) - (bits - 1));

  it("verifies what is encoded rightly", async () => {
    expect(await verifies(pair)).toBe(true);
  });
  it("wants the trailer, the separator and the zeros", async () => {
    expect(await verifies(pair, { trailer: 0xbd })).toBe(false);
    expect(await verifies(pair, { separator: 2 })).toBe(false);
    expect(await verifies(pair, { separator: 0 })).toBe(false);
    // The last octet of the zeros is wrong, the second, or one between; the first is partly cleared by the mask.
    expect(await verifies(pair, { zeros: (octets) => octets.fill(1, -1) })).toBe(false);
    expect(await verifies(pair, { zeros: (octets) => octets.fill(1, 1, 2) })).toBe(false);
    expect(await verifies(pair, { zeros: (octets) => octets.fill(0xff, 1) })).toBe(false);
    expect(await verifies(pair, { zeros: (octets) => octets.fill(0xff, 9, 10) })).toBe(false);
  });
  it("wants the bits above the message to be zero", async () => {
    if (topMask === 0xff) expect(await verifies(pair, { before: 1 })).toBe(false);
    else expect(await verifies(pair, { top: topMask + 1 })).toBe(false);
  });
  it("wants the salt of the length that was declared, and room for it", async () => {
    expect(await verifies(pair, {}, SALT - 1)).toBe(false);
    expect(await verifies(pair, {}, SALT + 1)).toBe(false);
    expect(await verifies(pair, {}, 128)).toBe(false);
  });
});
