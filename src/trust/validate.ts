/**
 * Checks one complete path: its end entity, constraints, policies, name, revocation and pins, and at last what the
 * witness says. The file is long because it has the steps of a validation in their order, each of which refuses the path.
 */
import type { Budget } from "./budget.ts";
import { checkPolicies } from "./checks/certificate-policies.ts";
import { type IsPublicSuffix, checkIssuance, describeNames } from "./checks/issuance.ts";
import { checkPathConstraints } from "./checks/name-constraints.ts";
import { checkEndEntity, checkSigner } from "./checks/single-certificate.ts";
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
import { type Period, intersect, validityOf } from "./x509/period.ts";

/** The inputs of checking a path. */
export interface PathRules {
  /**
   * Reference identifiers; null: no name is asked for, as in cases of x509-limbo alone: `createVerifier` always asks
   * for one.
   */
  readonly identifiers: readonly TrustIdentifier[] | null;
  /** The match of the end entity's names with the identifiers: computed at the first call, for all paths. */
  readonly match: () => Match | null;
  /** The test for public suffixes, for the issuance rules; null under the profile `private`. */
  readonly isPublicSuffix: IsPublicSuffix | null;
  /** Digests of SubjectPublicKeyInfos, as `digestKey` writes them; empty: no pinning. */
  readonly pins: ReadonlySet<string>;
  /** The digest of a certificate's SubjectPublicKeyInfo, as in `pins`. */
  readonly pinOf: (certificate: Certificate) => string;
  /** CRLs; null: revocation is not configured. */
  readonly crls: CrlSet | null;
  /** Presented certificates, among which the signer of a CRL may be. */
  readonly presented: readonly SourcedCertificate[];
  readonly anchors: AnchorIndex;
  readonly maxLength: number;
  readonly witness: Witness;
  readonly store: CertificateStore;
}

/** The facts about an accepted path. */
interface PathFacts {
  readonly match: Match | null;
  /** The time in which the path is valid, with the CRLs, the stapled response and the signers that were needed. */
  readonly period: Period;
  readonly witness: Testimony;
  /** Whether the end entity was accepted because of its stapled response. */
  readonly neededStaple: boolean;
}

/** The result of checking one path. */
export type PathOutcome =
  | { readonly kind: "accepted"; readonly path: readonly SourcedCertificate[]; readonly facts: PathFacts }
  | { readonly kind: "failed"; readonly failure: Failure };

/** The inputs of all checks of one verdict. */
interface ValidationContext {
  readonly nowMs: number;
  readonly budget: Budget;
  /** The stapled OCSP response; null: there was none. */
  readonly staple: Uint8Array | null;
}

/**
 * Why a step of the validation fails. `index` is the place in the path of the certificate at fault; null: no single
 * certificate is.
 */
interface Fault {
  readonly problem: Problem;
  readonly index: number | null;
}

/**
 * Checks a complete path, end entity first, anchor last. A self-signed end entity that is its own anchor is a path
 * of one. The signatures on the path were verified while it was built.
 */
export async function validatePath(
  path: readonly SourcedCertificate[],
  rules: PathRules,
  context: ValidationContext,
): Promise<PathOutcome> {
  const { nowMs, budget } = context;
  const certificates = path.map(({ known }) => known.certificate);
  const fail = (step: ValidationStep, { problem, index }: Fault): PathOutcome => {
    const position = index === null ? null : (path[index]?.position ?? null);
    return { kind: "failed", failure: { problem, position, progress: { kind: "validating", step } } };
  };

  const unfit = checkCertificates(certificates, nowMs, budget);
  if (budget.exceeded !== null) return { kind: "failed", failure: overBudget(budget) };
  if (unfit !== null) return fail("certificates", unfit);

  const issuance = rules.isPublicSuffix === null ? null : checkIssuance(certificates, rules.isPublicSuffix);
  if (issuance !== null) return fail("issuance-rules", issuance);

  const { identifiers } = rules;
  const match = rules.match();
  if (budget.exceeded !== null) return { kind: "failed", failure: overBudget(budget) };
  if (identifiers !== null && match === null) {
    return fail("name", { problem: nameMismatch(identifiers, endEntityOf(certificates)), index: 0 });
  }

  const standing = await checkRevocation(path, rules, context);
  if ("problem" in standing) return fail("revocation", standing);

  if (rules.pins.size > 0 && !certificates.some((certificate) => rules.pins.has(rules.pinOf(certificate)))) {
    return fail("pins", { problem: pinMismatch(certificates.length), index: null });
  }

  // The witness's work is charged for each path: RSA and P-384 are slow in WebAssembly.
  if (!budget.spend("opinions", 1) || !budget.spend("witnessed", witnessCost(certificates))) {
    return { kind: "failed", failure: overBudget(budget) };
  }
  const witnessed = askWitness(rules.witness, certificates, match, nowMs);
  if (witnessed.kind === "refused") return fail("second-opinion", { problem: witnessed.problem, index: null });
  return { kind: "accepted", path, facts: { match, ...standing, witness: witnessed.testimony } };
}

