/** Checks of single certificates by their places in a path (RFC 5280 §6.1.3 (a), §6.1.4 (k)-(n), §4.2.1.12). */
import type { Budget } from "../budget.ts";
import type { Problem } from "../verdict.ts";
import type { Certificate } from "../x509/certificate.ts";
import { describeDn } from "../x509/distinguished-names.ts";
import type { EXTENSION } from "../x509/extension-fields.ts";
import { keyProblem } from "../x509/public-keys.ts";
import { PURPOSE } from "../x509/purposes.ts";
import { constraintsProblem } from "./name-constraints.ts";

const KEY_USAGE = { digitalSignature: 0x8000, keyCertSign: 0x0400, crlSign: 0x0200 } as const;

/** The end entity of a path: its first certificate. */
export function endEntityOf(path: readonly Certificate[]): Certificate {
  const [endEntity] = path;
  if (endEntity === undefined) throw new Error("a path has at least its end entity");
  return endEntity;
}

/** Whether a certificate has keyUsage and the bit is not set in it. */
export const lacksUsage = (certificate: Certificate, usage: keyof typeof KEY_USAGE): boolean =>
  certificate.keyUsage !== null && (certificate.keyUsage & KEY_USAGE[usage]) === 0;

/**
 * Checks the dates: a certificate is valid from notBefore through notAfter, both included, in whole seconds (RFC
 * 5280 §4.1.2.5).
 */
export function checkValidity(certificate: Certificate, nowMs: number): Problem | null {
  const now = Math.floor(nowMs / 1000) * 1000;
  const expected = `valid at ${formatTime(now)}`;
  // Both comparisons are negated, so that a time that is NaN is never valid.
  if (!(now >= certificate.notBeforeMs)) {
    return { code: "not-yet-valid", expected, presented: `notBefore ${formatTime(certificate.notBeforeMs)}` };
  }
  if (!(now <= certificate.notAfterMs)) {
    return { code: "expired", expected, presented: `notAfter ${formatTime(certificate.notAfterMs)}` };
  }
  return null;
}

/**
 * Checks a certificate that signed the next one towards the end entity. `below` counts the CAs between it and the
 * end entity that are not self-issued.
 */
export function checkCa(certificate: Certificate, below: number, nowMs: number, budget: Budget): Problem | null {
  const unknown = checkCritical(certificate);
  if (unknown !== null) return unknown;
  if (!spendNames(certificate, budget)) return null;
  const name = describeDn(certificate.subject);
  // §6.1.4 (k): version 3 with basicConstraints and cA. A version 1 root is no exception.
  if (certificate.basicConstraints?.ca !== true) {
    return { code: "not-a-ca", expected: "an issuer with basicConstraints cA", presented: `${name}, no CA` };
  }
  // §6.1.4 (n).
  if (lacksUsage(certificate, "keyCertSign")) {
    return { code: "not-a-ca", expected: "an issuer whose keyUsage has keyCertSign", presented: name };
  }
  const time = checkValidity(certificate, nowMs);
  if (time !== null) return time;
  // §6.1.4 (l)-(m): self-issued certificates do not count.
  const limit = certificate.basicConstraints.pathLength;
  if (limit !== null && below > limit) {
    return {
      code: "path-too-long",
      expected: `at most ${limit} CAs below ${name} (pathLenConstraint)`,
      presented: `${below}`,
    };
  }
  // The extKeyUsage of an anchor restricts the path, as that of an intermediate does.
  const purposes = certificate.extendedKeyUsage;
  if (purposes !== null && !purposes.includes(PURPOSE.serverAuth) && !purposes.includes(PURPOSE.any)) {
    return wrongPurpose(purposes);
  }
  if (certificate.nameConstraints === null) return null;
  const constraints = constraintsProblem(certificate.nameConstraints);
  return constraints === null ? null : { code: "name-constraint", ...constraints };
}

