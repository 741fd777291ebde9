/** Keeps parsed certificates: parsing is the main cost of a verdict, so it is done once for each certificate. */
import { BitString } from "asn1js";
import type { AlgorithmIdentifier, Certificate as PkiCertificate, PublicKeyInfo } from "pkijs";
import type { Budget } from "../budget.ts";
import { type Certificate, type Parsed, parseCertificate } from "../x509/certificate.ts";
import { latin1 } from "../x509/directory-strings.ts";
import { WEBCRYPTO_RSA_BITS, copyForWebCrypto, registerAlgorithm, registerKey, toPki, trustEngine } from "./engine.ts";
import { exponentCost } from "./rsa.ts";

const MAX_ISSUER_KEYS = 128;

/** A parsed certificate, with the results of verifications that are the same under every policy. */
export class KnownCertificate {
  readonly certificate: Certificate;
  /**
   * Whether the signature verifies, by the issuer's SubjectPublicKeyInfo: certificates with one key need one
   * verification.
   */
  readonly #verified = new Map<string, boolean>();
  #keyId: string | null = null;
  #key: PublicKeyInfo | null = null;
  #pki: PkiCertificate | null | undefined;

  constructor(certificate: Certificate) {
    this.certificate = certificate;
  }

  /** The certificate as PKI.js parses it, at first use; null when PKI.js refuses what lasthop's parser accepted. */
  get pki(): PkiCertificate | null {
    if (this.#pki === undefined) this.#pki = toPki(this.certificate);
    return this.#pki;
  }

  /** The certificate's key, as the PKI.js engine takes it. */
  get key(): PublicKeyInfo {
    this.#key ??= registerKey(this.certificate);
    return this.#key;
  }

  /** The key as a map key: equal for equal SubjectPublicKeyInfos. */
  get keyId(): string {
    this.#keyId ??= latin1(this.certificate.spki);
    return this.#keyId;
  }

  /** Whether `issuer`'s key signed this certificate. Null: over budget. */
  async isSignedBy(issuer: KnownCertificate, budget: Budget): Promise<boolean | null> {
    const remembered = this.#verified.get(issuer.keyId);
    if (remembered !== undefined) return remembered;
    const { tbs, signature, signatureAlgorithm } = this.certificate;
    if (!spendOnSignature(tbs, issuer.certificate, budget)) return null;
    // The parts are those that lasthop's parser found: PKI.js parses no certificate before a path has reached an
    // anchor.
    const bits = new BitString({ valueHex: copyForWebCrypto(signature) });
    const verified = await verifySignature(tbs, bits, registerAlgorithm(signatureAlgorithm), issuer);
    // The results are bounded: any number of issuers may bear the name of a remembered certificate's issuer.
    if (this.#verified.size >= MAX_ISSUER_KEYS) this.#verified.clear();
    this.#verified.set(issuer.keyId, verified);
    return verified;
  }
}

/** Verifies a signed object with the key of an issuer. False also when the key cannot be used. */
export async function verifySignature(
  signed: Uint8Array,
  signature: BitString,
  algorithm: AlgorithmIdentifier,
  issuer: KnownCertificate,
): Promise<boolean> {
  try {
    return await trustEngine().verifyWithPublicKey(copyForWebCrypto(signed), signature, issuer.key, algorithm);
  } catch {
    return false; // WebCrypto throws on a key that is no point of its curve and the like: it verifies nothing
  }
}

/** The number of octets that are copied and hashed at the cost of reading one. */
const HASHED_PER_OCTET = 32;

/** Charges one verification over `signed`; false: over budget. */
const spendOnSignature = (signed: Uint8Array, issuer: Certificate, budget: Budget): boolean =>
  spendOnHash(signed, budget) && budget.spend("signatures", signatureCost(issuer));

/** Charges the copy and the digest of what was signed. False: over budget. */
export const spendOnHash = (signed: Uint8Array, budget: Budget): boolean =>
  budget.spend("octets", Math.ceil(signed.length / HASHED_PER_OCTET));

/** What one verification with the certificate's key costs, measured on one core, in units of one with P-256. */
export function signatureCost({ key }: Certificate): number {
  if (key.kind === "ec") return key.curve === "P-256" ? 1 : key.curve === "P-384" ? 4 : 8;
  if (key.kind !== "rsa") return 1;
  const base = key.bits > WEBCRYPTO_RSA_BITS ? 8 : 1;
  return Math.max(base, Math.ceil(base * exponentCost(key.exponent)));
}

/**
 * Octets of remembered certificates. With PKI.js's objects a certificate takes some twenty times its size in memory.
 */
const MAX_STORED_BYTES = 512 * 1024;

/**
 * A store of parsed certificates by their SHA-256, the least recently used out first. Verifiers of several policies
 * may share one store.
 */
export class CertificateStore {
  readonly #byDigest = new Map<string, KnownCertificate>();
  readonly #sha256: (bytes: Uint8Array) => Uint8Array;
  #bytes = 0;

  constructor(sha256: (bytes: Uint8Array) => Uint8Array) {
    this.#sha256 = sha256;
  }

  /** The certificate with these bytes: the remembered one, or newly parsed. Reading does not remember it. */
  read(der: Uint8Array): Parsed<KnownCertificate> {
    const digest = digestKey(this.#sha256(der));
    const known = this.#byDigest.get(digest);
    if (known !== undefined) {
      this.#byDigest.delete(digest);
      this.#byDigest.set(digest, known);
      return { kind: "parsed", value: known };
    }
    const parsed = parseCertificate(der.slice());
    return parsed.kind === "parsed" ? { kind: "parsed", value: new KnownCertificate(parsed.value) } : parsed;
  }

  /**
   * Remembers a certificate. Callers give only certificates of verified paths and anchors, so that a peer without a
   * valid chain cannot fill the store.
   */
  remember(known: KnownCertificate): void {
    const { der } = known.certificate;
    const digest = digestKey(this.#sha256(der));
    if (this.#byDigest.has(digest)) return;
    this.#byDigest.set(digest, known);
    this.#bytes += der.length;
    for (const [oldest, { certificate }] of this.#byDigest) {
      if (this.#bytes <= MAX_STORED_BYTES) break;
      this.#byDigest.delete(oldest);
      this.#bytes -= certificate.der.length;
    }
  }
}

/** A SHA-256 digest as a map key: all of it, two octets a character. */
export function digestKey(digest: Uint8Array): string {
  const view = new DataView(digest.buffer, digest.byteOffset, digest.byteLength);
  let key = "";
  for (let offset = 0; offset + 1 < digest.length; offset += 2) key += String.fromCharCode(view.getUint16(offset));
  return key;
}
