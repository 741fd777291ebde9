/** Keys of every kind, made at run time, with their SubjectPublicKeyInfo and a way to sign. */
import { type KeyObject, constants, createHash, createPublicKey, generateKeyPairSync, sign } from "node:crypto";
import { type Bytes, bytes, int, oid, seq, tlv } from "./der.ts";

/** How a key signs: the AlgorithmIdentifier and the operation. */
export interface Signer {
  readonly algorithm: Bytes;
  readonly sign: (data: Bytes) => Bytes;
}

/** A key pair. `id` is its key identifier. */
export interface Key {
  readonly spki: Bytes;
  readonly signer: Signer;
  readonly id: Bytes;
}

const keyOf = (publicKey: KeyObject, signer: Signer): Key => {
  const spki = new Uint8Array(publicKey.export({ format: "der", type: "spki" }));
  return { spki, signer, id: new Uint8Array(createHash("sha256").update(spki).digest().subarray(0, 20)) };
};

const ECDSA_OIDS = {
  "SHA-256": "1.2.840.10045.4.3.2",
  "SHA-384": "1.2.840.10045.4.3.3",
  "SHA-512": "1.2.840.10045.4.3.4",
};

type Hash = keyof typeof ECDSA_OIDS;

/** An ECDSA key. */
export function ecKey(curve = "P-256", hash: Hash = "SHA-256"): Key {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: curve });
  return keyOf(publicKey, {
    algorithm: seq(oid(ECDSA_OIDS[hash])),
    sign: (data) => new Uint8Array(sign(hash.replace("-", ""), data, privateKey)),
  });
}

/** An Ed25519 key. */
export function edKey(): Key {
  const { privateKey, publicKey } = generateKeyPairSync("ed25519");
  return keyOf(publicKey, {
    algorithm: seq(oid("1.3.101.112")),
    sign: (data) => new Uint8Array(sign(null, data, privateKey)),
  });
}

const RSA_OIDS: Record<string, string> = {
  SHA1: "1.2.840.113549.1.1.5",
  SHA256: "1.2.840.113549.1.1.11",
  SHA384: "1.2.840.113549.1.1.12",
  SHA512: "1.2.840.113549.1.1.13",
};

/** An RSA key that signs with PKCS#1 v1.5. */
export function rsaKey(bits: number, hash = "SHA256", exponent = 65537): Key {
  const { privateKey, publicKey } = generateKeyPairSync("rsa", { modulusLength: bits, publicExponent: exponent });
  return keyOf(publicKey, {
    algorithm: seq(oid(RSA_OIDS[hash] ?? ""), bytes(5, 0)),
    sign: (data) => new Uint8Array(sign(hash, data, privateKey)),
  });
}

/** An RSA key that signs with PSS and SHA-256 (RFC 4055 §3.1); its hashes have NULL parameters, or none. */
export function pssKey(saltLength = 32, parameters = bytes(5, 0)): Key {
  const { privateKey, publicKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const hash = seq(oid("2.16.840.1.101.3.4.2.1"), parameters);
  const mask = seq(oid("1.2.840.113549.1.1.8"), hash);
  const salt = tlv(0xa2, int(saltLength));
  return keyOf(publicKey, {
    algorithm: seq(oid("1.2.840.113549.1.1.10"), seq(tlv(0xa0, hash), tlv(0xa1, mask), salt)),
    sign: (data) => {
      const key = { key: privateKey, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength };
      return new Uint8Array(sign("sha256", data, key));
    },
  });
}

/** Raw SPKI of a key that is only carried, never used. */
export function bareKey(spki: Bytes): Key {
  return { ...ecKey(), spki };
}

/** The public key of a DER SubjectPublicKeyInfo. */
export const publicKeyOf = (spki: Bytes): KeyObject =>
  createPublicKey({ key: Buffer.from(spki), format: "der", type: "spki" });
