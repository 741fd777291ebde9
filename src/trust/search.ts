/**
 * The search of one verdict, among all paths from the end entity to an anchor of the policy, for a path that passes
 * every check.
 */
import type { Budget } from "./budget.ts";
import { loadPublicSuffixes } from "./checks/public-suffixes.ts";
import { buildPath, spendOnPath } from "./path/build.ts";
import { type Failure, furthest, overBudget } from "./path/failure.ts";
import type { SourcedCertificate } from "./path/issuers.ts";
import { type PresentedChain, anchorWith } from "./path/presented-chain.ts";
import type { ReadPolicy } from "./policy.ts";
import { type CertificateStore, digestKey } from "./signatures/store.ts";
import { type PathOutcome, type PathRules, validatePath } from "./validate.ts";
import type { Witness } from "./witness.ts";
import { type Match, matchIdentity } from "./x509/identity.ts";

/** The inputs of a search, beside the chain and the policy. */
interface SearchContext {
  readonly nowMs: number;
  /** The stapled OCSP response; null: there was none. */
  readonly staple: Uint8Array | null;
  readonly budget: Budget;
  readonly store: CertificateStore;
  readonly sha256: (bytes: Uint8Array) => Uint8Array;
  readonly witness: Witness;
}

/** The first path that passes every check, or the failure of the path that got furthest. */
export async function findPath(
  chain: PresentedChain,
  policy: ReadPolicy,
  context: SearchContext,
): Promise<PathOutcome> {
  const { nowMs, staple, budget } = context;
  const rules = await rulesFor(chain, policy, context);
  let accepted: PathOutcome | null = null;
  let worst: Failure | null = null;
  const accept = async (path: readonly SourcedCertificate[]): Promise<Failure | null> => {
    const outcome = await validatePath(path, rules, { nowMs, staple, budget });
    if (outcome.kind === "failed") return outcome.failure;
    accepted = outcome;
    return null;
  };
  // A self-signed backend: the policy's CA is the end entity itself, byte for byte.
  const own = anchorWith(chain.endEntity, policy.anchorIndex);
  if (own !== null) {
    const direct = [{ ...own, position: 0 }];
    worst = spendOnPath(direct, budget) ? await accept(direct) : overBudget(budget);
  }
  if (accepted === null && budget.exceeded === null) {
    const failure = await buildPath(chain.endEntity, {
      presented: chain.others,
      anchors: policy.anchorIndex,
      nowMs,
      budget,
      maxLength: policy.maxLength,
      role: "end-entity",
      accept,
    });
    if (failure !== null) worst = furthest(worst, failure);
  }
  if (accepted !== null) return accepted;
  if (worst === null) throw new Error("neither accepted nor failed");
  // When no issuer was found, a certificate that could not be read is the likelier reason.
  if (worst.problem.code === "unknown-ca" && chain.unreadable !== null) worst = chain.unreadable;
  return { kind: "failed", failure: worst };
}

async function rulesFor(chain: PresentedChain, policy: ReadPolicy, context: SearchContext): Promise<PathRules> {
  const { budget, sha256, store, witness } = context;
  const names = chain.endEntity.known.certificate.subjectAltNames ?? [];
  const identifiers = names.length > policy.limits.names ? [] : policy.identifiers;
  let match: Match | null | undefined;
  return {
    identifiers,
    match: () => {
      if (identifiers === null) return null;
      if (match === undefined) {
        const affordable = budget.spend("comparisons", identifiers.length * names.length);
        match = affordable ? matchIdentity(identifiers, names) : null;
      }
      return match;
    },
    isPublicSuffix: policy.profile === "strict" ? await loadPublicSuffixes() : null,
    pins: policy.pins,
    pinOf: ({ spki }) => digestKey(sha256(spki)),
    crls: policy.crls,
    presented: chain.others,
    anchors: policy.anchorIndex,
    maxLength: policy.maxLength,
    witness,
    store,
  };
}
