/** Reads the extensions of a CRL and of its entries (RFC 5280 §5.2, §5.3). */
import { hex } from "../../bundle/bytes.ts";
import { DerError, type DerReader, TAG, context } from "../x509/der.ts";
import type { DistinguishedName } from "../x509/distinguished-names.ts";
import { ALL_REASONS, type PointName, readPointName } from "../x509/distribution-points.ts";
import { readGeneralName } from "../x509/general-names.ts";
import { readTime } from "../x509/time.ts";

/** What the extensions of a CRL say. */
export interface CrlExtensions extends IssuingDistributionPoint {
  /** The CRL number: a later CRL of the issuer has a higher one (§5.2.3). */
  readonly number: bigint;
  /**
   * The BaseCRLNumber of a delta CRL: its entries are changes since the complete CRL of that number (§5.2.4). Null:
   * this is a complete CRL.
   */
  readonly baseNumber: bigint | null;
  /** The identifier of the key that signed the CRL, which helps to find the key and never decides. */
  readonly keyIdentifier: Uint8Array | null;
}

/** What an issuingDistributionPoint restricts a CRL to (§5.2.5). */
interface IssuingDistributionPoint {
  readonly scope: "all" | "end-entities" | "cas" | "attribute-certificates";
  /** The distribution point whose CRL this is; null: no particular one. */
  readonly point: PointName | null;
  /** The ReasonFlags that the CRL covers. */
  readonly reasons: number;
  /** Whether the CRL may revoke certificates of other issuers. */
  readonly indirect: boolean;
}

/** Certificates that a CRL revokes: those with one of these serial numbers under one of these issuer names. */
export interface Revoked {
  readonly issuers: readonly DistinguishedName[];
  /** Serial numbers in hexadecimal. */
  readonly serials: ReadonlySet<string>;
}

const CRL_EXTENSION = {
  authorityKeyIdentifier: "2.5.29.35",
  number: "2.5.29.20",
  deltaIndicator: "2.5.29.27",
  issuingDistributionPoint: "2.5.29.28",
  reason: "2.5.29.21",
  certificateIssuer: "2.5.29.29",
} as const;

/** The reason removeFromCRL: in a delta CRL, that a certificate is revoked no longer (§5.3.1). */
const REMOVE_FROM_CRL = 8;

/** Reads crlExtensions. */
export function readCrlExtensions(field: DerReader): CrlExtensions {
  const list = field.enter(TAG.sequence, "crlExtensions");
  field.finish("crlExtensions");
  let point: IssuingDistributionPoint = { scope: "all", point: null, reasons: ALL_REASONS, indirect: false };
  let number: bigint | null = null;
  let baseNumber: bigint | null = null;
  let keyIdentifier: Uint8Array | null = null;
  const seen = new Set<string>();
  while (!list.empty) {
    const { oid, critical, value } = readExtension(list, seen);
    switch (oid) {
      case CRL_EXTENSION.issuingDistributionPoint:
        point = readIssuingDistributionPoint(value);
        value.finish("issuingDistributionPoint");
        continue;
      case CRL_EXTENSION.deltaIndicator:
        baseNumber = readNumber(value, "deltaCRLIndicator");
        continue;
    }
    // §5.2: a CRL with a critical extension that is not processed MUST NOT be used. The other extensions MUST be
    // non-critical.
    if (critical) throw new DerError(`critical CRL extension ${oid} is not supported`);
    if (oid === CRL_EXTENSION.number) number = readNumber(value, "cRLNumber");
    if (oid === CRL_EXTENSION.authorityKeyIdentifier) keyIdentifier = readKeyIdentifier(value);
  }
  // §5.2.3: CRL issuers MUST include this extension in all CRLs.
  if (number === null) throw new DerError("the CRL has no cRLNumber");
  return { ...point, number, baseNumber, keyIdentifier };
}

/** Reads revokedCertificates; `list` is null when the field is absent. */
export function readRevoked(
  list: DerReader | null,
  issuer: DistinguishedName,
  { indirect, baseNumber }: CrlExtensions,
): readonly Revoked[] {
  let section = { issuers: [issuer], serials: new Set<string>() };
  const revoked = new Map([["", section]]);
  // §5.1.2.6: the field MUST be absent when no certificate is revoked. OpenSSL writes an empty one, which is read
  // alike.
  list?.each(() => {
    const entry = list.enter(TAG.sequence, "revokedCertificates");
    const serial = hex(entry.integer("userCertificate"));
    readTime(entry, "revocationDate");
    const extensions = entry.optional(TAG.sequence, "crlEntryExtensions");
    entry.finish("revokedCertificates");
    const { reason, issuers: named } = readEntryExtensions(extensions, indirect);
    // §5.3.3: an entry without certificateIssuer has the issuer of the preceding entry.
    if (named !== null) {
      const key = named.map(({ der }) => hex(der)).join(" ");
      section = revoked.get(key) ?? { issuers: named, serials: new Set<string>() };
      revoked.set(key, section);
    }
    // removeFromCRL is passed over: a delta CRL is used only to add revocations to a complete CRL.
    if (reason === REMOVE_FROM_CRL && baseNumber !== null) return;
    section.serials.add(serial);
  });
  return [...revoked.values()];
}

