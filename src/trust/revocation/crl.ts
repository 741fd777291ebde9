/**
 * Reads certificate revocation lists (RFC 5280 §5), in `build` and in every verdict alike. A CRL is used, or it is
 * refused with its reason; then status.ts lets no other CRL decide in its place.
 */
import { sameBytes } from "../../bundle/bytes.ts";
import type { KnownCertificate } from "../signatures/store.ts";
import { parsing } from "../x509/certificate.ts";
import { DerError, DerReader, TAG, context } from "../x509/der.ts";
import { type DistinguishedName, readName } from "../x509/distinguished-names.ts";
import { type SignatureAlgorithm, describeAlgorithm, readSignatureAlgorithm } from "../x509/signature-algorithms.ts";
import { readTime } from "../x509/time.ts";
import { type CrlExtensions, type Revoked, readCrlExtensions, readRevoked } from "./crl-extensions.ts";

/** A CRL that was read whole. Its signature is not yet verified. */
export interface Crl extends CrlExtensions {
  /** The tbsCertList, which the issuer signed. */
  readonly tbs: Uint8Array;
  readonly signatureAlgorithm: SignatureAlgorithm;
  readonly signature: Uint8Array;
  readonly issuer: DistinguishedName;
  readonly thisUpdateMs: number;
  /**
   * nextUpdate in ms since the epoch. RFC 5280 §5.1.2.5 demands this field, without which nothing tells when the CRL is
   * stale.
   */
  readonly nextUpdateMs: number;
  /** The revoked certificates by their issuers: the CRL's own, and in an indirect CRL others. */
  readonly revoked: readonly Revoked[];
  /** Whether the signature verifies with the key of a certificate, for each one that was tried. */
  readonly verifiedBy: WeakMap<KnownCertificate, boolean>;
}

/** The result of reading one CRL that the operator supplied. */
export type CrlReading =
  | { readonly kind: "used"; readonly crl: Crl }
  /**
   * The CRL is refused; `issuer` is null when the issuer could not be read, and the CRL may then be about any
   * certificate. `why` is for people.
   */
  | { readonly kind: "refused"; readonly issuer: DistinguishedName | null; readonly why: string };

/** Reads one DER CertificateList strictly. Never throws, whatever the bytes are. */
export function readCrl(der: Uint8Array): CrlReading {
  let issuer: DistinguishedName | null = null;
  const parsed = parsing(() =>
    readCertificateList(der.slice(), (name) => {
      issuer = name;
    }),
  );
  return parsed.kind === "parsed" ? { kind: "used", crl: parsed.value } : { kind: "refused", issuer, why: parsed.why };
}

/**
 * Reads a CertificateList. `named` is called with the issuer as soon as the issuer is read, so that a CRL refused for a
 * later field still has its issuer.
 */
function readCertificateList(der: Uint8Array, named: (issuer: DistinguishedName) => void): Crl {
  const file = new DerReader(der);
  const outer = file.enter(TAG.sequence, "CertificateList");
  const tbsElement = outer.expect(TAG.sequence, "tbsCertList");
  const tbs = new DerReader(der, tbsElement.content, tbsElement.end);
  const version = tbs.peek() === TAG.integer ? tbs.smallInteger("version") : 0;
  const innerAlgorithm = tbs.expect(TAG.sequence, "signature");
  const issuer = readName(tbs, "issuer");
  named(issuer);
  file.finish("CertificateList");
  const outerAlgorithm = outer.expect(TAG.sequence, "signatureAlgorithm");
  const signature = outer.octetBits("signatureValue");
  outer.finish("CertificateList");
  // §5.1.1.2: the same algorithm identifier inside and outside.
  if (!sameBytes(outer.whole(outerAlgorithm), tbs.whole(innerAlgorithm))) {
    throw new DerError("signatureAlgorithm differs inside and outside");
  }
  const algorithm = readSignatureAlgorithm(new DerReader(der, outerAlgorithm.content, outerAlgorithm.end));
  if (algorithm.kind === "unsupported") {
    throw new DerError(`the CRL is signed with ${describeAlgorithm(algorithm)}, which is not supported`);
  }
  const thisUpdate = readTime(tbs, "thisUpdate");
  if (tbs.peek() !== TAG.utcTime && tbs.peek() !== TAG.generalizedTime) throw new DerError("nextUpdate is missing");
  const nextUpdate = readTime(tbs, "nextUpdate");
  const entries = tbs.optional(TAG.sequence, "revokedCertificates");
  const field = tbs.optional(context(0, true), "crlExtensions");
  tbs.finish("tbsCertList");
  // §5.1.2.1, §5.2: version 2 with extensions, among them cRLNumber, which orders the CRLs of an issuer.
  if (version !== 1 || field === null) throw new DerError("the CRL is not version 2 with extensions");
  const extensions = readCrlExtensions(field);
  return {
    ...extensions,
    tbs: outer.whole(tbsElement),
    signatureAlgorithm: algorithm,
    signature,
    issuer,
    thisUpdateMs: thisUpdate.ms,
    nextUpdateMs: nextUpdate.ms,
    revoked: readRevoked(entries, issuer, extensions),
    verifiedBy: new WeakMap(),
  };
}
