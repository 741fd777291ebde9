/** Signature algorithms and public keys: what this gateway knows, and what it refuses in every runtime alike. */
import { hex } from "../../bundle/bytes.ts";
import { DerError, DerReader, TAG, at, context } from "./der.ts";

export type Hash = "SHA-256" | "SHA-384" | "SHA-512";
export type Curve = "P-256" | "P-384" | "P-521";

export type SignatureAlgorithm =
  | { readonly kind: "rsa-pkcs1"; readonly hash: Hash }
  | {
      readonly kind: "rsa-pss";
      readonly hash: Hash;
      readonly saltLength: number;
      /** As RFC 4055 §3.1 recommends: the salt as long as the hash, and both hashes with NULL parameters. */
      readonly usual: boolean;
    }
  | { readonly kind: "ecdsa"; readonly hash: Hash }
  | { readonly kind: "ed25519" }
  /** Known to be weak, or not known at all: for people, never verified. */
  | { readonly kind: "unsupported"; readonly name: string };

export type PublicKey =
  | { readonly kind: "rsa"; readonly bits: number; readonly modulus: Uint8Array; readonly exponent: Uint8Array }
  | { readonly kind: "ec"; readonly curve: Curve }
  | { readonly kind: "ed25519"; readonly smallOrder: boolean }
  | { readonly kind: "unsupported"; readonly name: string };

const RSA_ENCRYPTION = "1.2.840.113549.1.1.1";
const RSA_PSS = "1.2.840.113549.1.1.10";
const MGF1 = "1.2.840.113549.1.1.8";
const EC_PUBLIC_KEY = "1.2.840.10045.2.1";
const ED25519 = "1.3.101.112";

const HASHES: Readonly<Record<string, Hash>> = {
  "2.16.840.1.101.3.4.2.1": "SHA-256",
  "2.16.840.1.101.3.4.2.2": "SHA-384",
  "2.16.840.1.101.3.4.2.3": "SHA-512",
};
const RSA_PKCS1: Readonly<Record<string, Hash>> = {
  "1.2.840.113549.1.1.11": "SHA-256",
  "1.2.840.113549.1.1.12": "SHA-384",
  "1.2.840.113549.1.1.13": "SHA-512",
};
const ECDSA: Readonly<Record<string, Hash>> = {
  "1.2.840.10045.4.3.2": "SHA-256",
  "1.2.840.10045.4.3.3": "SHA-384",
  "1.2.840.10045.4.3.4": "SHA-512",
};
const CURVES: Readonly<Record<string, { curve: Curve; bytes: number }>> = {
  "1.2.840.10045.3.1.7": { curve: "P-256", bytes: 32 },
  "1.3.132.0.34": { curve: "P-384", bytes: 48 },
  "1.3.132.0.35": { curve: "P-521", bytes: 66 },
};
const NAMES: Readonly<Record<string, string>> = {
  "1.2.840.113549.1.1.4": "RSA with MD5",
  "1.2.840.113549.1.1.5": "RSA with SHA-1",
  "1.2.840.10045.4.1": "ECDSA with SHA-1",
  "1.2.840.10040.4.1": "DSA",
  "1.2.840.10040.4.3": "DSA with SHA-1",
  "2.16.840.1.101.3.4.3.2": "DSA with SHA-256",
  "1.2.840.10045.3.1.1": "P-192",
  "1.3.132.0.33": "P-224",
  "1.3.132.0.10": "secp256k1",
  "1.3.101.113": "Ed448",
  "1.3.101.110": "X25519",
  "1.2.840.113549.1.1.10": "RSA for PSS alone (id-RSASSA-PSS)",
  "1.3.36.3.3.2.8.1.1.7": "brainpoolP256r1",
  "1.3.36.3.3.2.8.1.1.11": "brainpoolP384r1",
  "1.3.36.3.3.2.8.1.1.13": "brainpoolP512r1",
};

const unsupported = (oid: string) => ({ kind: "unsupported", name: NAMES[oid] ?? oid }) as const;

