/**
 * The issuance rules of the profile `strict`: what RFC 5280 asks of CAs and the CA/Browser Baseline Requirements
 * (BR) ask of certificates, as far as x509-limbo expects a validator to enforce it. A private CA may break these
 * rules without danger, so the profile `private` does not check them. Each rule refuses with the code
 * `issuance-rule` and a name of its own.
 */
import { sameBytes } from "../../bundle/bytes.ts";
import type { Problem, Rule } from "../verdict.ts";
import type { Certificate } from "../x509/certificate.ts";
import { commonNames } from "../x509/distinguished-names.ts";
import { EXTENSION } from "../x509/extension-fields.ts";
import { type GeneralName, describeName, formatIp } from "../x509/general-names.ts";
import { isDnsName } from "../x509/identity.ts";
import { isCritical } from "./single-certificate.ts";

/** Whether a domain name, in lower case, is a public suffix, from either section of the list (ICANN or private). */
export type IsPublicSuffix = (domain: string) => boolean;

/**
 * Checks a path, end entity first, anchor last, and answers the first broken rule with the index of its certificate.
 */
export function checkIssuance(
  path: readonly Certificate[],
  isPublicSuffix: IsPublicSuffix,
): { readonly index: number; readonly problem: Problem } | null {
  for (const [index, certificate] of path.entries()) {
    const anchor = index === path.length - 1;
    const problem =
      checkEveryCertificate(certificate) ??
      // An anchor's serial number is not checked: the operator chose the anchor, and real roots have the serial
      // number 0.
      (anchor && index > 0 ? null : checkSerial(certificate)) ??
      checkKeyIdentifiers(certificate, path[index + 1]) ??
      (index === 0 ? checkServer(certificate, isPublicSuffix) : checkIssuer(certificate, anchor));
    if (problem !== null) return { index, problem };
  }
  return null;
}

const broken = (rule: Rule, expected: string, presented: string): Problem => ({
  code: "issuance-rule",
  rule,
  expected,
  presented,
});

/** Checks the serial number: a positive integer of at most 20 octets (RFC 5280 §4.1.2.2). */
function checkSerial({ serial }: Certificate): Problem | null {
  const first = serial[0] ?? 0;
  return first >= 0x80 || serial.every((octet) => octet === 0) || serial.length > 20
    ? broken("serial", "a positive serial number of at most 20 octets", `${serial.length} octets from ${first}`)
    : null;
}

function checkEveryCertificate(certificate: Certificate): Problem | null {
  const { key } = certificate;
  // BR 6.1.5: an RSA modulus in bits is divisible by 8.
  if (key.kind === "rsa" && key.bits % 8 !== 0) {
    return broken("rsa-modulo-8", "an RSA modulus of whole octets", `RSA, ${key.bits} bits`);
  }
  // RFC 5280 §4.1.2.5: dates through 2049 as UTCTime.
  if (certificate.earlyGeneralizedTime) {
    return broken("early-generalized-time", "dates before 2050 as UTCTime", "GeneralizedTime");
  }
  // RFC 5280 §4.2.1.12 and BR 7.1.2.7.6: extKeyUsage of a TLS server is not critical.
  if (isCritical(certificate, EXTENSION.extendedKeyUsage)) {
    return broken("eku-critical", "extKeyUsage that is not critical", "a critical one");
  }
  // RFC 5280 §4.2.1.6: the alternative name is critical exactly when the subject is empty.
  if (certificate.subjectAltNames !== null) {
    const critical = isCritical(certificate, EXTENSION.subjectAltName);
    const empty = certificate.subject.rdns.length === 0;
    if (empty && !critical)
      return broken("san-not-critical", "a critical subjectAltName beside an empty subject", "not critical");
    if (!empty && critical)
      return broken("san-critical", "a subjectAltName that is not critical beside a subject", "a critical one");
  }
  return null;
}

