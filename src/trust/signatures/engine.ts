/**
 * The PKI.js engine that verifies every signature, limited to the algorithms of x509/signature-algorithms.ts. The
 * engine keeps imported keys, and adds Ed25519 and large RSA keys.
 */
import { type BitString, fromBER } from "asn1js";
import { AlgorithmIdentifier, Certificate as PkiCertificate, CryptoEngine, PublicKeyInfo } from "pkijs";
import { sameBytes } from "../../bundle/bytes.ts";
import { type Certificate, parsing } from "../x509/certificate.ts";
import { DerReader, TAG } from "../x509/der.ts";
import { MAX_ATTRIBUTES } from "../x509/distinguished-names.ts";
import { MAX_EXTENSIONS } from "../x509/extensions.ts";
import { type Curve, type PublicKey, positive } from "../x509/public-keys.ts";
import type { SignatureAlgorithm } from "../x509/signature-algorithms.ts";
import { verifyLargeRsa } from "./rsa.ts";

const COORDINATE_BYTES: Readonly<Record<Curve, number>> = { "P-256": 32, "P-384": 48, "P-521": 66 };

/**
 * The largest RSA modulus, in bits, that Deno's WebCrypto reads. Signatures of larger keys are verified in
 * JavaScript, in every runtime alike.
 */
export const WEBCRYPTO_RSA_BITS = 4096;

interface KnownKey {
  readonly spki: Uint8Array;
  readonly key: PublicKey;
  /**
   * Imported keys by the algorithm they were imported for. Only settled keys are kept: workerd forbids awaiting
   * another request's promise.
   */
  readonly imported: Map<string, CryptoKey>;
}

/** Keys and algorithms as lasthop read them, for the objects that PKI.js hands to the engine. */
const keys = new WeakMap<PublicKeyInfo, KnownKey>();
const algorithms = new WeakMap<AlgorithmIdentifier, SignatureAlgorithm>();

/**
 * Limits of PKI.js's parser: enough for two names, the extensions (four elements each at most) and the fixed fields,
 * which is what lasthop's parser accepts.
 */
const PARSE_LIMITS = {
  parseEmbedded: false,
  maxNodes: 4 * (2 * MAX_ATTRIBUTES + MAX_EXTENSIONS) + 64,
  maxDepth: 24,
} as const;

/**
 * A certificate as PKI.js parses it; null when PKI.js refuses it, or sees other signed bytes than lasthop's parser.
 */
export function toPki(certificate: Certificate): PkiCertificate | null {
  let parsed: PkiCertificate;
  try {
    const asn1 = fromBER(certificate.der, PARSE_LIMITS);
    if (asn1.offset !== certificate.der.length) return null;
    parsed = new PkiCertificate({ schema: asn1.result });
  } catch {
    return null; // both throw on what they cannot read, such as a name whose value is no GeneralizedTime
  }
  if (!sameBytes(parsed.tbsView, certificate.tbs)) return null;
  algorithms.set(parsed.signatureAlgorithm, certificate.signatureAlgorithm);
  return parsed;
}

/**
 * Makes a key for the engine. PKI.js need not parse the certificate of a key that turns out to have signed nothing.
 */
export function registerKey({ spki, key }: Certificate): PublicKeyInfo {
  const info = new PublicKeyInfo();
  keys.set(info, { spki, key, imported: new Map() });
  return info;
}

/** Makes an AlgorithmIdentifier for the engine, for a signature that PKI.js did not parse. */
export function registerAlgorithm(algorithm: SignatureAlgorithm): AlgorithmIdentifier {
  const identifier = new AlgorithmIdentifier({ algorithmId: "0.0" });
  algorithms.set(identifier, algorithm);
  return identifier;
}