function endEntityOf(certificates: readonly Certificate[]): Certificate {
  const [endEntity] = certificates;
  if (endEntity === undefined) throw new Error("a path has at least its end entity");
  return endEntity;
}

/** Checks the end entity, name constraints and policies. When the budget is exceeded, the answer means nothing. */
function checkCertificates(certificates: readonly Certificate[], nowMs: number, budget: Budget): Fault | null {
  const own = checkEndEntity(endEntityOf(certificates), certificates.length === 1, nowMs, budget);
  if (own !== null) return { problem: own, index: 0 };
  const constrained = checkPathConstraints(certificates, budget);
  if (constrained !== null || budget.exceeded !== null) return constrained;
  const policy = checkPolicies(certificates);
  return policy === null ? null : { problem: { code: "policy-constraint", ...policy }, index: policy.index };
}

/** The time in which a path is valid and known not to be revoked, by the policy's CRLs and a stapled response. */
async function checkRevocation(
  path: readonly SourcedCertificate[],
  rules: PathRules,
  { nowMs, budget, staple }: ValidationContext,
): Promise<Fault | Pick<PathFacts, "period" | "neededStaple">> {
  const certificates = path.map(({ known }) => known.certificate);
  const endEntity = endEntityOf(certificates);
  let period = intersect(...certificates.map(validityOf));
  const checkPath = (own: readonly SourcedCertificate[]): Problem | null => checkSignerPath(own, nowMs, budget);
  const crls =
    rules.crls === null ? null : new RevocationCheck({ ...rules, crls: rules.crls, path, nowMs, budget, checkPath });
  if (crls !== null) {
    // The revocation of an anchor is not checked, except that of an end entity that is its own anchor.
    const questioned = path.length === 1 ? path : path.slice(0, -1);
    for (const [index, { known }] of questioned.entries()) {
      const answer = await crls.check(known);
      if ("code" in answer) return { problem: answer, index };
      period = intersect(period, answer);
    }
  }
  const stapled = checkStaple(staple, endEntity);
  if (stapled !== null) return { problem: stapled, index: 0 };
  const neededStaple = mustStaple(endEntity);
  const issuer = path[1] ?? path[0];
  if (neededStaple && issuer !== undefined) {
    const status = crls === null ? null : crls.check.bind(crls);
    const answer = await checkMustStaple(endEntity, issuer.known, staple, {
      store: rules.store,
      nowMs,
      budget,
      status,
    });
    if ("code" in answer) return { problem: answer, index: 0 };
    period = intersect(period, answer);
  }
  return { period, neededStaple };
}

/** Checks the path of a CRL's signer. `buildPath` has checked its CAs. */
function checkSignerPath(path: readonly SourcedCertificate[], nowMs: number, budget: Budget): Problem | null {
  const certificates = path.map(({ known }) => known.certificate);
  const own = checkSigner(endEntityOf(certificates), nowMs);
  if (own !== null) return own;
  const policy = checkPolicies(certificates);
  if (policy !== null) return { code: "policy-constraint", ...policy };
  return checkPathConstraints(certificates, budget)?.problem ?? null;
}

const pinMismatch = (keys: number): Problem => ({
  code: "pin-mismatch",
  expected: "a path with a pinned key",
  presented: `${keys} other keys`,
});

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
