/** The TLS alerts that tell the peer of a refusal (RFC 8446 §6.2). */
import type { RefusalCode } from "../../trust/index.ts";

/** The alert bad_certificate. */
export const BAD_CERTIFICATE = 42;
const UNSUPPORTED_CERTIFICATE = 43;
const CERTIFICATE_REVOKED = 44;
const CERTIFICATE_EXPIRED = 45;
const CERTIFICATE_UNKNOWN = 46;
const UNKNOWN_CA = 48;

/** The description of the alert for each refusal code. */
export const ALERTS: Readonly<Record<RefusalCode, number>> = {
  "no-certificate": CERTIFICATE_UNKNOWN,
  "unknown-ca": UNKNOWN_CA,
  "name-mismatch": CERTIFICATE_UNKNOWN,
  expired: CERTIFICATE_EXPIRED,
  "not-yet-valid": CERTIFICATE_EXPIRED,
  "wrong-usage": UNSUPPORTED_CERTIFICATE,
  "not-a-ca": UNKNOWN_CA,
  "path-too-long": CERTIFICATE_UNKNOWN,
  "name-constraint": CERTIFICATE_UNKNOWN,
  "policy-constraint": CERTIFICATE_UNKNOWN,
  "bad-signature": BAD_CERTIFICATE,
  "weak-key": UNSUPPORTED_CERTIFICATE,
  "unsupported-algorithm": UNSUPPORTED_CERTIFICATE,
  malformed: BAD_CERTIFICATE,
  "critical-extension": UNSUPPORTED_CERTIFICATE,
  "issuance-rule": CERTIFICATE_UNKNOWN,
  revoked: CERTIFICATE_REVOKED,
  "revocation-unknown": CERTIFICATE_UNKNOWN,
  "pin-mismatch": CERTIFICATE_UNKNOWN,
  "second-opinion": CERTIFICATE_UNKNOWN,
  "budget-exceeded": CERTIFICATE_UNKNOWN,
};
