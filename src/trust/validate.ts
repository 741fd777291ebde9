/**
 * Checks one complete path: its end entity, constraints, policies, name, revocation and pins, and at last what the
 * witness says.
 */
import type { Budget } from "./budget.ts";
import { checkPolicies } from "./checks/certificate-policies.ts";
import { type IsPublicSuffix, checkIssuance, describeNames } from "./checks/issuance.ts";
import { checkNameConstraints } from "./checks/name-constraints.ts";
import { checkEndEntity, checkSigner } from "./checks/profile.ts";
import { type Failure, type ValidationStep, overBudget } from "./path/failure.ts";
import type { AnchorIndex, SourcedCertificate } from "./path/issuers.ts";
import type { CrlSet } from "./revocation/crl-set.ts";
import { checkMustStaple, mustStaple } from "./revocation/must-staple.ts";
import { parseOcspRevoked } from "./revocation/ocsp-revoked.ts";
import { RevocationCheck } from "./revocation/status.ts";
import type { CertificateStore } from "./signatures/store.ts";
import type { Problem, Testimony } from "./verdict.ts";
import { type Witness, askWitness, witnessCost } from "./witness.ts";
import type { Certificate } from "./x509/certificate.ts";
import type { Match, TrustIdentifier } from "./x509/identity.ts";
import type { NameConstraints } from "./x509/name-constraints.ts";
import { type Period, intersect, validityOf } from "./x509/period.ts";

/** What a path is checked with. */
export interface PathRules {
  /** Null: no name is asked for. Only x509-limbo does that; `createVerifier` never. */
  readonly identifiers: readonly TrustIdentifier[] | null;
  /** The match of the end entity's names with the identifiers: computed at the first call, for all paths. */
  readonly match: () => Match | null;
  /** Null under the profile `private`. */
  readonly isPublicSuffix: IsPublicSuffix | null;
  /** Digests of SubjectPublicKeyInfos, as `digestKey` writes them; empty: no pinning. */
  readonly pins: ReadonlySet<string>;
  /** The digest of a certificate's SubjectPublicKeyInfo, as in `pins`. */
  readonly pinOf: (certificate: Certificate) => string;
  /** Null: revocation is not configured. */
  readonly crls: CrlSet | null;
  /** Presented certificates, among which the signer of a CRL may be. */
  readonly presented: readonly SourcedCertificate[];
  readonly anchors: AnchorIndex;
  readonly maxLength: number;
  readonly witness: Witness;
  readonly store: CertificateStore;
}

/** What was found out about an accepted path. */
interface PathFacts {
  readonly match: Match | null;
  /** When the path is valid, with the CRLs, the stapled response and the signers that were needed. */
  readonly period: Period;
  readonly witness: Testimony;
  /** Whether the end entity was accepted because of its stapled response. */
  readonly neededStaple: boolean;
}

/** The result of checking one path. */
export type PathOutcome =
  | { readonly kind: "accepted"; readonly path: readonly SourcedCertificate[]; readonly facts: PathFacts }
  | { readonly kind: "failed"; readonly failure: Failure };

/**
 * Checks a complete path, end entity first, anchor last. A self-signed end entity that is its own anchor is a path
 * of one. The signatures on the path were verified while it was built.
 */
