/** Checks who signed an OCSP response (RFC 6960 §4.2.2.2). */
import { BitString } from "asn1js";
import { sameBytes } from "../../bundle/bytes.ts";
import type { Budget } from "../budget.ts";
import { checkSigner, lacksUsage } from "../checks/single-certificate.ts";
import { copyForWebCrypto, registerAlgorithm } from "../signatures/engine.ts";
import { type CertificateStore, type KnownCertificate, signatureCost, verifySignature } from "../signatures/store.ts";
import type { Problem } from "../verdict.ts";
import type { Certificate } from "../x509/certificate.ts";
import { DerReader, TAG } from "../x509/der.ts";
import { isSameName } from "../x509/name-comparison.ts";
import { ALWAYS, type Period, intersect, validityOf } from "../x509/period.ts";
import { keyProblem } from "../x509/public-keys.ts";
import { PURPOSE } from "../x509/purposes.ts";
import type { OcspResponse } from "./ocsp-response.ts";

/** The inputs of checking a stapled response. */
export interface StapleRules {
  readonly store: CertificateStore;
  readonly nowMs: number;
  readonly budget: Budget;
  /** Checks whether a responder's certificate is revoked; null: revocation is not configured. */
  readonly status: ((known: KnownCertificate) => Promise<Period | Problem>) | null;
}

/** The number of certificates of a response that are looked at. A responder sends its own certificate. */
const MAX_RESPONDERS = 4;

/**
 * Checks the signature (RFC 6960 §4.2.2.2): by the issuer, or by a responder whose certificate the issuer signed for
 * this purpose.
 */
export async function authenticate(
  response: OcspResponse,
  endEntity: Certificate,
  issuer: KnownCertificate,
  rules: StapleRules,
): Promise<Period | Problem> {
  let why = "one that neither the issuer nor a responder of it signed";
  if (await isResponder(response, issuer.certificate)) {
    const verified = await verifies(response, issuer, rules.budget);
    if (verified === null) return OVER_BUDGET;
    if (verified) return ALWAYS;
  }
  for (const der of response.certificates.slice(0, MAX_RESPONDERS)) {
    const parsed = rules.store.read(der);
    if (parsed.kind === "malformed" || !(await isResponder(response, parsed.value.certificate))) continue;
    const delegate = parsed.value;
    const problem = sameBytes(delegate.certificate.spki, endEntity.spki)
      ? "one that the end entity signed itself"
      : await delegateProblem(delegate, issuer, rules);
    if (problem === null) {
      const verified = await verifies(response, delegate, rules.budget);
      if (verified === true) return statusOf(delegate, rules);
    } else why = problem;
    if (rules.budget.exceeded !== null) return OVER_BUDGET;
  }
  return stapleUnknown(why);
}

async function isResponder({ responder }: OcspResponse, certificate: Certificate): Promise<boolean> {
  return responder.kind === "name"
    ? isSameName(responder.name, certificate.subject)
    : sameBytes(responder.sha1, await digest("SHA-1", keyBits(certificate)));
}

/** Why this certificate may not sign the responses of `issuer`. */
async function delegateProblem(
  delegate: KnownCertificate,
  issuer: KnownCertificate,
  { nowMs, budget }: StapleRules,
): Promise<string | null> {
  const { certificate } = delegate;
  // "This certificate MUST be issued directly by the CA that is identified in the request."
  if (!isSameName(certificate.issuer, issuer.certificate.subject)) return "one whose responder another CA certified";
  // "MUST include … id-kp-OCSPSigning": anyExtendedKeyUsage does not replace it.
  if (certificate.extendedKeyUsage?.includes(PURPOSE.ocspSigning) !== true)
    return "one whose responder is without OCSPSigning";
  if (lacksUsage(certificate, "digitalSignature")) return "one whose responder is without digitalSignature";
  const own = checkSigner(certificate, nowMs);
  if (own !== null) return `one whose responder is refused: ${own.code}, ${own.presented}`;
  if (keyProblem(certificate.key, "ca") !== null) return "one whose responder has a key that is not supported";
  return (await delegate.isSignedBy(issuer, budget)) === true ? null : "one whose responder another CA certified";
}

/** The time in which the certificate of a delegated responder is valid and known not to be revoked. */
async function statusOf(delegate: KnownCertificate, rules: StapleRules): Promise<Period | Problem> {
  const validity = validityOf(delegate.certificate);
  if (rules.status === null) return validity;
  const answer = await rules.status(delegate);
  if ("code" in answer) return stapleUnknown(`one whose responder is refused: ${answer.code}, ${answer.presented}`);
  return intersect(validity, answer);
}

async function verifies(response: OcspResponse, signer: KnownCertificate, budget: Budget): Promise<boolean | null> {
  if (!budget.spend("signatures", signatureCost(signer.certificate))) return null;
  const bits = new BitString({ valueHex: copyForWebCrypto(response.signature) });
  return verifySignature(response.tbs, bits, registerAlgorithm(response.signatureAlgorithm), signer);
}

/** The subjectPublicKey of a certificate, without tag, length and unused bits. */
export function keyBits({ spki }: Certificate): Uint8Array {
  const info = new DerReader(spki).enter(TAG.sequence, "subjectPublicKeyInfo");
  info.next("algorithm");
  return info.octetBits("subjectPublicKey");
}

/** The digest of octets, by a hash that WebCrypto knows. */
export async function digest(hash: string, bytes: Uint8Array): Promise<Uint8Array> {
  return new Uint8Array(await crypto.subtle.digest(hash, copyForWebCrypto(bytes)));
}

/** The problem of a response that does not say `good`; `presented` tells what it is. */
export const stapleUnknown = (presented: string): Problem => ({
  code: "revocation-unknown",
  expected:
    "a stapled OCSP response that is current and says good (the certificate has the TLS feature status_request)",
  presented,
});

const OVER_BUDGET: Problem = {
  code: "budget-exceeded",
  expected: "a stapled OCSP response with few signatures",
  presented: "too many signatures",
};
