/** Distribution points: where a certificate says that its CRLs are, and which one a CRL says that it is (RFC 5280). */
import { DerReader, TAG, context } from "./der.ts";
import { type DistinguishedName, isSameName, readName } from "./dn.ts";
import { type GeneralName, readGeneralName } from "./names.ts";

/** DistributionPointName: names, or one RDN (its contents) below the name of the CRL issuer. */
export type PointName =
  | { readonly kind: "full"; readonly names: readonly GeneralName[] }
  | { readonly kind: "relative"; readonly rdn: Uint8Array };

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

/** Reads a DistributionPointName: also the one in a CRL's issuingDistributionPoint. */
export function readPointName(field: DerReader, what: string): PointName {
  let name: PointName;
  if (field.peek() === context(0, true)) {
    name = { kind: "full", names: readNames(field.enter(context(0, true), what), what) };
  } else {
    const element = field.expect(context(1, true), what);
    const rdn = field.contents(element);
    // That it is an RDN; below which name it stands is not known here.
    readName(new DerReader(nameOf(new Uint8Array(), rdn)), what);
    name = { kind: "relative", rdn };
  }
  field.finish(what);
  return name;
}

/** A point's names; `issuer` is the CRL issuer below whose name a relative one stands. */
export function pointNames(name: PointName, issuer: DistinguishedName): readonly GeneralName[] {
  if (name.kind === "full") return name.names;
  const parent = new DerReader(issuer.der).enter(TAG.sequence, "issuer").rest();
  const value = readName(new DerReader(nameOf(parent, name.rdn)), "nameRelativeToCRLIssuer");
  return [{ type: "directory", value }];
}

/** Names in the points of a certificate: each is compared with those of each list. */
export const countNames = (points: readonly DistributionPoint[]): number =>
  points.reduce(
    (sum, { name, issuers }) => sum + (name?.kind === "full" ? name.names.length : 1) + (issuers?.length ?? 0),
    0,
  );

/** Whether two lists of names have one in common: a directory name, or the same characters of another type. */
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

/** The DER of a Name: RDNs, and one more of the given contents. */
function nameOf(rdns: Uint8Array, last: Uint8Array): Uint8Array {
  return element(TAG.sequence, [rdns, element(TAG.set, [last])]);
}

function element(tag: number, parts: readonly Uint8Array[]): Uint8Array {
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  const octets: number[] = [];
  for (let rest = length; rest > 0; rest = Math.floor(rest / 256)) octets.unshift(rest % 256);
  const header = length < 0x80 ? [tag, length] : [tag, 0x80 | octets.length, ...octets];
  const der = new Uint8Array(header.length + length);
  der.set(header);
  let at = header.length;
  for (const part of parts) {
    der.set(part, at);
    at += part.length;
  }
  return der;
}
