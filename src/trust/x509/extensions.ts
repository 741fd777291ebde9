/** The extensions of RFC 5280 §4.2 that decide something. Every known one is read whole, critical or not. */
import { DerError, DerReader, TAG, checkNested, context } from "./der.ts";
import { type DistributionPoint, readDistributionPoint } from "./distribution-points.ts";
import { type NameConstraints, readNameConstraints } from "./name-constraints.ts";
import { type GeneralName, readGeneralName } from "./general-names.ts";

export interface Extensions {
  readonly basicConstraints: { readonly ca: boolean; readonly pathLength: number | null } | null;
  /** KeyUsage: bit 0 (digitalSignature) is 0x8000. */
  readonly keyUsage: number | null;
  /** Purposes as dotted OIDs, never empty. */
  readonly extendedKeyUsage: readonly string[] | null;
  /** Never empty when present. */
  readonly subjectAltNames: readonly GeneralName[] | null;
  readonly nameConstraints: NameConstraints | null;
  /** Policy OIDs; null: none asserted. */
  readonly policies: readonly string[] | null;
  readonly policyMappings: readonly (readonly [issuer: string, subject: string])[] | null;
  readonly policyConstraints: {
    readonly requireExplicit: number | null;
    readonly inhibitMapping: number | null;
  } | null;
  readonly inhibitAnyPolicy: number | null;
  readonly authorityKeyIdentifier: {
    readonly keyIdentifier: Uint8Array | null;
    readonly issuer: boolean;
    readonly serial: boolean;
  } | null;
  readonly subjectKeyIdentifier: Uint8Array | null;
  readonly crlDistributionPoints: readonly DistributionPoint[] | null;
  /** TLS extensions that the certificate promises (RFC 7633), such as 5, status_request. */
  readonly tlsFeatures: readonly number[] | null;
  /** OIDs of the critical extensions. */
  readonly critical: ReadonlySet<string>;
  /** The first critical extension this validator does not process; such a certificate is in no path. */
  readonly unknownCritical: string | null;
}

export const OID = {
  subjectKeyIdentifier: "2.5.29.14",
  keyUsage: "2.5.29.15",
  subjectAltName: "2.5.29.17",
  basicConstraints: "2.5.29.19",
  nameConstraints: "2.5.29.30",
  crlDistributionPoints: "2.5.29.31",
  certificatePolicies: "2.5.29.32",
  policyMappings: "2.5.29.33",
  authorityKeyIdentifier: "2.5.29.35",
  policyConstraints: "2.5.29.36",
  extendedKeyUsage: "2.5.29.37",
  inhibitAnyPolicy: "2.5.29.54",
  authorityInfoAccess: "1.3.6.1.5.5.7.1.1",
  tlsFeature: "1.3.6.1.5.5.7.1.24",
} as const;

/** Extensions in one certificate: PKI.js pays for each, and no CA needs more. */
export const MAX_EXTENSIONS = 32;

/**
 * How a certificate is read. `strict`: all of it, as a presented one. `anchor`: a trust anchor is a name and a key with
 * its constraints (RFC 5280 §6.1.1 (d)); an encoding that changes none of these is no reason to do without the anchor.
 */
export type Reading = "strict" | "anchor";

type Fields = { -readonly [Key in Exclude<keyof Extensions, "critical" | "unknownCritical">]: Extensions[Key] };

interface Reader {
  /** So it may be critical. */
  readonly processed: boolean;
  /** Of an anchor it decides nothing: what it says of the path above, or of the anchor's own revocation and names. */
  readonly hint?: true;
  readonly read: (value: DerReader, into: Fields, reading: Reading) => void;
}