function readEntryExtensions(
  extensions: DerReader | null,
  indirect: boolean,
): { reason: number | null; issuers: DistinguishedName[] | null } {
  let reason: number | null = null;
  let issuers: DistinguishedName[] | null = null;
  if (extensions === null) return { reason, issuers };
  const seen = new Set<string>();
  while (!extensions.empty) {
    const { oid, critical, value } = readExtension(extensions, seen);
    if (oid === CRL_EXTENSION.certificateIssuer) {
      if (!indirect) throw new DerError("the CRL is not indirect and has an entry with certificateIssuer");
      issuers = readCertificateIssuer(value);
    } else if (critical) {
      // §5.3: a CRL with a critical entry extension that is not processed MUST NOT determine the status of any
      // certificate.
      throw new DerError(`critical CRL entry extension ${oid} is not supported`);
    } else if (oid === CRL_EXTENSION.reason) {
      reason = value.smallInteger("reasonCode", TAG.enumerated);
      value.finish("reasonCode");
    }
  }
  return { reason, issuers };
}

/**
 * Reads certificateIssuer (§5.3.3). Only distinguished names are kept, since a certificate's issuer is nothing else.
 */
function readCertificateIssuer(value: DerReader): DistinguishedName[] {
  const names = value.enter(TAG.sequence, "certificateIssuer");
  value.finish("certificateIssuer");
  const issuers: DistinguishedName[] = [];
  while (!names.empty) {
    const name = readGeneralName(names, "name", "certificateIssuer");
    if (name.type === "directory") issuers.push(name.value);
  }
  if (issuers.length === 0) throw new DerError("certificateIssuer has no distinguished name");
  return issuers;
}

/** Reads issuingDistributionPoint (§5.2.5). */
function readIssuingDistributionPoint(value: DerReader): IssuingDistributionPoint {
  const what = "issuingDistributionPoint";
  const fields = value.enter(TAG.sequence, what);
  const name = fields.optional(context(0, true), what);
  const point = name === null ? null : readPointName(name, what);
  const users = fields.defaultFalse(what, context(1, false));
  const cas = fields.defaultFalse(what, context(2, false));
  const some = fields.peek() === context(3, false) ? fields.namedBits(what, context(3, false)) : null;
  const indirect = fields.defaultFalse(what, context(4, false));
  const attributes = fields.defaultFalse(what, context(5, false));
  fields.finish(what);
  // "at most one of onlyContainsUserCerts, onlyContainsCACerts, and onlyContainsAttributeCerts may be set to TRUE".
  if (Number(users) + Number(cas) + Number(attributes) > 1) throw new DerError(`${what} names more than one scope`);
  const scope = users ? "end-entities" : cas ? "cas" : attributes ? "attribute-certificates" : "all";
  return { scope, point, reasons: some === null ? ALL_REASONS : some & ALL_REASONS, indirect };
}

/** Reads the keyIdentifier of authorityKeyIdentifier (§4.2.1.1) and none of its other fields. */
function readKeyIdentifier(value: DerReader): Uint8Array | null {
  const sequence = value.enter(TAG.sequence, "authorityKeyIdentifier");
  return sequence.peek() === context(0, false) ? sequence.contents(sequence.next("authorityKeyIdentifier")) : null;
}

function readNumber(value: DerReader, what: string): bigint {
  const octets = value.integer(what);
  value.finish(what);
  if ((octets[0] ?? 0) >= 0x80) throw new DerError(`${what} is negative`);
  return BigInt(`0x${hex(octets)}`);
}

function readExtension(list: DerReader, seen: Set<string>): { oid: string; critical: boolean; value: DerReader } {
  const extension = list.enter(TAG.sequence, "CRL extension");
  const oid = extension.oid("extnID");
  if (seen.has(oid)) throw new DerError(`CRL extension ${oid} occurs twice`);
  seen.add(oid);
  const critical = extension.defaultFalse("critical");
  const value = extension.enter(TAG.octetString, "extnValue");
  extension.finish("CRL extension");
  return { oid, critical, value };
}
