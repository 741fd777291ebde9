/** Path building (RFC 4158): from the end entity to an anchor, all candidates tried, no loop possible, bounded. */
import { describeAlgorithm, keyProblem } from "./algorithms.ts";
import type { Budget } from "./budget.ts";
import type { Certificate } from "./certificate.ts";
import { sameBytes } from "./der.ts";
import { describeDn, isSameName, shapeOf } from "./dn.ts";
import { type Problem, checkCa, checkValidity } from "./profile.ts";
import type { Known } from "./store.ts";

/** A certificate and where it comes from: its index in the presented chain, or an anchor with its source. */
export interface Link {
  readonly known: Known;
  /** -1 for an anchor. */
  readonly position: number;
  /** Null for a presented certificate. */
  readonly source: string | null;
}

/** Anchors by the shape of their subject: names of different shapes are different, others are compared. */
export type AnchorIndex = ReadonlyMap<string, readonly Link[]>;

export const indexAnchors = (anchors: readonly Link[]): AnchorIndex =>
  Map.groupBy(anchors, ({ known }) => shapeOf(known.certificate.subject));

/** A problem and how far the path that ran into it had got: compare with `further`. */
export interface Failure {
  readonly problem: Problem;
  readonly position: number | null;
  readonly progress: number;
}

export const further = (one: Failure | null, other: Failure): Failure =>
  one === null || other.progress > one.progress ? other : one;

/** Progress of a complete path; the stage of validation is added. A path still growing counts its certificates. */
export const COMPLETE = 10_000;

interface SearchRules {
  readonly presented: readonly Link[];
  readonly anchors: AnchorIndex;
  readonly nowMs: number;
  readonly budget: Budget;
  readonly maxLength: number;
  /** What the first certificate's key is for: that of a CRL's signer is as a CA's. */
  readonly role: "end-entity" | "ca";
  /** Validates a complete path, anchor last. Null: accepted, the search ends. */
  readonly accept: (path: readonly Link[]) => Promise<Failure | null>;
}

interface Search extends SearchRules {
  /** What `issuersOf` found. */
  readonly issuers: Map<Certificate, readonly Link[]>;
}

/** Null when some path was accepted; otherwise the failure of the path that got furthest. */
export async function buildPath(endEntity: Link, rules: SearchRules): Promise<Failure | null> {
  return extend([endEntity], { ...rules, issuers: new Map() });
}

async function extend(path: readonly Link[], search: Search): Promise<Failure | null> {
  const top = path.at(-1);
  if (top === undefined) throw new Error("a path has at least its end entity");
  const { certificate } = top.known;
  const progress = path.length * 10;
  const algorithm = certificate.signatureAlgorithm;
  if (algorithm.kind === "unsupported") {
    const expected = "a signature with RSA or ECDSA and SHA-256, SHA-384 or SHA-512, or Ed25519";
    const problem: Problem = { code: "unsupported-algorithm", expected, presented: describeAlgorithm(algorithm) };
    return { problem, position: top.position, progress: progress + 2 };
  }
  // An end entity whose key is not to be used is in no path: not worth a signature.
  const key = path.length === 1 ? keyProblem(certificate.key, search.role) : null;
  if (key !== null) return { problem: key, position: top.position, progress: progress + 2 };
  let worst: Failure | null = null;
  for (const candidate of candidates(path, search)) {
    if (!search.budget.spend("candidates", 1)) return overBudget(search.budget);
    const failure = await tryIssuer(path, top, candidate, search);
    if (failure === null) return null;
    if (search.budget.exceeded !== null) return overBudget(search.budget);
    worst = further(worst, failure);
  }
  return worst ?? { problem: unknownCa(certificate), position: top.position, progress };
}

