/** RSASSA-PSS in JavaScript: every part of the encoded message (RFC 8017 §9.1.2) is looked at. */
import { createHash, generatePrimeSync } from "node:crypto";
import { describe, expect, it } from "vitest";
import { verifyLargeRsa } from "../../src/trust/signatures/rsa.ts";
import { type Bytes, concat, bytes } from "../support/der.ts";
import { sha256 } from "../support/verdicts.ts";

const E = 65_537n;
const SALT = 32;
const message = new TextEncoder().encode("message");
const { subtle } = globalThis.crypto;

interface Pair {
  readonly bits: number;
  readonly n: bigint;
  readonly d: bigint;
}

function pairOf(bits: number): Pair {
  const [first, second] = [Math.ceil(bits / 2), Math.floor(bits / 2)];
  for (;;) {
    const [p, q] = [first, second].map((size) => generatePrimeSync(size, { bigint: true }));
    if (p === undefined || q === undefined || p === q) continue;
    const [n, phi] = [p * q, (p - 1n) * (q - 1n)];
    if (n.toString(2).length === bits && phi % E !== 0n) return { bits, n, d: inverse(E, phi) };
  }
}

function inverse(value: bigint, modulus: bigint): bigint {
  let [a, b, x, y] = [value, modulus, 1n, 0n];
  while (b !== 0n) [a, b, x, y] = [b, a % b, y, x - (a / b) * y];
  return ((x % modulus) + modulus) % modulus;
}

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

/** Signs what `wrong` makes of the encoded message; salts are tried until it is below the modulus. */
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
      signature,
      message,
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
    // The last, the second and one between; the first octet of the mask is partly cleared.
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
