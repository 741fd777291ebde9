/**
 * Checks the stapled OCSP response of an end entity with the TLS feature status_request (RFC 7633, "must-staple").
 * The end entity is accepted only with a response that is current, says `good`, and is signed by its issuer or by a
 * responder that the issuer delegated.
 */
import { sameBytes } from "../../bundle/bytes.ts";
import { formatTime } from "../checks/single-certificate.ts";
import type { KnownCertificate } from "../signatures/store.ts";
import type { Problem } from "../verdict.ts";
import type { Certificate } from "../x509/certificate.ts";
import { type Period, intersect } from "../x509/period.ts";
import { type OcspAnswer, parseOcspResponse } from "./ocsp-response.ts";
import { type StapleRules, authenticate, digest, keyBits, stapleUnknown } from "./ocsp-signer.ts";

/** The TLS extension `status_request` (RFC 6066 §8), as a TLS feature. */
const STATUS_REQUEST = 5;

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

/** Whether a certificate obliges its server to staple a response (RFC 7633 §4.2.3). */
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