/** The contents of an AlgorithmIdentifier that signs. Refuses parameters the algorithm does not define. */
export function readSignatureAlgorithm(reader: DerReader): SignatureAlgorithm {
  const oid = reader.oid("signatureAlgorithm");
  const pkcs1 = RSA_PKCS1[oid];
  if (pkcs1 !== undefined) {
    // RFC 4055 §5: NULL, and absent must be accepted too.
    if (!reader.empty) readNull(reader, "signatureAlgorithm.parameters");
    reader.finish("signatureAlgorithm");
    return { kind: "rsa-pkcs1", hash: pkcs1 };
  }
  const ecdsa = ECDSA[oid];
  if (ecdsa !== undefined || oid === ED25519) {
    // RFC 5758 §3.2, RFC 8410 §3: parameters absent.
    reader.finish("signatureAlgorithm");
    return ecdsa === undefined ? { kind: "ed25519" } : { kind: "ecdsa", hash: ecdsa };
  }
  return oid === RSA_PSS ? readPssParameters(reader) : unsupported(oid);
}

/** RFC 4055 §3.1. The defaults mean SHA-1, which is refused; the mask must use the same hash. */
function readPssParameters(reader: DerReader): SignatureAlgorithm {
  const what = "RSASSA-PSS-params";
  const outer = reader.enter(TAG.sequence, what);
  reader.finish("signatureAlgorithm");
  const hashField = outer.optional(context(0, true), what);
  const maskField = outer.optional(context(1, true), what);
  const saltField = outer.optional(context(2, true), what);
  const trailerField = outer.optional(context(3, true), what);
  outer.finish(what);
  const hash = hashField === null ? null : readHash(hashField, what);
  let maskHash: ReadHash | null = null;
  if (maskField !== null) {
    const mask = maskField.enter(TAG.sequence, what);
    maskField.finish(what);
    if (mask.oid(what) !== MGF1) return { kind: "unsupported", name: "RSA-PSS with another mask than MGF1" };
    maskHash = readHash(mask, what);
  }
  const saltLength = saltField === null ? 20 : saltField.smallInteger(what);
  saltField?.finish(what);
  // trailerField is DEFAULT 1 and has no other value: encoding it is not DER.
  if (trailerField !== null) throw new DerError(`${what} encodes a trailerField`);
  const known = Object.values(HASHES).find((name) => name === hash?.name);
  if (known === undefined || maskHash?.name !== known) {
    const name = `RSA-PSS with ${hash?.name ?? "SHA-1"} and MGF1 with ${maskHash?.name ?? "SHA-1"}`;
    return { kind: "unsupported", name };
  }
  const usual = saltLength === HASH_BYTES[known] && hash?.withNull === true && maskHash.withNull;
  return { kind: "rsa-pss", hash: known, saltLength, usual };
}

interface ReadHash {
  /** The name of a hash this gateway knows, or its OID. */
  readonly name: string;
  /** Whether its parameters are NULL, and not absent: RFC 4055 §2.1 has both accepted. */
  readonly withNull: boolean;
}

const HASH_BYTES: Readonly<Record<Hash, number>> = { "SHA-256": 32, "SHA-384": 48, "SHA-512": 64 };

function readHash(reader: DerReader, what: string): ReadHash {
  const algorithm = reader.enter(TAG.sequence, what);
  reader.finish(what);
  const oid = algorithm.oid(what);
  const withNull = !algorithm.empty;
  if (withNull) readNull(algorithm, what);
  algorithm.finish(what);
  return { name: HASHES[oid] ?? oid, withNull };
}

function readNull(reader: DerReader, what: string): void {
  const element = reader.expect(TAG.null, what);
  if (element.end !== element.content) throw new DerError(`${what} is not NULL`);
}

/** A SubjectPublicKeyInfo (RFC 3279 §2.3, RFC 5480 §2, RFC 8410 §4). */
export function readPublicKey(spki: DerReader): PublicKey {
  const what = "subjectPublicKeyInfo";
  const algorithm = spki.enter(TAG.sequence, what);
  const bits = spki.octetBits("subjectPublicKey");
  spki.finish(what);
  const oid = algorithm.oid(what);
  if (oid === RSA_ENCRYPTION) {
    readNull(algorithm, "RSA parameters");
    algorithm.finish("RSA parameters");
    return readRsa(bits);
  }
  if (oid === EC_PUBLIC_KEY) {
    if (algorithm.peek() !== TAG.oid) return { kind: "unsupported", name: "an EC key without a named curve" };
    const name = algorithm.oid("EC parameters");
    algorithm.finish("EC parameters");
    const known = CURVES[name];
    if (known === undefined) return unsupported(name);
    if (bits[0] !== 0x04) return { kind: "unsupported", name: "a compressed EC point" };
    if (bits.length !== 1 + 2 * known.bytes) throw new DerError("the EC point is not on its curve");
    return { kind: "ec", curve: known.curve };
  }
  if (oid === ED25519) {
    algorithm.finish("Ed25519 parameters");
    if (bits.length !== 32) throw new DerError("the Ed25519 key has not 32 octets");
    return { kind: "ed25519", smallOrder: isSmallOrder(bits) };
  }
  return unsupported(oid);
}