/** Checks the authority and subject key identifiers (RFC 5280 §4.2.1.1, §4.2.1.2; BR 7.1.2.1.3, 7.1.2.11.1). */
function checkKeyIdentifiers(certificate: Certificate, issuer: Certificate | undefined): Problem | null {
  const { authorityKeyIdentifier: authority, subjectKeyIdentifier: subject } = certificate;
  if (isCritical(certificate, EXTENSION.authorityKeyIdentifier)) {
    return broken("aki-critical", "authorityKeyIdentifier that is not critical", "a critical one");
  }
  if (isCritical(certificate, EXTENSION.subjectKeyIdentifier)) {
    return broken("ski-critical", "subjectKeyIdentifier that is not critical", "a critical one");
  }
  if (certificate.basicConstraints?.ca === true && subject === null) {
    return broken("ski-missing", "subjectKeyIdentifier in a CA certificate", "none");
  }
  if (authority === null) {
    // Only a self-signed certificate may lack authorityKeyIdentifier.
    return certificate.selfIssued && issuer === undefined
      ? null
      : broken("aki-missing", "authorityKeyIdentifier with a keyIdentifier", "none");
  }
  if (authority.keyIdentifier === null || authority.issuer || authority.serial) {
    return broken("aki-form", "authorityKeyIdentifier with a keyIdentifier alone", "another form");
  }
  const signer = issuer === undefined && certificate.selfIssued ? subject : (issuer?.subjectKeyIdentifier ?? null);
  if (signer !== null && !sameBytes(signer, authority.keyIdentifier)) {
    return broken("aki-mismatch", "authorityKeyIdentifier equal to the issuer's subjectKeyIdentifier", "another one");
  }
  return null;
}

function checkIssuer(certificate: Certificate, anchor: boolean): Problem | null {
  // RFC 5280 §4.2.1.9, §4.2.1.10, §4.2.1.11, §4.2.1.14: CAs MUST mark these critical.
  if (certificate.basicConstraints !== null && !isCritical(certificate, EXTENSION.basicConstraints)) {
    return broken("basic-constraints-not-critical", "critical basicConstraints in a CA certificate", "not critical");
  }
  if (certificate.nameConstraints !== null && !isCritical(certificate, EXTENSION.nameConstraints)) {
    return broken("name-constraints-not-critical", "critical nameConstraints", "not critical");
  }
  if (certificate.policyConstraints !== null && !isCritical(certificate, EXTENSION.policyConstraints)) {
    return broken("policy-constraints-not-critical", "critical policyConstraints", "not critical");
  }
  if (certificate.inhibitAnyPolicy !== null && !isCritical(certificate, EXTENSION.inhibitAnyPolicy)) {
    return broken("inhibit-any-policy-not-critical", "critical inhibitAnyPolicy", "not critical");
  }
  // BR 7.1.2.1.2: a root has no purposes of its own.
  const purposes = certificate.extendedKeyUsage;
  if (anchor && certificate.selfIssued && purposes !== null) {
    return broken("root-with-purposes", "a root without extKeyUsage", `extKeyUsage ${purposes.join(", ")}`);
  }
  // RFC 5280 §4.2.1.3: conforming CAs MUST include keyUsage in CA certificates.
  return certificate.keyUsage === null ? broken("ca-key-usage-missing", "keyUsage in a CA certificate", "none") : null;
}

function checkServer(certificate: Certificate, isPublicSuffix: IsPublicSuffix): Problem | null {
  // BR 7.1.2.7.6: extKeyUsage MUST be present.
  if (certificate.extendedKeyUsage === null) return broken("eku-missing", "extKeyUsage with serverAuth", "none");
  const names = certificate.subjectAltNames ?? [];
  for (const name of names) {
    if (name.type !== "dns") continue;
    const lower = name.value.toLowerCase();
    // RFC 5280 §4.2.1.6: the preferred name syntax.
    if (!isDnsName(lower)) return broken("dns-name-syntax", "a dNSName in the preferred name syntax", name.value);
    // BR 3.2.2.6: no wildcard directly above a public suffix.
    if (lower.startsWith("*.") && isPublicSuffix(lower.slice(2))) {
      return broken("public-suffix-wildcard", "a wildcard below a registered domain", name.value);
    }
  }
  // BR 7.1.4.3: a character-for-character copy of an alternative name.
  const copies = new Set(names.map(copyOf));
  const other = commonNames(certificate.subject).find((commonName) => !copies.has(commonName));
  return other === undefined
    ? null
    : broken("cn-not-in-san", "a common name that is one of the alternative names", other);
}

/** The common name that is a copy of this alternative name; null: a name of this type has no such copy. */
function copyOf(name: GeneralName): string | null {
  switch (name.type) {
    case "dns":
    case "uri":
    case "rfc822":
      return name.value;
    case "ip":
      return formatIp(name.value);
    case "directory":
    case "other":
      return null;
  }
}

/** The alternative names of a certificate, for people, at most eight of them. */
export function describeNames(certificate: Certificate): string {
  const names = certificate.subjectAltNames ?? [];
  if (names.length === 0) return "no subjectAltName";
  const shown = names.slice(0, 8).map(describeName).join(", ");
  return names.length > 8 ? `${shown} and ${names.length - 8} more` : shown;
}