/** What is processed, so what may be critical. AIA is only read: nothing here fetches. */
const READERS: Readonly<Record<string, Reader>> = {
  [OID.subjectKeyIdentifier]: {
    processed: true,
    hint: true,
    read: (value, into) => {
      into.subjectKeyIdentifier = value.contents(value.expect(TAG.octetString, "subjectKeyIdentifier"));
    },
  },
  [OID.keyUsage]: {
    processed: true,
    read: (value, into, reading) => {
      into.keyUsage = value.namedBits("keyUsage", TAG.bitString, reading === "strict" ? "DER" : "BER");
      // RFC 5280 §4.2.1.3: at least one bit MUST be set.
      if (into.keyUsage === 0) throw new DerError("keyUsage is empty");
    },
  },
  [OID.subjectAltName]: {
    processed: true,
    hint: true,
    read: (value, into) => {
      into.subjectAltNames = readList(value, "subjectAltName", (list) =>
        readGeneralName(list, "name", "subjectAltName"),
      );
    },
  },
  [OID.basicConstraints]: { processed: true, read: readBasicConstraints },
  [OID.nameConstraints]: {
    processed: true,
    read: (value, into) => {
      into.nameConstraints = readNameConstraints(value);
    },
  },
  [OID.crlDistributionPoints]: {
    processed: false,
    hint: true,
    read: (value, into) => {
      into.crlDistributionPoints = readList(value, "cRLDistributionPoints", readDistributionPoint);
    },
  },
  [OID.certificatePolicies]: { processed: true, read: readPolicies },
  [OID.policyMappings]: {
    processed: true,
    read: (value, into) => {
      into.policyMappings = readList(value, "policyMappings", (list) => {
        const pair = list.enter(TAG.sequence, "policyMappings");
        const mapping = [pair.oid("policyMappings"), pair.oid("policyMappings")] as const;
        pair.finish("policyMappings");
        return mapping;
      });
    },
  },
  [OID.authorityKeyIdentifier]: { processed: true, hint: true, read: readAuthorityKeyIdentifier },
  [OID.policyConstraints]: { processed: true, read: readPolicyConstraints },
  [OID.extendedKeyUsage]: {
    processed: true,
    read: (value, into) => {
      into.extendedKeyUsage = readList(value, "extKeyUsage", (list) => list.oid("extKeyUsage"));
    },
  },
  [OID.inhibitAnyPolicy]: {
    processed: true,
    read: (value, into) => {
      into.inhibitAnyPolicy = value.smallInteger("inhibitAnyPolicy");
    },
  },
  [OID.tlsFeature]: {
    processed: true,
    read: (value, into) => {
      into.tlsFeatures = readList(value, "TLS feature", readTlsFeature);
    },
  },
  [OID.authorityInfoAccess]: {
    processed: false,
    hint: true,
    read: (value) => {
      readList(value, "authorityInfoAccess", (list) => {
        const description = list.enter(TAG.sequence, "authorityInfoAccess");
        description.oid("authorityInfoAccess");
        readGeneralName(description, "name", "authorityInfoAccess");
        description.finish("authorityInfoAccess");
      });
    },
  },
};

/** Reads the contents of Extensions; null: the certificate has none. */
export function readExtensions(list: DerReader | null, reading: Reading): Extensions {
  const fields = noFields();
  const seen = new Set<string>();
  const critical = new Set<string>();
  let unknownCritical: string | null = null;
  list?.each(() => {
    const extension = list.enter(TAG.sequence, "extension");
    const oid = extension.oid("extnID");
    // RFC 5280 §4.2: not more than one instance of a particular extension.
    if (seen.has(oid)) throw new DerError(`extension ${oid} occurs twice`);
    if (seen.add(oid).size > MAX_EXTENSIONS) throw new DerError(`more than ${MAX_EXTENSIONS} extensions`);
    const isCritical = extension.defaultFalse("critical", TAG.boolean, reading === "strict" ? "DER" : "BER");
    const value = extension.enter(TAG.octetString, "extnValue");
    extension.finish("extension");
    const reader = READERS[oid];
    if (isCritical) critical.add(oid);
    if (isCritical && !(reader?.processed ?? false)) unknownCritical ??= oid;
    if (reader === undefined) return;
    if (reading === "anchor" && reader.hint === true && !isWhole(value, oid, reader)) return;
    reader.read(value, fields, reading);
    value.finish(`extension ${oid}`);
  });
  // RFC 7633 §4.2.2: a CA's features bind what it issues, which is not checked. An end entity's are, in revocation/must-staple.ts.
  if (fields.basicConstraints?.ca === true && critical.has(OID.tlsFeature)) unknownCritical ??= OID.tlsFeature;
  return { ...fields, critical, unknownCritical };
}