async function tryIssuer(path: readonly Link[], top: Link, candidate: Link, search: Search): Promise<Failure | null> {
  const progress = path.length * 10;
  const anchor = candidate.source !== null;
  const longer = [...path, candidate];
  // The last place belongs to an anchor.
  if (longer.length > search.maxLength || (!anchor && longer.length === search.maxLength)) {
    const expected = `a path of at most ${search.maxLength} certificates`;
    return {
      problem: { code: "path-too-long", expected, presented: `${longer.length}${anchor ? "" : " and no anchor yet"}` },
      position: candidate.position,
      progress: progress + 4,
    };
  }
  // Before its signature: a key that is too weak may verify anything, and runtimes differ about such keys.
  const key = keyProblem(candidate.known.certificate.key, "ca");
  if (key !== null) return { problem: key, position: candidate.position, progress: progress + 1 };
  if (top.known.pki === null) return { problem: unreadable, position: top.position, progress: progress + 1 };
  const signed = await top.known.isSignedBy(candidate.known, search.budget);
  if (signed === null) return overBudget(search.budget);
  if (!signed) {
    // Another key identifier tells that this is another key of the same name, not a broken signature.
    const problem =
      keyHint(top.known.certificate, candidate.known.certificate) === "other"
        ? unknownCa(top.known.certificate)
        : badSignature(candidate.known.certificate);
    return { problem, position: top.position, progress: progress + (problem.code === "unknown-ca" ? 0 : 1) };
  }
  const below = path.slice(1).filter(({ known }) => !known.certificate.selfIssued).length;
  const problem = checkCa(candidate.known.certificate, below, search.nowMs, search.budget);
  if (search.budget.exceeded !== null) return overBudget(search.budget);
  if (problem !== null) return { problem, position: candidate.position, progress: progress + (anchor ? 6 : 5) };
  if (!anchor) return extend(longer, search);
  if (!search.budget.spend("paths", 1)) return overBudget(search.budget);
  return search.accept(longer);
}

/**
 * The issuers of the top of the path that it does not hold yet: no certificate twice, and no CA's subject and key
 * twice, because whatever such a loop reaches, the shorter path reaches too. The end entity issues nothing, so a CA
 * may have its subject and key; what is no CA and has them is another issue of a self-signed backend's certificate.
 */
function candidates(path: readonly Link[], search: Search): Link[] {
  const top = path.at(-1)?.known.certificate;
  if (top === undefined) return [];
  const inPath = ({ der, spki, subject, basicConstraints }: Certificate): boolean =>
    path.some(
      ({ known: { certificate } }, index) =>
        sameBytes(certificate.der, der) ||
        ((index > 0 || basicConstraints?.ca !== true) &&
          sameBytes(certificate.spki, spki) &&
          isSameName(certificate.subject, subject)),
    );
  return issuersOf(top, search).filter(({ known }) => !inPath(known.certificate));
}

/**
 * Certificates that bear the name of this one's issuer, the likeliest first: anchors, then a key identifier that
 * fits, then one that is valid now, then the longest-lived. Found once a search for each certificate.
 */
function issuersOf(certificate: Certificate, search: Search): readonly Link[] {
  const found = search.issuers.get(certificate);
  if (found !== undefined) return found;
  const rank = ({ known, source }: Link): number => {
    const hint = keyHint(certificate, known.certificate);
    return (
      (source === null ? 0 : 1) +
      (hint === "same" ? 4 : hint === "other" ? -4 : 0) +
      (checkValidity(known.certificate, search.nowMs) === null ? 2 : 0)
    );
  };
  const issuers = [...(search.anchors.get(shapeOf(certificate.issuer)) ?? []), ...search.presented]
    .filter(({ known }) => isSameName(known.certificate.subject, certificate.issuer))
    .map((link) => ({ link, rank: rank(link) }))
    .toSorted((a, b) => b.rank - a.rank || b.link.known.certificate.notAfterMs - a.link.known.certificate.notAfterMs)
    .map(({ link }) => link);
  search.issuers.set(certificate, issuers);
  return issuers;
}

/** RFC 5280 §4.2.1.1: key identifiers help to find the issuer; they never decide. */
function keyHint(child: Certificate, issuer: Certificate): "same" | "other" | "none" {
  const wanted = child.authorityKeyIdentifier?.keyIdentifier ?? null;
  const own = issuer.subjectKeyIdentifier;
  if (wanted === null || own === null) return "none";
  return sameBytes(wanted, own) ? "same" : "other";
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

export function overBudget(budget: Budget): Failure {
  const kind = budget.exceeded ?? "paths";
  const problem: Problem = {
    code: "budget-exceeded",
    expected: `at most ${budget.limits[kind]} ${BUDGET_NAMES[kind]}`,
    presented: "more",
  };
  return { problem, position: null, progress: Infinity };
}

const BUDGET_NAMES = {
  presentedBytes: "bytes of certificates",
  presentedCertificates: "certificates",
  names: "alternative names in a certificate",
  comparisons: "comparisons with name constraints",
  signatures: "signature verifications",
  candidates: "candidate issuers",
  paths: "candidate paths",
  opinions: "paths shown to PKI.js",
} as const;
