/** Reads public keys, and decides which ones are used: the same in every runtime. */
import { hex } from "../../bundle/bytes.ts";
import { readNull, unsupported } from "./algorithm-identifiers.ts";
import { DerError, DerReader, TAG, at } from "./der.ts";
import { ED25519 } from "./signature-algorithms.ts";

/** The elliptic curves of ECDSA keys. */
export type Curve = "P-256" | "P-384" | "P-521";

/** A public key. `bits` is the length of the RSA modulus; modulus and exponent are big-endian without a sign octet. */
export type PublicKey =
  | { readonly kind: "rsa"; readonly bits: number; readonly modulus: Uint8Array; readonly exponent: Uint8Array }
  | { readonly kind: "ec"; readonly curve: Curve }
  | { readonly kind: "ed25519"; readonly smallOrder: boolean }
  | { readonly kind: "unsupported"; readonly name: string };

const RSA_ENCRYPTION = "1.2.840.113549.1.1.1";

const EC_PUBLIC_KEY = "1.2.840.10045.2.1";

const CURVES: Readonly<Record<string, { curve: Curve; bytes: number }>> = {
  "1.2.840.10045.3.1.7": { curve: "P-256", bytes: 32 },
  "1.3.132.0.34": { curve: "P-384", bytes: 48 },
  "1.3.132.0.35": { curve: "P-521", bytes: 66 },
};

/** Reads the contents of a SubjectPublicKeyInfo (RFC 3279 §2.3, RFC 5480 §2, RFC 8410 §4). */
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
 * encoding (RFC 8032 §5.1.3). Node refuses such keys; workerd, Deno and Bun take them (measured). lasthop refuses such
 * keys itself, so that the verdict is the same in every runtime.
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

/** Why a key is not used; null: it is. The key of a `ca` signs certificates, that of an `end-entity` the handshake. */
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