/**
 * Checks the certificate whose key signed the handshake. `direct`: the certificate is itself an anchor, as that of a
 * self-signed backend is.
 */
export function checkEndEntity(
  certificate: Certificate,
  direct: boolean,
  nowMs: number,
  budget: Budget,
): Problem | null {
  const unknown = checkCritical(certificate);
  if (unknown !== null) return unknown;
  if (!spendNames(certificate, budget)) return null;
  const time = checkValidity(certificate, nowMs);
  if (time !== null) return time;
  const key = keyProblem(certificate.key, "end-entity");
  if (key !== null) return key;
  const role = direct ? null : checkNotCa(certificate);
  if (role !== null) return role;
  // §4.2.1.3: TLS 1.3 and every (EC)DHE suite sign with this key.
  if (lacksUsage(certificate, "digitalSignature")) {
    return { code: "wrong-usage", expected: "keyUsage with digitalSignature", presented: "keyUsage without it" };
  }
  const purposes = certificate.extendedKeyUsage;
  if (purposes !== null && !purposes.includes(PURPOSE.serverAuth)) return wrongPurpose(purposes);
  // CA/Browser BR 7.1.2.7.10, and x509-limbo: a server's certificate is not for every purpose.
  if (purposes?.includes(PURPOSE.any) === true) {
    return {
      code: "wrong-usage",
      expected: "extKeyUsage without anyExtendedKeyUsage",
      presented: "anyExtendedKeyUsage",
      rule: "any-purpose-end-entity",
    };
  }
  return null;
}

/** Checks a certificate that signed a CRL or an OCSP response, whether it is a CA's or not. */
export const checkSigner = (certificate: Certificate, nowMs: number): Problem | null =>
  checkCritical(certificate) ?? checkValidity(certificate, nowMs);

/** Refuses a CA certificate as a server's. A self-signed backend that is itself the anchor is not checked for this. */
function checkNotCa(certificate: Certificate): Problem | null {
  if (certificate.basicConstraints?.ca === true) {
    return {
      code: "wrong-usage",
      expected: "an end-entity certificate",
      presented: "a CA certificate",
      rule: "ca-as-end-entity",
    };
  }
  // §4.2.1.10: nameConstraints MUST be used only in a CA certificate.
  if (certificate.nameConstraints !== null) {
    return { code: "name-constraint", expected: "no nameConstraints in an end entity", presented: "nameConstraints" };
  }
  // §4.2.1.9: without cA, keyCertSign MUST NOT be asserted.
  if (certificate.keyUsage !== null && !lacksUsage(certificate, "keyCertSign")) {
    return { code: "wrong-usage", expected: "an end entity without keyCertSign", presented: "keyCertSign" };
  }
  return null;
}

/** Refuses a critical extension that is not processed (§6.1.4 (o), §6.1.5 (e)). */
function checkCritical(certificate: Certificate): Problem | null {
  return certificate.unknownCritical === null
    ? null
    : {
        code: "critical-extension",
        expected: "only critical extensions this gateway processes",
        presented: certificate.unknownCritical,
      };
}

function spendNames(certificate: Certificate, budget: Budget): boolean {
  return budget.check("names", certificate.subjectAltNames?.length ?? 0);
}

function wrongPurpose(purposes: readonly string[]): Problem {
  return { code: "wrong-usage", expected: "extKeyUsage with serverAuth", presented: purposes.slice(0, 8).join(", ") };
}

/** Whether a certificate has this extension marked critical. */
export const isCritical = (certificate: Certificate, oid: (typeof EXTENSION)[keyof typeof EXTENSION]): boolean =>
  certificate.critical.has(oid);

/** A time in ms since the epoch, for people: `2026-11-30T12:00:00Z`. */
export function formatTime(ms: number): string {
  return Number.isFinite(ms) ? new Date(ms).toISOString().replace(".000Z", "Z") : "no time";
}