/** Verifies with registered keys and algorithms alone. */
class TrustEngine extends CryptoEngine {
  override async verifyWithPublicKey(
    data: BufferSource,
    signature: BitString,
    publicKeyInfo: PublicKeyInfo,
    signatureAlgorithm: AlgorithmIdentifier,
  ): Promise<boolean> {
    const known = keys.get(publicKeyInfo);
    const algorithm = algorithms.get(signatureAlgorithm);
    if (known === undefined || algorithm === undefined) return false;
    return this.check(known, algorithm, signature.valueBlock.valueHexView, data);
  }

  private async check(
    known: KnownKey,
    algorithm: SignatureAlgorithm,
    signature: Uint8Array,
    data: BufferSource,
  ): Promise<boolean> {
    const { key } = known;
    switch (algorithm.kind) {
      case "rsa-pkcs1":
      case "rsa-pss": {
        if (key.kind !== "rsa") return false;
        if (key.bits > WEBCRYPTO_RSA_BITS) return verifyLargeRsa(key, algorithm, { signature, data }, this.subtle);
        const name = algorithm.kind === "rsa-pss" ? "RSA-PSS" : "RSASSA-PKCS1-v1_5";
        const imported = await this.import(known, { name, hash: algorithm.hash });
        const parameters = algorithm.kind === "rsa-pss" ? { name, saltLength: algorithm.saltLength } : { name };
        return this.subtle.verify(parameters, imported, copyForWebCrypto(signature), data);
      }
      case "ecdsa": {
        if (key.kind !== "ec") return false;
        const raw = rawEcdsa(signature, COORDINATE_BYTES[key.curve]);
        if (raw === null) return false;
        const imported = await this.import(known, { name: "ECDSA", namedCurve: key.curve });
        return this.subtle.verify({ name: "ECDSA", hash: algorithm.hash }, imported, raw, data);
      }
      case "ed25519":
        if (key.kind !== "ed25519" || signature.length !== 64) return false;
        return this.subtle.verify(
          "Ed25519",
          await this.import(known, { name: "Ed25519" }),
          copyForWebCrypto(signature),
          data,
        );
      case "unsupported":
        return false;
    }
  }

  private async import(known: KnownKey, algorithm: ImportAlgorithm): Promise<CryptoKey> {
    const id = `${algorithm.name} ${algorithm.hash ?? ""}`;
    const remembered = known.imported.get(id);
    if (remembered !== undefined) return remembered;
    const imported = await this.subtle.importKey("spki", copyForWebCrypto(known.spki), algorithm, false, ["verify"]);
    known.imported.set(id, imported);
    return imported;
  }
}

interface ImportAlgorithm {
  readonly name: string;
  readonly hash?: string;
  readonly namedCurve?: string;
}

let engine: TrustEngine | null = null;

/** The one engine, made at first use: some runtimes have no globalThis.crypto while they load modules. */
export function trustEngine(): TrustEngine {
  engine ??= new TrustEngine({ name: "lasthop", crypto });
  return engine;
}

export type { TrustEngine };

/** ECDSA-Sig-Value (RFC 3279 §2.2.3) as the fixed-length pair WebCrypto takes; null when it is not strict DER. */
function rawEcdsa(signature: Uint8Array, size: number): Uint8Array<ArrayBuffer> | null {
  const parsed = parsing(() => {
    const file = new DerReader(signature);
    const pair = file.enter(TAG.sequence, "signature");
    file.finish("signature");
    const r = positive(pair.integer("r"), "r");
    const s = positive(pair.integer("s"), "s");
    pair.finish("signature");
    return { r, s };
  });
  if (parsed.kind === "malformed" || parsed.value.r.length > size || parsed.value.s.length > size) return null;
  const raw = new Uint8Array(2 * size);
  raw.set(parsed.value.r, size - parsed.value.r.length);
  raw.set(parsed.value.s, 2 * size - parsed.value.s.length);
  return raw;
}

/** A copy in an ArrayBuffer, as WebCrypto's types demand: never in a SharedArrayBuffer. */
export function copyForWebCrypto(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return new Uint8Array(bytes);
}
