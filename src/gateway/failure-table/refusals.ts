/** Refusals of the chain that a backend presents. No request byte has been sent. */
import type { RefusalCode } from "../../trust/index.ts";
import type { FailureRow } from "./row.ts";

/** The status and proxy error type of every refusal: clients need not know which certificate was at fault. */
const REFUSED = { status: 502, proxyError: "tls_certificate_error" } as const;

/** One row for each code. */
export const REFUSALS: Readonly<Record<RefusalCode, FailureRow>> = {
  "no-certificate": {
    ...REFUSED,
    meaning: "the backend sent no certificate",
    cause: "The peer sent no certificate.",
    fix: "Configure one on the backend.",
  },
  "unknown-ca": {
    ...REFUSED,
    meaning: "no path leads to a CA of the policy",
    cause: "The CA of the policy did not issue this chain, or the backend does not send its intermediates.",
    fix: "Put the issuing CA into `caCertificateRefs`; have the backend send the whole chain.",
  },
  "name-mismatch": {
    ...REFUSED,
    meaning: "no name of the certificate is one that the policy asks for",
    cause: "No subjectAltName matches; often a certificate with a common name only, or of another Service.",
    fix: "Issue it with the name, or set `hostname` or `subjectAltNames` to one it has.",
  },
  expired: {
    ...REFUSED,
    meaning: "a certificate is past its notAfter",
    cause: "A certificate, or the CA at -1, is past or before its time; or a clock is wrong.",
    fix: "Renew what the position names. Reload the backend: it may still serve the old file.",
  },
  "not-yet-valid": {
    ...REFUSED,
    meaning: "a certificate is before its notBefore",
    cause: "A certificate, or the CA at -1, is past or before its time; or a clock is wrong.",
    fix: "Renew what the position names. Reload the backend: it may still serve the old file.",
  },
  "wrong-usage": {
    ...REFUSED,
    meaning: "a certificate may not be used for this",
    cause:
      "extKeyUsage without serverAuth, keyUsage without digitalSignature, a CA's certificate on a server (`ca-as-end-entity`), `any-purpose-end-entity`.",
    fix: "Issue a server certificate.",
  },
  "not-a-ca": {
    ...REFUSED,
    meaning: "an issuer is no CA",
    cause: "A certificate signed another without basicConstraints cA or keyCertSign; or a root of version 1.",
    fix: "Reissue the CA; trust a self-signed server by its exact certificate.",
  },
  "path-too-long": {
    ...REFUSED,
    meaning: "a path has more certificates than it may",
    cause: "More certificates than `lasthop.dev/max-chain-depth`, or than a CA's pathLenConstraint.",
    fix: "Raise the option, or issue from the CA that may.",
  },
  "name-constraint": {
    ...REFUSED,
    meaning: "a name lies outside a CA's constraints",
    cause:
      "A name outside a CA's nameConstraints; or constraints that mean nothing, such as a dNSName with a leading dot.",
    fix: "Issue from another CA, or correct the constraint: `example.com` covers what is below it.",
  },
  "policy-constraint": {
    ...REFUSED,
    meaning: "a required certificate policy is missing",
    cause: "A CA requires an explicit policy (RFC 5280 §6.1) that the chain does not carry.",
    fix: "Put the policy into every certificate below.",
  },
  "bad-signature": {
    ...REFUSED,
    meaning: "a signature is not the issuer's",
    cause: "A certificate is damaged, or a CA of the same name has another key and there is no key identifier to tell.",
    fix: "Compare the CA with the one that issued it.",
  },
  "weak-key": {
    ...REFUSED,
    meaning: "a key is too weak",
    cause: "RSA below 2048 or above 8192 bits, a bad exponent, an Ed25519 key of small order.",
    fix: "Issue with another key.",
  },
  "unsupported-algorithm": {
    ...REFUSED,
    meaning: "an algorithm is not supported",
    cause:
      "SHA-1, MD5, DSA, P-224, Ed448, a compressed point, P-521 in an end entity (see [what a handshake offers](#what-a-handshake-offers)).",
    fix: "Issue with RSA, P-256, P-384 or Ed25519 and SHA-2.",
  },
  malformed: {
    ...REFUSED,
    meaning: "a certificate cannot be read",
    cause: "Not strict DER, or an extension RFC 5280 does not allow in this form.",
    fix: "The text says where. Reissue with a current tool.",
  },
  "critical-extension": {
    ...REFUSED,
    meaning: "a critical extension is not processed",
    cause: "A critical extension lasthop does not process.",
    fix: "Issue without it, or not critical.",
  },
  "issuance-rule": {
    ...REFUSED,
    meaning: "a rule of the profile `strict` is broken",
    cause: "The profile `strict`, and the rule named.",
    fix: "Reissue, or use `private`.",
  },
  revoked: {
    ...REFUSED,
    meaning: "a certificate is revoked",
    cause: "A CRL or the stapled OCSP response says so.",
    fix: "Replace the certificate.",
  },
  "revocation-unknown": {
    ...REFUSED,
    meaning: "nothing tells that a certificate is not revoked",
    cause:
      "CRLs are configured, and none that is current and signed covers the certificate; or one of its issuer cannot be used; or an unreadable OCSP response, or none though the certificate demands it ([must-staple](#must-staple)). The text says which.",
    fix: "Refresh the ConfigMap; add the CRL of every CA of the path but the anchor's own issuer; replace the list that cannot be used. OpenSSL writes version 1 without a `crl_extensions` section: add one with `crlNumber` and `authorityKeyIdentifier`.",
  },
  "pin-mismatch": {
    ...REFUSED,
    meaning: "no key of the path is pinned",
    cause: "No key of the path is pinned.",
    fix: "Pin the new key before rotating to it.",
  },
  "second-opinion": {
    ...REFUSED,
    meaning: "a second verifier does not accept the path",
    cause: "The witness refused what lasthop had accepted, or PKI.js cannot read a certificate.",
    fix: "Report it. Known: a name with a GeneralizedTime that is none; an SCT list (RFC 6962) that is no OCTET STRING; a path of more than 128 kB.",
  },
  "budget-exceeded": {
    ...REFUSED,
    meaning: "the chain needs more work than a verdict may cost",
    cause: "More or larger certificates than any chain needs.",
    fix: "Send only the chain; a certificate may have 2,000 names, under 50 constraints of one type, or 300 under 300.",
  },
};
