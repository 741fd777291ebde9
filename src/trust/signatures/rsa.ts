/**
 * RSA verification with keys above 4096 bits, which Deno's WebCrypto does not read (measured: Deno 2.9.6). This code is
 * used in every runtime, so that the verdict is the same in all. All values are public, so nothing need be
 * constant-time.
 */
import { hex, sameBytes } from "../../bundle/bytes.ts";
import type { Hash } from "../x509/algorithm-identifiers.ts";
import type { PublicKey } from "../x509/public-keys.ts";
import type { SignatureAlgorithm } from "../x509/signature-algorithms.ts";

type RsaKey = Extract<PublicKey, { kind: "rsa" }>;
type RsaAlgorithm = Extract<SignatureAlgorithm, { kind: "rsa-pkcs1" | "rsa-pss" }>;
type Digest = Pick<SubtleCrypto, "digest">;

/** DigestInfo without the digest (RFC 8017 §9.2, note 1). */
const DIGEST_INFO: Readonly<Record<Hash, readonly number[]>> = {
  "SHA-256": [0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 5, 0, 4, 0x20],
  "SHA-384": [0x30, 0x41, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x02, 5, 0, 4, 0x30],
  "SHA-512": [0x30, 0x51, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x03, 5, 0, 4, 0x40],
};

/** A signature, and the data over which it should be. */
interface Signed {
  readonly signature: Uint8Array;
  readonly data: BufferSource;
}

/** RSASSA-PKCS1-v1_5 (RFC 8017 §8.2.2) and RSASSA-PSS (§8.1.2) verification of a signature over `data`. */
export async function verifyLargeRsa(
  key: RsaKey,
  algorithm: RsaAlgorithm,
  { signature, data }: Signed,
  subtle: Digest,
): Promise<boolean> {
  const size = Math.ceil(key.bits / 8);
  if (signature.length !== size) return false;
  const modulus = toBigInt(key.modulus);
  const representative = toBigInt(signature);
  if (representative >= modulus) return false;
  const encoded = toBytes(power(representative, toBigInt(key.exponent), modulus), size);
  const digest = new Uint8Array(await subtle.digest(algorithm.hash, data));
  return algorithm.kind === "rsa-pkcs1"
    ? sameBytes(encoded, pkcs1(digest, algorithm.hash, size))
    : pss({ block: encoded, bits: key.bits - 1 }, digest, algorithm, subtle);
}

/** Multiplications for an exponent of 65,537. */
const USUAL_MULTIPLICATIONS = 19;

/** What an exponent costs relative to 65,537. A backend may choose an exponent of 32 bits that are all set. */
export function exponentCost(exponent: Uint8Array): number {
  const bits = exponent.reduce((text, octet) => text + octet.toString(2).padStart(8, "0"), "").replace(/^0+/u, "");
  return (bits.length + bits.replaceAll("0", "").length) / USUAL_MULTIPLICATIONS;
}

/** EMSA-PKCS1-v1_5 (§9.2): rebuilt and compared whole, never parsed. */
function pkcs1(digest: Uint8Array, hash: Hash, size: number): Uint8Array {
  const encoded = new Uint8Array(size).fill(0xff);
  const info = [0x00, ...DIGEST_INFO[hash], ...digest];
  encoded.set([0x00, 0x01]);
  encoded.set(info, size - info.length);
  return encoded;
}

/** EMSA-PSS-VERIFY (§9.1.2). `bits` is the length of the encoded message, which `block` holds. */
async function pss(
  { block, bits }: { readonly block: Uint8Array; readonly bits: number },
  digest: Uint8Array,
  algorithm: { readonly hash: Hash; readonly saltLength: number },
  subtle: Digest,
): Promise<boolean> {
  const size = Math.ceil(bits / 8);
  // When the modulus is one bit longer than whole octets, the encoded message is one octet shorter and that octet is 0.
  if (block.length > size && block[0] !== 0) return false;
  const encoded = block.subarray(block.length - size);
  const masked = size - digest.length - 1;
  const zeros = masked - algorithm.saltLength - 1;
  if (zeros < 0 || encoded[size - 1] !== 0xbc) return false;
  const seed = encoded.subarray(masked, size - 1);
  const mask = await mgf1(seed, masked, algorithm.hash, subtle);
  const db = encoded.slice(0, masked).map((octet, index) => octet ^ (mask[index] ?? 0));
  const topMask = 0xff >> (8 * size - bits);
  if (((encoded[0] ?? 0) & ~topMask) !== 0) return false;
  db[0] = (db[0] ?? 0) & topMask;
  if (db.subarray(0, zeros).some((octet) => octet !== 0) || db[zeros] !== 0x01) return false;
  const salt = db.subarray(zeros + 1);
  const message = new Uint8Array(8 + digest.length + salt.length);
  message.set(digest, 8);
  message.set(salt, 8 + digest.length);
  return sameBytes(seed, new Uint8Array(await subtle.digest(algorithm.hash, message)));
}

/** MGF1 (RFC 8017 §B.2.1). */
async function mgf1(seed: Uint8Array, length: number, hash: Hash, subtle: Digest): Promise<Uint8Array> {
  const mask = new Uint8Array(length + 64);
  const input = new Uint8Array(seed.length + 4);
  input.set(seed);
  for (let filled = 0, counter = 0; filled < length; counter++) {
    new DataView(input.buffer).setUint32(seed.length, counter);
    const block = new Uint8Array(await subtle.digest(hash, input));
    mask.set(block, filled);
    filled += block.length;
  }
  return mask.subarray(0, length);
}

function power(base: bigint, exponent: bigint, modulus: bigint): bigint {
  let result = 1n;
  let square = base;
  for (let rest = exponent; rest > 0n; rest >>= 1n) {
    if ((rest & 1n) === 1n) result = (result * square) % modulus;
    square = (square * square) % modulus;
  }
  return result;
}

function toBigInt(bytes: Uint8Array): bigint {
  return BigInt(`0x0${hex(bytes)}`);
}

function toBytes(value: bigint, size: number): Uint8Array {
  const text = value.toString(16).padStart(2 * size, "0");
  return Uint8Array.from({ length: size }, (_, index) => Number.parseInt(text.slice(2 * index, 2 * index + 2), 16));
}