/** RFC 7633 §4.1: the number of a TLS extension, which has two octets. */
function readTlsFeature(list: DerReader): number {
  const feature = list.smallInteger("TLS feature");
  if (feature > 0xffff) throw new DerError("TLS feature is out of range");
  return feature;
}

const noFields = (): Fields => ({
  basicConstraints: null,
  keyUsage: null,
  extendedKeyUsage: null,
  subjectAltNames: null,
  nameConstraints: null,
  policies: null,
  policyMappings: null,
  policyConstraints: null,
  inhibitAnyPolicy: null,
  authorityKeyIdentifier: null,
  subjectKeyIdentifier: null,
  crlDistributionPoints: null,
  tlsFeatures: null,
});

/** Whether an extension can be read, tried on a copy: what cannot leaves no half of itself behind. */
function isWhole({ bytes, pos, end }: DerReader, oid: string, reader: Reader): boolean {
  const value = new DerReader(bytes, pos, end);
  try {
    reader.read(value, noFields(), "anchor");
    value.finish(`extension ${oid}`);
    return true;
  } catch (error) {
    if (error instanceof DerError) return false;
    throw error;
  }
}

/** `SEQUENCE SIZE (1..MAX) OF`. */
function readList<T>(value: DerReader, what: string, item: (list: DerReader) => T): T[] {
  const list = value.enter(TAG.sequence, what);
  if (list.empty) throw new DerError(`${what} is empty`);
  const items: T[] = [];
  while (!list.empty) items.push(item(list));
  return items;
}

/** RFC 5280 §4.2.1.9. */
function readBasicConstraints(value: DerReader, into: Fields): void {
  const what = "basicConstraints";
  const sequence = value.enter(TAG.sequence, what);
  const ca = sequence.defaultFalse(what);
  const pathLength = sequence.empty ? null : sequence.smallInteger("pathLenConstraint");
  sequence.finish(what);
  // CAs MUST NOT include pathLenConstraint unless the cA boolean is asserted.
  if (!ca && pathLength !== null) throw new DerError("pathLenConstraint without cA");
  into.basicConstraints = { ca, pathLength };
}

/** RFC 5280 §4.2.1.4. Qualifiers say nothing to a validator and are only checked to be DER. */
function readPolicies(value: DerReader, into: Fields): void {
  const what = "certificatePolicies";
  into.policies = readList(value, what, (list) => {
    const information = list.enter(TAG.sequence, what);
    const oid = information.oid(what);
    const qualifiers = information.optional(TAG.sequence, what);
    if (qualifiers !== null) checkNested(qualifiers, 8, what);
    information.finish(what);
    return oid;
  });
  // A certificate policy OID MUST NOT appear more than once.
  if (new Set(into.policies).size !== into.policies.length) throw new DerError(`${what} repeats a policy`);
}

/** RFC 5280 §4.2.1.11. */
function readPolicyConstraints(value: DerReader, into: Fields): void {
  const what = "policyConstraints";
  const sequence = value.enter(TAG.sequence, what);
  if (sequence.empty) throw new DerError(`${what} is empty`);
  const skip = (number: number): number | null => {
    const tag = context(number, false);
    return sequence.peek() === tag ? sequence.smallInteger(what, tag) : null;
  };
  into.policyConstraints = { requireExplicit: skip(0), inhibitMapping: skip(1) };
  sequence.finish(what);
}

/** RFC 5280 §4.2.1.1. */
function readAuthorityKeyIdentifier(value: DerReader, into: Fields): void {
  const what = "authorityKeyIdentifier";
  const sequence = value.enter(TAG.sequence, what);
  const keyIdentifier = sequence.peek() === context(0, false) ? sequence.contents(sequence.next(what)) : null;
  const issuer = sequence.optional(context(1, true), what);
  if (issuer?.empty === true) throw new DerError(`${what} has an empty authorityCertIssuer`);
  issuer?.each((names) => readGeneralName(names, "name", what));
  const serial = sequence.peek() === context(2, false);
  if (serial) sequence.integer(what, context(2, false));
  sequence.finish(what);
  into.authorityKeyIdentifier = { keyIdentifier, issuer: issuer !== null, serial };
}
