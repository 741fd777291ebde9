/** Why a path was not accepted, and how far it had got: of several paths, the refusal names the furthest one's failure. */
import type { Budget } from "../budget.ts";
import type { Problem } from "../verdict.ts";

/** A problem, the certificate at fault, and how far the path that ran into it had got. */
export interface Failure {
  readonly problem: Problem;
  /** The certificate at fault, as in `Refusal.position`. */
  readonly position: number | null;
  readonly progress: Progress;
}

/**
 * The progress of a path before it failed. `length` counts its certificates, end entity included: the path of more
 * certificates got further, whatever the step. Example: the end entity's issuer was found, signed it, and is no CA: `{
 * kind: "building", length: 1, step: "intermediate" }`.
 */
export type Progress =
  | { readonly kind: "reading" }
  | { readonly kind: "building"; readonly length: number; readonly step: BuildingStep }
  | { readonly kind: "validating"; readonly step: ValidationStep }
  | { readonly kind: "over-budget" };

/**
 * The phases of a search, from the least progress to the most. A verdict that ran out of its budget says so, whatever
 * else failed before.
 */
const PHASES = ["reading", "building", "validating", "over-budget"] as const satisfies Progress["kind"][];

/**
 * The steps before a path gets one more certificate. The order is that of the refusals' usefulness to an operator, as
 * rustls-webpki ranks its errors, and not that of the checks: `path-length` is looked at first.
 */
const BUILDING_STEPS = [
  /** No certificate has the issuer's name, or those that have it say that their key is another one. */
  "issuer-name",
  /** The issuer's key is not to be used, or it did not sign. */
  "issuer-signature",
  /** The certificate's signature algorithm, or the end entity's key, is not supported. */
  "algorithm",
  /** The path would be longer than the policy allows. */
  "path-length",
  /** A presented issuer is not what RFC 5280 asks of a CA in its place. */
  "intermediate",
  /** The policy's anchor is not what RFC 5280 asks of a CA in its place. */
  "anchor",
] as const;
/** One of the steps that a path must pass to get one more certificate. */
export type BuildingStep = (typeof BUILDING_STEPS)[number];

/** The checks of a complete path, in their order. */
const VALIDATION_STEPS = [
  /** The end entity, name constraints and certificate policies. */
  "certificates",
  /** The issuance rules of the profile `strict`. */
  "issuance-rules",
  "name",
  "revocation",
  "pins",
  "second-opinion",
] as const;
/** One of the steps that a complete path is checked in. */
export type ValidationStep = (typeof VALIDATION_STEPS)[number];

/** The failure of the path that got further; of two that got equally far, the earlier one. */
export const furthest = (earlier: Failure | null, later: Failure): Failure =>
  earlier === null || compareProgress(later.progress, earlier.progress) > 0 ? later : earlier;

function compareProgress(one: Progress, other: Progress): number {
  if (one.kind === "building" && other.kind === "building") {
    return one.length - other.length || BUILDING_STEPS.indexOf(one.step) - BUILDING_STEPS.indexOf(other.step);
  }
  if (one.kind === "validating" && other.kind === "validating") {
    return VALIDATION_STEPS.indexOf(one.step) - VALIDATION_STEPS.indexOf(other.step);
  }
  return PHASES.indexOf(one.kind) - PHASES.indexOf(other.kind);
}

/** The failure that names the limit which was passed. */
export function overBudget(budget: Budget): Failure {
  const kind = budget.exceeded ?? "paths";
  const problem: Problem = {
    code: "budget-exceeded",
    expected: `at most ${budget.limits[kind]} ${BUDGET_NAMES[kind]}`,
    presented: "more",
  };
  return { problem, position: null, progress: { kind: "over-budget" } };
}

const BUDGET_NAMES = {
  presentedBytes: "bytes of certificates",
  presentedCertificates: "certificates",
  names: "alternative names in a certificate",
  comparisons: "comparisons of names",
  folded: "octets of distinguished names to compare",
  signatures: "signature verifications",
  candidates: "candidate issuers",
  paths: "candidate paths",
  opinions: "paths put before the witness",
  witnessed: "signatures for the witness to verify, in units of P-256",
  work: "units of work",
} as const;
