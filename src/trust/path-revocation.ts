/** Checks whether certificates of a path are revoked: by the policy's CRLs, and by the stapled OCSP response. */
import type { Budget } from "./budget.ts";
import { checkPolicies } from "./checks/certificate-policies.ts";
import { checkPathConstraints } from "./checks/name-constraints.ts";
import { checkSigner, endEntityOf } from "./checks/single-certificate.ts";
import type { AnchorIndex, SourcedCertificate } from "./path/issuers.ts";
import type { CrlSet } from "./revocation/crl-set.ts";
import { checkMustStaple, mustStaple } from "./revocation/must-staple.ts";
import { parseOcspRevoked } from "./revocation/ocsp-revoked.ts";
import { RevocationCheck } from "./revocation/status.ts";
import type { CertificateStore } from "./signatures/store.ts";
import type { Problem } from "./verdict.ts";
import type { Certificate } from "./x509/certificate.ts";
import { type Period, intersect, validityOf } from "./x509/period.ts";

/** The inputs of all checks of one verdict. */
export interface ValidationContext {
  readonly nowMs: number;
  readonly budget: Budget;
  /** The stapled OCSP response; null: there was none. */
  readonly staple: Uint8Array | null;
}

/** The inputs of checking whether certificates of a path are revoked. */
export interface PathRevocationRules {
  /** CRLs; null: revocation is not configured. */
  readonly crls: CrlSet | null;
  /** Presented certificates, among which the signer of a CRL may be. */
  readonly presented: readonly SourcedCertificate[];
  readonly anchors: AnchorIndex;
  readonly maxLength: number;
  readonly store: CertificateStore;
}

/**
 * Why a step of the validation fails. `index` is the place in the path of the certificate at fault; null: no single
 * certificate is.
 */
export interface Fault {
  readonly problem: Problem;
  readonly index: number | null;
}

/** The standing of a path none of whose certificates is revoked. */
export interface PathStanding {
  /** The time in which the path is valid, with the CRLs, the stapled response and the signers that were needed. */
  readonly period: Period;
  /** Whether the end entity was accepted because of its stapled response. */
  readonly neededStaple: boolean;
}

/** The time in which a path is valid and known not to be revoked, by the policy's CRLs and a stapled response. */
export async function checkPathRevocation(
  path: readonly SourcedCertificate[],
  rules: PathRevocationRules,
  context: ValidationContext,
): Promise<Fault | PathStanding> {
  const certificates = path.map(({ known }) => known.certificate);
  const endEntity = endEntityOf(certificates);
  const crls = crlCheck(path, rules, context);
  const listed = crls === null ? [] : await checkCrls(path, crls);
  if ("problem" in listed) return listed;
  const stapled = checkStaple(context.staple, endEntity);
  if (stapled !== null) return { problem: stapled, index: 0 };
  const period = intersect(...certificates.map(validityOf), ...listed);
  const issuer = path[1] ?? path[0];
  if (!mustStaple(endEntity) || issuer === undefined) return { period, neededStaple: mustStaple(endEntity) };
  const { nowMs, budget, staple } = context;
  const status = crls === null ? null : crls.check.bind(crls);
  const options = { store: rules.store, nowMs, budget, status };
  const answer = await checkMustStaple(endEntity, issuer.known, staple, options);
  if ("code" in answer) return { problem: answer, index: 0 };
  return { period: intersect(period, answer), neededStaple: true };
}

/** The check by the policy's CRLs; null: the policy has none. */
function crlCheck(
  path: readonly SourcedCertificate[],
  rules: PathRevocationRules,
  { nowMs, budget }: ValidationContext,
): RevocationCheck | null {
  const { crls } = rules;
  const checkPath = (own: readonly SourcedCertificate[]): Problem | null => checkSignerPath(own, nowMs, budget);
  return crls === null ? null : new RevocationCheck({ ...rules, crls, path, nowMs, budget, checkPath });
}

/** The times in which the certificates of a path are known not to be revoked. */
async function checkCrls(
  path: readonly SourcedCertificate[],
  crls: RevocationCheck,
): Promise<Fault | readonly Period[]> {
  // The revocation of an anchor is not checked, except that of an end entity that is its own anchor.
  const questioned = path.length === 1 ? path : path.slice(0, -1);
  const periods: Period[] = [];
  for (const [index, { known }] of questioned.entries()) {
    const answer = await crls.check(known);
    if ("code" in answer) return { problem: answer, index };
    periods.push(answer);
  }
  return periods;
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
