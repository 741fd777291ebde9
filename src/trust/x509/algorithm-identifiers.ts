/** Hashes and names of algorithms, as signature algorithms and public keys use them. */
import { DerError, type DerReader, TAG } from "./der.ts";

/** The hashes that signatures may use. */
export type Hash = "SHA-256" | "SHA-384" | "SHA-512";

/** The hashes by their object identifiers. */
export const HASHES: Readonly<Record<string, Hash>> = {
  "2.16.840.1.101.3.4.2.1": "SHA-256",
  "2.16.840.1.101.3.4.2.2": "SHA-384",
  "2.16.840.1.101.3.4.2.3": "SHA-512",
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

/** An algorithm that is not supported, with its name for people when it has one here. */
export const unsupported = (oid: string) => ({ kind: "unsupported", name: NAMES[oid] ?? oid }) as const;

/** Reads parameters that must be NULL. */
export function readNull(reader: DerReader, what: string): void {
  const element = reader.expect(TAG.null, what);
  if (element.end !== element.content) throw new DerError(`${what} is not NULL`);
}
