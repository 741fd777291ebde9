/** Certificates that were read before: parsing is the cost, so it is done once for each. */
import { BitString } from "asn1js";
import type { AlgorithmIdentifier, Certificate as PkiCertificate, PublicKeyInfo } from "pkijs";
import type { Budget } from "../budget.ts";
import { type Certificate, type Parsed, parseCertificate } from "../x509/certificate.ts";
import { latin1 } from "../x509/directory-strings.ts";
import { WEBCRYPTO_RSA_BITS, copyForWebCrypto, registerAlgorithm, registerKey, toPki, trustEngine } from "./engine.ts";
import { exponentCost } from "./rsa.ts";

const MAX_ISSUER_KEYS = 128;

/** A parsed certificate with what was learned about it. The same under every policy. */
export class KnownCertificate {
  readonly certificate: Certificate;
  /** By the issuer's SubjectPublicKeyInfo: certificates of one key need one verification. */
  readonly #verified = new Map<string, boolean>();
  #keyId: string | null = null;
  #key: PublicKeyInfo | null = null;
  #pki: PkiCertificate | null | undefined;

  constructor(certificate: Certificate) {
    this.certificate = certificate;
  }

  /** PKI.js's view, parsed at first need; null when PKI.js refuses what our reader accepted. */
  get pki(): PkiCertificate | null {
    if (this.#pki === undefined) this.#pki = toPki(this.certificate);
    return this.#pki;
  }

  /** Its key, as PKI.js's engine takes it. */
  get key(): PublicKeyInfo {
    this.#key ??= registerKey(this.certificate);
    return this.#key;
  }

  /** Equal for equal keys. */
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
    // What our reader found: PKI.js need not read a certificate before a path has reached an anchor.
    const bits = new BitString({ valueHex: copyForWebCrypto(signature) });
    const verified = await verifySignature(tbs, bits, registerAlgorithm(signatureAlgorithm), issuer);
    // Bounded: a remembered certificate would collect the keys of whoever bears its issuer's name.
    if (this.#verified.size >= MAX_ISSUER_KEYS) this.#verified.clear();
    this.#verified.set(issuer.keyId, verified);
    return verified;
  }
}

/** PKI.js's verification of a signed object with an issuer's key. */
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

/** Octets that are copied and hashed at the cost of one that is read. */
const HASHED_PER_OCTET = 32;

/** Charges one verification over `signed`; false: over budget. */
const spendOnSignature = (signed: Uint8Array, issuer: Certificate, budget: Budget): boolean =>
  spendOnHash(signed, budget) && budget.spend("signatures", signatureCost(issuer));

/** Charges the copy and the digest of what was signed. */
export const spendOnHash = (signed: Uint8Array, budget: Budget): boolean =>
  budget.spend("octets", Math.ceil(signed.length / HASHED_PER_OCTET));

/** Measured on one core, relative to P-256. */
export function signatureCost({ key }: Certificate): number {
  if (key.kind === "ec") return key.curve === "P-256" ? 1 : key.curve === "P-384" ? 4 : 8;
  if (key.kind !== "rsa") return 1;
  const base = key.bits > WEBCRYPTO_RSA_BITS ? 8 : 1;
  return Math.max(base, Math.ceil(base * exponentCost(key.exponent)));
}

/** Bytes of certificates remembered; with PKI.js's objects a certificate takes some twenty times its size. */
const MAX_STORED_BYTES = 512 * 1024;

/** Remembers certificates by their SHA-256, least recently used out first. Safe to share between policies. */
export class CertificateStore {
  readonly #byDigest = new Map<string, KnownCertificate>();
  readonly #sha256: (bytes: Uint8Array) => Uint8Array;
  #bytes = 0;

  constructor(sha256: (bytes: Uint8Array) => Uint8Array) {
    this.#sha256 = sha256;
  }

  /** The certificate with these bytes, remembered or read. Reading does not remember it. */
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

  /** Only certificates of verified paths are remembered, so that nobody without a valid chain fills the store. */
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
