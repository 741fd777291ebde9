/**
 * Distribution points (RFC 5280 §4.2.1.13, §5.2.5): where a certificate says that CRLs about it are, and which of
 * these points a CRL says it is.
 */
import { type DerReader, TAG, context } from "./der.ts";
import { type DistinguishedName, type Rdn, readRdn } from "./distinguished-names.ts";
import { type GeneralName, readGeneralName } from "./general-names.ts";
import { compareRdns, isNameBelow, isSameName } from "./name-comparison.ts";

/** DistributionPointName: general names, or one RDN that is appended to the name of the CRL issuer. */
export type PointName =
  | { readonly kind: "full"; readonly names: readonly GeneralName[] }
  | { readonly kind: "relative"; readonly rdn: Rdn };

/** One entry of cRLDistributionPoints (RFC 5280 §4.2.1.13). */
export interface DistributionPoint {
  readonly name: PointName | null;
  /** ReasonFlags: bit 0 is 0x8000; null: all reasons. */
  readonly reasons: number | null;
  /** cRLIssuer; null: the issuer of the certificate. */
  readonly issuers: readonly GeneralName[] | null;
}

/** Every reason of ReasonFlags, bits 1 to 8. */
export const ALL_REASONS = 0x7f80;

/** Reads one DistributionPoint of a certificate. */
export function readDistributionPoint(list: DerReader): DistributionPoint {
  const what = "cRLDistributionPoints";
  const point = list.enter(TAG.sequence, what);
  const field = point.optional(context(0, true), what);
  const name = field === null ? null : readPointName(field, what);
  const reasons = point.peek() === context(1, false) ? point.namedBits(what, context(1, false)) & ALL_REASONS : null;
  const issuer = point.optional(context(2, true), what);
  point.finish(what);
  return { name, reasons, issuers: issuer === null ? null : readNames(issuer, what) };
}

/** Reads a DistributionPointName, of a certificate or of a CRL's issuingDistributionPoint. */
export function readPointName(field: DerReader, what: string): PointName {
  let name: PointName;
  if (field.peek() === context(0, true)) {
    name = { kind: "full", names: readNames(field.enter(context(0, true), what), what) };
  } else {
    name = { kind: "relative", rdn: readRdn(field.enter(context(1, true), what), what).rdn };
  }
  field.finish(what);
  return name;
}

/**
 * Whether two distribution points are the same. `issuer` is the CRL issuer, to whose name a relative one is
 * appended.
 */
export function isSamePoint(one: PointName, other: PointName, issuer: DistinguishedName): boolean {
  if (one.kind === "relative") {
    return other.kind === "relative"
      ? compareRdns(one.rdn, other.rdn) === "same"
      : other.names.some((name) => name.type === "directory" && isNameBelow(name.value, issuer, one.rdn));
  }
  return other.kind === "relative" ? isSamePoint(other, one, issuer) : shareName(one.names, other.names);
}

/**
 * The number of names in the distribution points of a certificate, each of which is compared with those of each CRL.
 */
export const countNames = (points: readonly DistributionPoint[]): number =>
  points.reduce(
    (sum, { name, issuers }) => sum + (name?.kind === "full" ? name.names.length : 1) + (issuers?.length ?? 0),
    0,
  );

/** Whether two lists share a name: the same directory name, or a name of another type with the same characters. */
export function shareName(some: readonly GeneralName[], others: readonly GeneralName[]): boolean {
  return some.some((one) => others.some((other) => isSame(one, other)));
}

function isSame(one: GeneralName, other: GeneralName): boolean {
  switch (one.type) {
    case "directory":
      return other.type === "directory" && isSameName(one.value, other.value);
    case "uri":
    case "dns":
    case "rfc822":
      return other.type === one.type && other.value === one.value;
    case "ip":
    case "other":
      return false; // No CRL is found by such a name.
  }
}

function readNames(list: DerReader, what: string): GeneralName[] {
  const names: GeneralName[] = [];
  while (!list.empty) names.push(readGeneralName(list, "name", what));
  return names;
}
