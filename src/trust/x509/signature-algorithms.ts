/** Reads signature algorithms. Which ones are verified is the same in every runtime. */
import { HASHES, type Hash, readNull, unsupported } from "./algorithm-identifiers.ts";
import { DerError, type DerReader, TAG, context } from "./der.ts";

/** A signature algorithm with its parameters. */
export type SignatureAlgorithm =
  | { readonly kind: "rsa-pkcs1"; readonly hash: Hash }
  | {
      readonly kind: "rsa-pss";
      readonly hash: Hash;
      readonly saltLength: number;
      /**
       * Whether the parameters are those RFC 4055 §3.1 recommends: the salt as long as the hash, and both hashes
       * with NULL parameters.
       */
      readonly usual: boolean;
    }
  | { readonly kind: "ecdsa"; readonly hash: Hash }
  | { readonly kind: "ed25519" }
  /** An algorithm that is weak or not known, never verified; `name` is for people. */
  | { readonly kind: "unsupported"; readonly name: string };

const RSA_PSS = "1.2.840.113549.1.1.10";
const MGF1 = "1.2.840.113549.1.1.8";
/** id-Ed25519 (RFC 8410 §3): the same object identifier names the key and the signature algorithm. */
export const ED25519 = "1.3.101.112";

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

/**
 * Reads the contents of the AlgorithmIdentifier of a signature. Refuses parameters that the algorithm does not
 * define.
 */
export function readSignatureAlgorithm(reader: DerReader): SignatureAlgorithm {
  const oid = reader.oid("signatureAlgorithm");
  const pkcs1 = RSA_PKCS1[oid];
  if (pkcs1 !== undefined) {
    // RFC 4055 §5: the parameters are NULL, and absent ones must be accepted too.
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

/**
 * Reads RSASSA-PSS-params (RFC 4055 §3.1). The defaults mean SHA-1, which is refused; the mask must use the same
 * hash.
 */
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

/** The name of an algorithm, for people. */
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
