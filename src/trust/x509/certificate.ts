/**
 * Reads one certificate strictly (RFC 5280 §4.1). Whether the certificate may stand in a path is decided in
 * path/build.ts and checks/single-certificate.ts.
 */
import { sameBytes } from "../../bundle/bytes.ts";
import { DerError, DerReader, TAG, context } from "./der.ts";
import { type DistinguishedName, readName } from "./distinguished-names.ts";
import type { Extensions } from "./extension-fields.ts";
import type { ReadingMode } from "./extension-readers.ts";
import { readExtensions } from "./extensions.ts";
import { isSameName } from "./name-comparison.ts";
import { type PublicKey, readPublicKey } from "./public-keys.ts";
import { type SignatureAlgorithm, readSignatureAlgorithm } from "./signature-algorithms.ts";
import { readTime } from "./time.ts";

/** A parsed certificate. Every byte string in it shares memory with `der`. */
export interface Certificate extends Extensions {
  /** The certificate as it was read. Nobody may write to it. */
  readonly der: Uint8Array;
  /** The tbsCertificate, which the issuer signed. */
  readonly tbs: Uint8Array;
  readonly version: 1 | 2 | 3;
  /** The octets of the serial number's INTEGER, sign octet included. */
  readonly serial: Uint8Array;
  readonly signatureAlgorithm: SignatureAlgorithm;
  readonly signature: Uint8Array;
  readonly issuer: DistinguishedName;
  readonly subject: DistinguishedName;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  /** Whether a date before 2050 is written as GeneralizedTime, which RFC 5280 §4.1.2.5 forbids. */
  readonly earlyGeneralizedTime: boolean;
  /** The DER SubjectPublicKeyInfo. */
  readonly spki: Uint8Array;
  readonly key: PublicKey;
  /** Whether issuer and subject are shown to be the same name (RFC 5280 §3.3). Compared at first use. */
  readonly selfIssued: boolean;
  /** Whether the certificate has an issuerUniqueID or a subjectUniqueID. */
  readonly uniqueIdentifiers: boolean;
}

/** What a parser answers: the value, or why the bytes are not one, for people. */
export type Parsed<T> =
  | { readonly kind: "parsed"; readonly value: T }
  | { readonly kind: "malformed"; readonly why: string };

/** Parses one certificate. Whatever is not strict DER of the form of RFC 5280 is malformed. */
export function parseCertificate(der: Uint8Array): Parsed<Certificate> {
  return parsing(() => readCertificate(der, "strict"));
}

/**
 * Parses a certificate that is a trust anchor: strictly, except for what does not matter in an anchor. The signature
 * of an anchor is never checked, so its algorithm may be any; {@link ReadingMode} tells which extensions are read
 * less strictly.
 */
export function parseAnchor(der: Uint8Array): Parsed<Certificate> {
  return parsing(() => readCertificate(der, "anchor"));
}

/** Runs a reader, and turns a DerError that it throws into a value. */
export function parsing<T>(read: () => T): Parsed<T> {
  try {
    return { kind: "parsed", value: read() };
  } catch (error) {
    if (error instanceof DerError) return { kind: "malformed", why: error.message };
    throw error;
  }
}

function readCertificate(der: Uint8Array, reading: ReadingMode): Certificate {
  const file = new DerReader(der);
  const outer = file.enter(TAG.sequence, "Certificate");
  file.finish("Certificate");
  const tbsElement = outer.expect(TAG.sequence, "tbsCertificate");
  const outerAlgorithm = outer.expect(TAG.sequence, "signatureAlgorithm");
  const signature = outer.octetBits("signatureValue");
  outer.finish("Certificate");

  const tbs = new DerReader(der, tbsElement.content, tbsElement.end);
  const version = readVersion(tbs);
  const serial = tbs.integer("serialNumber");
  const innerAlgorithm = tbs.expect(TAG.sequence, "signature");
  // RFC 5280 §4.1.1.2: the same algorithm identifier inside and outside.
  if (!sameBytes(outer.whole(outerAlgorithm), tbs.whole(innerAlgorithm))) {
    throw new DerError("signatureAlgorithm differs inside and outside");
  }
  const signatureAlgorithm =
    reading === "strict"
      ? readSignatureAlgorithm(new DerReader(der, outerAlgorithm.content, outerAlgorithm.end))
      : UNREAD_ALGORITHM;
  const issuer = readName(tbs, "issuer");
  // RFC 5280 §4.1.2.4: the issuer MUST contain a non-empty distinguished name.
  if (issuer.rdns.length === 0) throw new DerError("issuer is empty");
  const validity = tbs.enter(TAG.sequence, "validity");
  const notBefore = readTime(validity, "notBefore");
  const notAfter = readTime(validity, "notAfter");
  validity.finish("validity");
  const subject = readName(tbs, "subject");
  const spkiElement = tbs.expect(TAG.sequence, "subjectPublicKeyInfo");
  const key = readPublicKey(new DerReader(der, spkiElement.content, spkiElement.end));
  const uniqueIdentifiers = readUniqueIds(tbs, version);
  const extensions = readExtensionField(tbs, version, reading);
  tbs.finish("tbsCertificate");
  // RFC 5280 §4.1.2.6: a CA's subject MUST contain a non-empty distinguished name.
  if (extensions.basicConstraints?.ca === true && subject.rdns.length === 0)
    throw new DerError("a CA's subject is empty");

  let selfIssued: boolean | undefined;
  return {
    ...extensions,
    der,
    tbs: outer.whole(tbsElement),
    version,
    serial,
    signatureAlgorithm,
    signature,
    issuer,
    subject,
    notBeforeMs: notBefore.ms,
    notAfterMs: notAfter.ms,
    earlyGeneralizedTime: notBefore.early || notAfter.early,
    spki: tbs.whole(spkiElement),
    key,
    get selfIssued() {
      selfIssued ??= isSameName(issuer, subject);
      return selfIssued;
    },
    uniqueIdentifiers,
  };
}

/** An anchor's own signature is never verified, so its algorithm is not read. */
const UNREAD_ALGORITHM = { kind: "unsupported", name: "an algorithm that was not read" } as const;

/** Reads the version (RFC 5280 §4.1.2.1). Version 1 is the default, which DER never encodes. */
function readVersion(tbs: DerReader): 1 | 2 | 3 {
  const field = tbs.optional(context(0, true), "version");
  if (field === null) return 1;
  const number = field.smallInteger("version");
  field.finish("version");
  if (number !== 1 && number !== 2) throw new DerError(`version is encoded as ${number}`);
  return number === 1 ? 2 : 3;
}

/**
 * Passes over unique identifiers, and tells whether there were any. Only versions 2 and 3 may have them (RFC 5280
 * §4.1.2.8), and nothing uses them.
 */
function readUniqueIds(tbs: DerReader, version: number): boolean {
  let found = false;
  for (const number of [1, 2]) {
    if (tbs.peek() !== context(number, false)) continue;
    if (version === 1) throw new DerError("a version 1 certificate has a unique identifier");
    tbs.next("uniqueIdentifier");
    found = true;
  }
  return found;
}

function readExtensionField(tbs: DerReader, version: number, reading: ReadingMode): Extensions {
  const field = tbs.optional(context(3, true), "extensions");
  if (field === null) return readExtensions(null, reading);
  // RFC 5280 §4.1.2.9: only in version 3.
  if (version !== 3) throw new DerError(`a version ${version} certificate has extensions`);
  const list = field.enter(TAG.sequence, "extensions");
  field.finish("extensions");
  if (list.empty) throw new DerError("extensions is empty");
  return readExtensions(list, reading);
}
