/**
 * Checks the stapled OCSP response of an end entity with the TLS feature status_request (RFC 7633, "must-staple").
 * The end entity is accepted only with a response that is current, says `good`, and is signed by its issuer or by a
 * responder that the issuer delegated.
 */
import { BitString } from "asn1js";
import { sameBytes } from "../../bundle/bytes.ts";
import type { Budget } from "../budget.ts";
import { checkSigner, formatTime, lacksUsage } from "../checks/profile.ts";
import { copyForWebCrypto, registerAlgorithm } from "../signatures/engine.ts";
import { type CertificateStore, type KnownCertificate, signatureCost, verifySignature } from "../signatures/store.ts";
import type { Problem } from "../verdict.ts";
import type { Certificate } from "../x509/certificate.ts";
import { DerReader, TAG } from "../x509/der.ts";
import { isSameName } from "../x509/name-comparison.ts";
import { ALWAYS, type Period, intersect, validityOf } from "../x509/period.ts";
import { keyProblem } from "../x509/public-keys.ts";
import { PURPOSE } from "../x509/purposes.ts";
import { type OcspAnswer, type OcspResponse, parseOcspResponse } from "./ocsp-response.ts";

/** The TLS extension `status_request` (RFC 6066 §8), as a TLS feature. */
const STATUS_REQUEST = 5;
/** How many certificates of a response are looked at. A responder sends its own. */
const MAX_RESPONDERS = 4;

/**
 * Hash algorithms of a CertID. Responders use SHA-1: it only identifies the issuer's key here, which must then
 * verify.
 */
const CERT_ID_HASHES: Readonly<Record<string, string>> = {
  "1.3.14.3.2.26": "SHA-1",
  "2.16.840.1.101.3.4.2.1": "SHA-256",
  "2.16.840.1.101.3.4.2.2": "SHA-384",
  "2.16.840.1.101.3.4.2.3": "SHA-512",
};

/** What a stapled response is checked with. */
interface StapleRules {
  readonly store: CertificateStore;
  readonly nowMs: number;
  readonly budget: Budget;
  /** Checks whether a responder's certificate is revoked; null: revocation is not configured. */
  readonly status: ((known: KnownCertificate) => Promise<Period | Problem>) | null;
}

/** Whether a certificate obliges its server to staple a response (RFC 7633 §4.2.3.1). */
export const mustStaple = ({ tlsFeatures }: Certificate): boolean => tlsFeatures?.includes(STATUS_REQUEST) === true;

/**
 * Checks the response: answers when it holds for the end entity, or why it does not. `issuer` is the next
 * certificate of the path.
 */
export async function checkMustStaple(
  endEntity: Certificate,
  issuer: KnownCertificate,
  response: Uint8Array | null,
  rules: StapleRules,
): Promise<Period | Problem> {
  if (response === null || response.length === 0) return stapleUnknown("none");
  const parsed = parseOcspResponse(response);
  if (parsed.kind === "malformed") return stapleUnknown(`one that cannot be read: ${parsed.why}`);
  const answers: OcspAnswer[] = [];
  const hashed = new Map<string, IssuerHashes>();
  for (const answer of parsed.value.answers) if (await isAbout(answer, endEntity, issuer, hashed)) answers.push(answer);
  const current = findCurrent(answers, rules.nowMs);
  if ("code" in current) return current;
  const signed = await authenticate(parsed.value, endEntity, issuer, rules);
  return "code" in signed ? signed : intersect(current, signed);
}

/** The digests of an issuer's name and key. */
interface IssuerHashes {
  readonly name: Uint8Array;
  readonly key: Uint8Array;
}

/**
 * Whether an answer is about the end entity (RFC 6960 §4.1.1): same serial number, and same hashes of the issuer's
 * name and key. Each hash is made once for an algorithm.
 */
async function isAbout(
  answer: OcspAnswer,
  { serial, issuer: { der } }: Certificate,
  issuer: KnownCertificate,
  hashed: Map<string, IssuerHashes>,
): Promise<boolean> {
  const algorithm = CERT_ID_HASHES[answer.hashAlgorithm];
  if (algorithm === undefined || !sameBytes(answer.serial, serial)) return false;
  let hashes = hashed.get(algorithm);
  if (hashes === undefined) {
    hashes = { name: await digest(algorithm, der), key: await digest(algorithm, keyBits(issuer.certificate)) };
    hashed.set(algorithm, hashes);
  }
  return sameBytes(answer.issuerNameHash, hashes.name) && sameBytes(answer.issuerKeyHash, hashes.key);
}

/** The period of the current answer that holds longest. Every answer about the certificate must say `good`. */
function findCurrent(answers: readonly OcspAnswer[], nowMs: number): Period | Problem {
  const now = Math.floor(nowMs / 1000) * 1000;
  let why = "one about another certificate or issuer";
  let longest: Period | null = null;
  for (const { status, thisUpdateMs, nextUpdateMs } of answers) {
    if (status !== "good") return stapleUnknown(`one that says ${status}`);
    if (!(now >= thisUpdateMs)) why = `one not valid before ${formatTime(thisUpdateMs)}`;
    // RFC 6960 §4.2.2.1: without nextUpdate newer information is available at any time, so a stapled response would
    // be stale at once.
    else if (nextUpdateMs === null) why = "one without nextUpdate";
    else if (!(now <= nextUpdateMs)) why = `one whose next update was due ${formatTime(nextUpdateMs)}`;
    else if (longest === null || nextUpdateMs > longest.untilMs)
      longest = { fromMs: thisUpdateMs, untilMs: nextUpdateMs };
  }
  return longest ?? stapleUnknown(why);
}

/**
 * Checks the signature (RFC 6960 §4.2.2.2): by the issuer, or by a responder whose certificate the issuer signed for
 * this purpose.
 */
async function authenticate(
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

/** When the certificate of a delegated responder is valid and known not to be revoked. */
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
function keyBits({ spki }: Certificate): Uint8Array {
  const info = new DerReader(spki).enter(TAG.sequence, "subjectPublicKeyInfo");
  info.next("algorithm");
  return info.octetBits("subjectPublicKey");
}

async function digest(hash: string, bytes: Uint8Array): Promise<Uint8Array> {
  return new Uint8Array(await crypto.subtle.digest(hash, copyForWebCrypto(bytes)));
}

const stapleUnknown = (presented: string): Problem => ({
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
