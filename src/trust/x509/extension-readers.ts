/** One reader for each extension of RFC 5280 §4.2 that decides something. */
import { DerError, DerReader, TAG, context } from "./der.ts";
import { readDistributionPoint } from "./distribution-points.ts";
import { EXTENSION, type Fields, noFields } from "./extension-fields.ts";
import { readGeneralName } from "./general-names.ts";
import { readNameConstraints } from "./name-constraints.ts";
import { checkNested } from "./nested.ts";

/**
 * How a certificate is read. `strict`: all of it, as a presented one. `anchor`: a trust anchor is a name and a key
 * with their constraints (RFC 5280 §6.1.1 (d)), so an extension with another content may be malformed and is then
 * passed over.
 */
export type ReadingMode = "strict" | "anchor";

/** How one extension is read. */
interface Reader {
  /** Whether the extension is processed, so that it may be critical. */
  readonly processed: boolean;
  /**
   * Whether the extension decides nothing in an anchor, because it is about the anchor's own issuer, revocation or
   * names.
   */
  readonly optionalInAnchor?: true;
  readonly read: (value: DerReader, into: Fields, reading: ReadingMode) => void;
}

/** The readers by object identifier. authorityInfoAccess is only checked: trust/ fetches nothing. */
export const READERS: Readonly<Record<string, Reader>> = {
  [EXTENSION.subjectKeyIdentifier]: {
    processed: true,
    optionalInAnchor: true,
    read: (value, into) => {
      into.subjectKeyIdentifier = value.contents(value.expect(TAG.octetString, "subjectKeyIdentifier"));
    },
  },
  [EXTENSION.keyUsage]: {
    processed: true,
    read: (value, into, reading) => {
      into.keyUsage = value.namedBits("keyUsage", TAG.bitString, reading === "strict" ? "DER" : "BER");
      // RFC 5280 §4.2.1.3: at least one bit MUST be set.
      if (into.keyUsage === 0) throw new DerError("keyUsage is empty");
    },
  },
  [EXTENSION.subjectAltName]: {
    processed: true,
    optionalInAnchor: true,
    read: (value, into) => {
      into.subjectAltNames = readList(value, "subjectAltName", (list) =>
        readGeneralName(list, "name", "subjectAltName"),
      );
    },
  },
  [EXTENSION.basicConstraints]: { processed: true, read: readBasicConstraints },
  [EXTENSION.nameConstraints]: {
    processed: true,
    read: (value, into) => {
      into.nameConstraints = readNameConstraints(value);
    },
  },
  [EXTENSION.crlDistributionPoints]: {
    processed: false,
    optionalInAnchor: true,
    read: (value, into) => {
      into.crlDistributionPoints = readList(value, "cRLDistributionPoints", readDistributionPoint);
    },
  },
  [EXTENSION.certificatePolicies]: { processed: true, read: readPolicies },
  [EXTENSION.policyMappings]: {
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
  [EXTENSION.authorityKeyIdentifier]: { processed: true, optionalInAnchor: true, read: readAuthorityKeyIdentifier },
  [EXTENSION.policyConstraints]: { processed: true, read: readPolicyConstraints },
  [EXTENSION.extendedKeyUsage]: {
    processed: true,
    read: (value, into) => {
      into.extendedKeyUsage = readList(value, "extKeyUsage", (list) => list.oid("extKeyUsage"));
    },
  },
  [EXTENSION.inhibitAnyPolicy]: {
    processed: true,
    read: (value, into) => {
      into.inhibitAnyPolicy = value.smallInteger("inhibitAnyPolicy");
    },
  },
  [EXTENSION.tlsFeature]: {
    processed: true,
    read: (value, into) => {
      into.tlsFeatures = readList(value, "TLS feature", readTlsFeature);
    },
  },
  [EXTENSION.authorityInfoAccess]: {
    processed: false,
    optionalInAnchor: true,
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

/** Reads the number of a TLS extension, which has two octets (RFC 7633 §4.1). */
function readTlsFeature(list: DerReader): number {
  const feature = list.smallInteger("TLS feature");
  if (feature > 0xffff) throw new DerError("TLS feature is out of range");
  return feature;
}

/** Whether an extension can be read: tried on a copy, so that a malformed one sets no field. */
export function isReadable({ bytes, pos, end }: DerReader, oid: string, reader: Reader): boolean {
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

/** Reads `SEQUENCE SIZE (1..MAX) OF`. */
function readList<T>(value: DerReader, what: string, item: (list: DerReader) => T): T[] {
  const list = value.enter(TAG.sequence, what);
  if (list.empty) throw new DerError(`${what} is empty`);
  const items: T[] = [];
  while (!list.empty) items.push(item(list));
  return items;
}

/** Reads basicConstraints (RFC 5280 §4.2.1.9). */
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

/**
 * Reads certificatePolicies (RFC 5280 §4.2.1.4). Qualifiers do not matter to validation and are only checked to be
 * DER.
 */
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

/** Reads policyConstraints (RFC 5280 §4.2.1.11). */
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

/** Reads authorityKeyIdentifier (RFC 5280 §4.2.1.1). */
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