/** The y of the points of order 1, 2, 4 and 8 on Curve25519's Edwards form, sign bit cleared, little-endian hex. */
const SMALL_ORDER = new Set([
  "0000000000000000000000000000000000000000000000000000000000000000",
  "0100000000000000000000000000000000000000000000000000000000000000",
  "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
  "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
  "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
]);

/**
 * Whether an Ed25519 key is a point of small order, under which one signature verifies any message, or no canonical
 * encoding (RFC 8032 §5.1.3). Node refuses such keys; workerd, Deno and Bun take them (measured): so none may.
 */
function isSmallOrder(key: Uint8Array): boolean {
  const y = key.slice();
  y[31] = at(key, 31) & 0x7f;
  const canonical = at(y, 31) !== 0x7f || at(y, 0) < 0xed || y.subarray(1, 31).some((octet) => octet !== 0xff);
  return !canonical || SMALL_ORDER.has(hex(y));
}

function readRsa(bits: Uint8Array): PublicKey {
  const outer = new DerReader(bits);
  const key = outer.enter(TAG.sequence, "RSAPublicKey");
  outer.finish("RSAPublicKey");
  const modulus = positive(key.integer("RSA modulus"), "RSA modulus");
  const exponent = positive(key.integer("RSA exponent"), "RSA exponent");
  key.finish("RSAPublicKey");
  return { kind: "rsa", bits: modulus.length * 8 - Math.clz32(at(modulus, 0)) + 24, modulus, exponent };
}

/** The magnitude of a positive INTEGER, without its sign octet. */
export function positive(value: Uint8Array, what: string): Uint8Array {
  if (at(value, 0) >= 0x80) throw new DerError(`${what} is negative`);
  if (value.length === 1 && at(value, 0) === 0) throw new DerError(`${what} is zero`);
  return at(value, 0) === 0 ? value.subarray(1) : value;
}

/** Why a key may not be used, or null. A CA's key signs certificates; an end entity's signs the handshake. */
export function keyProblem(
  key: PublicKey,
  role: "ca" | "end-entity",
): { code: "weak-key" | "unsupported-algorithm"; expected: string; presented: string } | null {
  const expected = role === "ca" ? "an RSA (2048 to 8192 bits), P-256, P-384, P-521 or Ed25519 key" : END_ENTITY_KEYS;
  switch (key.kind) {
    case "unsupported":
      return { code: "unsupported-algorithm", expected, presented: key.name };
    case "rsa":
      if (key.bits < 2048 || key.bits > 8192) return { code: "weak-key", expected, presented: `RSA, ${key.bits} bits` };
      // An exponent of 1 makes every signature valid; an even one has no inverse. More than 32 bits: BoringSSL refuses.
      if ((at(key.exponent, key.exponent.length - 1) & 1) === 0 || isOne(key.exponent) || key.exponent.length > 4) {
        return { code: "weak-key", expected: "an odd RSA exponent from 3 to 2^32", presented: "another RSA exponent" };
      }
      if ((at(key.modulus, key.modulus.length - 1) & 1) === 0) {
        return { code: "weak-key", expected: "an odd RSA modulus", presented: "an even RSA modulus" };
      }
      return null;
    case "ec":
      // ring verifies no P-521 handshake signature, so no backend could prove possession.
      return key.curve === "P-521" && role === "end-entity"
        ? { code: "unsupported-algorithm", expected, presented: "P-521" }
        : null;
    case "ed25519":
      return key.smallOrder
        ? { code: "weak-key", expected: "an Ed25519 key of full order", presented: "one of small order" }
        : null;
  }
}

const END_ENTITY_KEYS = "an RSA (2048 to 8192 bits), P-256, P-384 or Ed25519 key";

const isOne = (value: Uint8Array): boolean => value.length === 1 && value[0] === 1;

/** For people. */
export function describeAlgorithm(algorithm: SignatureAlgorithm): string {
  switch (algorithm.kind) {
    case "rsa-pkcs1":
      return `RSA PKCS#1 with ${algorithm.hash}`;
    case "rsa-pss":
      return `RSA-PSS with ${algorithm.hash}`;
    case "ecdsa":
      return `ECDSA with ${algorithm.hash}`;
    case "ed25519":
      return "Ed25519";
    case "unsupported":
      return algorithm.name;
  }
}
