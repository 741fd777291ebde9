/**
 * Checks one complete path: its end entity, constraints, policies, name, revocation and pins, and at last what the
 * witness says.
 */
import type { Budget } from "./budget.ts";
import { checkPolicies } from "./checks/certificate-policies.ts";
import { type IsPublicSuffix, checkIssuance, describeNames } from "./checks/issuance.ts";
import { checkPathConstraints } from "./checks/name-constraints.ts";
import { checkEndEntity, endEntityOf } from "./checks/single-certificate.ts";
import { type Failure, type ValidationStep, overBudget } from "./path/failure.ts";
import {
  type Fault,
  type PathRevocationRules,
  type PathStanding,
  type ValidationContext,
  checkPathRevocation,
} from "./path-revocation.ts";
import type { SourcedCertificate } from "./path/issuers.ts";
import type { Problem, Testimony } from "./verdict.ts";
import { type Witness, askWitness, witnessCost } from "./witness.ts";
import type { Certificate } from "./x509/certificate.ts";
import type { Match, TrustIdentifier } from "./x509/identity.ts";

/** The inputs of checking a path. */
export interface PathRules extends PathRevocationRules {
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
  readonly witness: Witness;
}

/** The facts about an accepted path. */
interface PathFacts extends PathStanding {
  readonly match: Match | null;
  readonly witness: Testimony;
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

  const standing = await checkPathRevocation(path, rules, context);
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

/** Checks the end entity, name constraints and policies. When the budget is exceeded, the answer means nothing. */
function checkCertificates(certificates: readonly Certificate[], nowMs: number, budget: Budget): Fault | null {
  const own = checkEndEntity(endEntityOf(certificates), certificates.length === 1, nowMs, budget);
  if (own !== null) return { problem: own, index: 0 };
  const constrained = checkPathConstraints(certificates, budget);
  if (constrained !== null || budget.exceeded !== null) return constrained;
  const policy = checkPolicies(certificates);
  return policy === null ? null : { problem: { code: "policy-constraint", ...policy }, index: policy.index };
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