export async function validatePath(
  path: readonly SourcedCertificate[],
  rules: PathRules,
  nowMs: number,
  budget: Budget,
  ocspResponse: Uint8Array | null,
): Promise<PathOutcome> {
  const certificates = path.map(({ known }) => known.certificate);
  const endEntity = certificates[0];
  if (endEntity === undefined) throw new Error("a path has at least its end entity");
  let step: ValidationStep = "certificates";
  const fail = (problem: Problem, index: number | null): PathOutcome => ({
    kind: "failed",
    failure: {
      problem,
      position: index === null ? null : (path[index]?.position ?? null),
      progress: { kind: "validating", step },
    },
  });

  const direct = path.length === 1;
  const own = checkEndEntity(endEntity, direct, nowMs, budget);
  if (own !== null) return fail(own, 0);
  const constrained = checkConstraints(certificates, budget);
  if (budget.exceeded !== null) return { kind: "failed", failure: overBudget(budget) };
  if (constrained !== null) return fail(constrained.problem, constrained.index);
  const policy = checkPolicies(certificates);
  if (policy !== null) return fail({ code: "policy-constraint", ...policy }, policy.index);

  step = "issuance-rules";
  const issuance = rules.isPublicSuffix === null ? null : checkIssuance(certificates, rules.isPublicSuffix);
  if (issuance !== null) return fail(issuance.problem, issuance.index);

  step = "name";
  const { identifiers } = rules;
  const match = rules.match();
  if (budget.exceeded !== null) return { kind: "failed", failure: overBudget(budget) };
  if (identifiers !== null && match === null) return fail(nameMismatch(identifiers, endEntity), 0);

  step = "revocation";
  let period = intersect(...certificates.map(validityOf));
  const checkPath = (own: readonly SourcedCertificate[]): Problem | null => checkSignerPath(own, nowMs, budget);
  const revocation =
    rules.crls === null ? null : new RevocationCheck({ ...rules, crls: rules.crls, path, nowMs, budget, checkPath });
  if (revocation !== null) {
    // The revocation of an anchor is not checked, except that of an end entity that is its own anchor.
    const questioned = direct ? path : path.slice(0, -1);
    for (const [index, { known }] of questioned.entries()) {
      const answer = await revocation.check(known);
      if ("code" in answer) return fail(answer, index);
      period = intersect(period, answer);
    }
  }
  const stapled = checkStaple(ocspResponse, endEntity);
  if (stapled !== null) return fail(stapled, 0);
  const neededStaple = mustStaple(endEntity);
  const issuer = path[1] ?? path[0];
  if (neededStaple && issuer !== undefined) {
    const status = revocation === null ? null : revocation.check.bind(revocation);
    const answer = await checkMustStaple(endEntity, issuer.known, ocspResponse, {
      store: rules.store,
      nowMs,
      budget,
      status,
    });
    if ("code" in answer) return fail(answer, 0);
    period = intersect(period, answer);
  }

  step = "pins";
  if (rules.pins.size > 0 && !certificates.some((certificate) => rules.pins.has(rules.pinOf(certificate)))) {
    return fail(
      { code: "pin-mismatch", expected: "a path with a pinned key", presented: `${certificates.length} other keys` },
      null,
    );
  }

  step = "second-opinion";
  // The witness's work is charged for each path: RSA and P-384 are slow in WebAssembly.
  if (!budget.spend("opinions", 1) || !budget.spend("witnessed", witnessCost(certificates))) {
    return { kind: "failed", failure: overBudget(budget) };
  }
  const witnessed = askWitness(rules.witness, certificates, match, nowMs);
  if (witnessed.kind === "refused") return fail(witnessed.problem, null);
  const facts = { match, period, neededStaple, witness: witnessed.testimony };
  return { kind: "accepted", path, facts };
}

/** Checks the path of a CRL's signer. `buildPath` has checked its CAs. */
function checkSignerPath(path: readonly SourcedCertificate[], nowMs: number, budget: Budget): Problem | null {
  const certificates = path.map(({ known }) => known.certificate);
  const [signer] = certificates;
  if (signer === undefined) throw new Error("a path has at least its end entity");
  const own = checkSigner(signer, nowMs);
  if (own !== null) return own;
  const policy = checkPolicies(certificates);
  if (policy !== null) return { code: "policy-constraint", ...policy };
  return checkConstraints(certificates, budget)?.problem ?? null;
}

/**
 * Checks name constraints from the anchor down, each certificate with the constraints of all above it (RFC 5280
 * §6.1.3 (b)-(c)).
 */
function checkConstraints(
  certificates: readonly Certificate[],
  budget: Budget,
): { readonly index: number; readonly problem: Problem } | null {
  const above: NameConstraints[] = [];
  for (let index = certificates.length - 1; index >= 0; index--) {
    const certificate = certificates[index];
    if (certificate === undefined) continue;
    // A self-issued certificate is exempt unless it is the end entity. Nothing constrains an anchor.
    if (!certificate.selfIssued || index === 0) {
      const problem = checkNameConstraints(certificate, above, budget);
      if (problem !== null) return { index, problem: { code: "name-constraint", ...problem } };
      if (budget.exceeded !== null) return null;
    }
    if (certificate.nameConstraints !== null) above.push(certificate.nameConstraints);
  }
  return null;
}

function nameMismatch(identifiers: readonly TrustIdentifier[], endEntity: Certificate): Problem {
  const expected = identifiers.slice(0, 8).map(({ type, value }) => `${type}:${value}`);
  return {
    code: "name-mismatch",
    expected: expected.length === 0 ? "a policy with a name to match" : expected.join(" or "),
    presented: describeNames(endEntity),
  };
}

/** Checks a stapled response: when there is one, it must be readable and must not say `revoked`. */
function checkStaple(response: Uint8Array | null, endEntity: Certificate): Problem | null {
  if (response === null || response.length === 0) return null;
  const revoked = parseOcspRevoked(response, endEntity.serial);
  if (revoked.kind === "malformed") {
    return { code: "revocation-unknown", expected: "a readable OCSP response", presented: revoked.why };
  }
  return revoked.value
    ? { code: "revoked", expected: "a certificate that is not revoked", presented: "a stapled OCSP response: revoked" }
    : null;
}
