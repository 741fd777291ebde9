/**
 * Path building (RFC 4158): from the end entity to an anchor. All candidates are tried, no path holds a certificate
 * twice, and the work is bounded.
 */
import type { Budget } from "../budget.ts";
import { checkCa } from "../checks/single-certificate.ts";
import type { Problem } from "../verdict.ts";
import type { Certificate } from "../x509/certificate.ts";
import { describeDn } from "../x509/distinguished-names.ts";
import { spendOnComparison } from "../x509/name-comparison.ts";
import { keyProblem } from "../x509/public-keys.ts";
import { describeAlgorithm } from "../x509/signature-algorithms.ts";
import { type BuildingStep, type Failure, furthest, overBudget } from "./failure.ts";
import { type AnchorIndex, IssuerSearch, type SourcedCertificate, keyHint } from "./issuers.ts";

/** The inputs of a search for a path. */
interface SearchRules {
  readonly presented: readonly SourcedCertificate[];
  readonly anchors: AnchorIndex;
  readonly nowMs: number;
  readonly budget: Budget;
  readonly maxLength: number;
  /**
   * The role of the first certificate. `end-entity`: its key signs the handshake. `ca`: its key signs certificates or
   * CRLs; the signer of a CRL counts as a CA.
   */
  readonly role: "end-entity" | "ca";
  /** Validates a complete path, anchor last. Null: accepted, the search ends. */
  readonly accept: (path: readonly SourcedCertificate[]) => Promise<Failure | null>;
}

interface Search extends SearchRules {
  readonly issuers: IssuerSearch;
}

/** Builds paths until one is accepted. Answers null then, and otherwise the failure of the path that got furthest. */
export async function buildPath(endEntity: SourcedCertificate, rules: SearchRules): Promise<Failure | null> {
  return extendPath([endEntity], { ...rules, issuers: new IssuerSearch(rules) });
}

async function extendPath(path: readonly SourcedCertificate[], search: Search): Promise<Failure | null> {
  const top = path.at(-1);
  if (top === undefined) throw new Error("a path has at least its end entity");
  const { certificate } = top.known;
  const algorithm = certificate.signatureAlgorithm;
  if (algorithm.kind === "unsupported") {
    const expected = "a signature with RSA or ECDSA and SHA-256, SHA-384 or SHA-512, or Ed25519";
    const problem: Problem = { code: "unsupported-algorithm", expected, presented: describeAlgorithm(algorithm) };
    return stopped(path, "algorithm", problem, top);
  }
  // The key of the end entity is checked before any signature: no path with an unusable one can be accepted.
  const key = path.length === 1 ? keyProblem(certificate.key, search.role) : null;
  if (key !== null) return stopped(path, "algorithm", key, top);
  let worst: Failure | null = null;
  const issuers = search.issuers.candidatesFor(path);
  if (search.budget.exceeded !== null) return overBudget(search.budget);
  for (const candidate of issuers) {
    if (!search.budget.spend("candidates", 1)) return overBudget(search.budget);
    const failure = await tryIssuer(path, top, candidate, search);
    if (failure === null) return null;
    if (search.budget.exceeded !== null) return overBudget(search.budget);
    worst = furthest(worst, failure);
  }
  return worst ?? stopped(path, "issuer-name", unknownCa(certificate), top);
}

async function tryIssuer(
  path: readonly SourcedCertificate[],
  top: SourcedCertificate,
  candidate: SourcedCertificate,
  search: Search,
): Promise<Failure | null> {
  const anchor = candidate.source !== null;
  const longer = [...path, candidate];
  // The last certificate of the longest path must be an anchor.
  if (longer.length > search.maxLength || (!anchor && longer.length === search.maxLength)) {
    const expected = `a path of at most ${search.maxLength} certificates`;
    const presented = `${longer.length}${anchor ? "" : " and no anchor yet"}`;
    return stopped(path, "path-length", { code: "path-too-long", expected, presented }, candidate);
  }
  // The key is checked before the signature: a key that is too weak may verify any signature, and runtimes differ
  // about such keys.
  const key = keyProblem(candidate.known.certificate.key, "ca");
  if (key !== null) return stopped(path, "issuer-signature", key, candidate);
  const signed = await top.known.isSignedBy(candidate.known, search.budget);
  if (signed === null) return overBudget(search.budget);
  if (!signed) {
    // A different key identifier means that this is another key with the same name, and that the signature is not
    // broken.
    return keyHint(top.known.certificate, candidate.known.certificate) === "other"
      ? stopped(path, "issuer-name", unknownCa(top.known.certificate), top)
      : stopped(path, "issuer-signature", badSignature(candidate.known.certificate), top);
  }
  if (!spendOnSelfIssued(candidate, search.budget)) return overBudget(search.budget);
  const below = path.slice(1).filter(({ known }) => !known.certificate.selfIssued).length;
  const problem = checkCa(candidate.known.certificate, below, search.nowMs, search.budget);
  if (search.budget.exceeded !== null) return overBudget(search.budget);
  if (problem !== null) return stopped(path, anchor ? "anchor" : "intermediate", problem, candidate);
  if (!anchor) return extendPath(longer, search);
  if (!spendOnPath(longer, search.budget)) return overBudget(search.budget);
  // PKI.js reads certificates only now, so it reads only what a CA of the policy, or a CA below it, has signed.
  const unread = path.find(({ known }) => known.pki === null);
  if (unread !== undefined) {
    return { problem: unreadable, position: unread.position, progress: { kind: "validating", step: "certificates" } };
  }
  return search.accept(longer);
}

/**
 * The failure of a path to which no further certificate could be added. The last parameter is the certificate at fault.
 */
const stopped = (
  { length }: readonly SourcedCertificate[],
  step: BuildingStep,
  problem: Problem,
  { position }: SourcedCertificate,
): Failure => ({ problem, position, progress: { kind: "building", length, step } });

/** Charges what validating a complete path takes, which grows with its octets. False: over budget. */
export function spendOnPath(path: readonly SourcedCertificate[], budget: Budget): boolean {
  const octets = path.reduce((sum, { known }) => sum + known.certificate.der.length, 0);
  return spendOnSelfIssued(path[0], budget) && budget.spend("octets", octets) && budget.spend("paths", 1);
}

/** Charges the comparison of issuer and subject. The certificate keeps its result, so it is charged once. */
function spendOnSelfIssued(link: SourcedCertificate | undefined, budget: Budget): boolean {
  if (link === undefined) return true;
  const { certificate } = link.known;
  return budget.isFirstUse(certificate) ? spendOnComparison(certificate.issuer, certificate.subject, budget) : true;
}

const unknownCa = (certificate: Certificate): Problem => ({
  code: "unknown-ca",
  expected: "an issuer among the policy's CAs",
  presented: describeDn(certificate.issuer),
});

const badSignature = (issuer: Certificate): Problem => ({
  code: "bad-signature",
  expected: `a signature by the key of ${describeDn(issuer.subject)}`,
  presented: "another signature",
});

const unreadable: Problem = {
  code: "second-opinion",
  expected: "a certificate that PKI.js can read too",
  presented: "PKI.js cannot read it",
};
