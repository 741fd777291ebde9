/** What one target of a BackendTLSPolicy attaches to, or why to nothing (`BackendTLSPolicySpec.targetRefs`). */
import { explain, type Problem, type SourceObject } from "../diagnostics/diagnostics.ts";
import type { Cluster } from "../load/load.ts";
import type { ServiceIndex } from "./meant.ts";
import { type Misplaced, misplacedProblem, misplacements, slotOf } from "./misplaced.ts";
import type { WrittenTarget } from "../load/policy-targets.ts";
import { conflict, targetFault } from "./target-faults.ts";

/** A target, before anything is decided. */
export interface Claim {
  readonly index: number;
  readonly ref: WrittenTarget;
  /** `namespace/name`; null when the target is no Service at all. */
  readonly service: string | null;
}

export interface TargetState extends Claim {
  readonly sectionName: string | null;
  readonly verdict:
    | { readonly kind: "won" }
    /** An older policy has the same target and section. */
    | { readonly kind: "lost"; readonly to: string; readonly message: string }
    /** `meant`: the Services that it may stand for, which it does not protect. */
    | { readonly kind: "not-found"; readonly message: string; readonly meant: readonly string[] };
}

export interface Attachment {
  readonly state: TargetState;
  /** Why the target attaches to nothing; null: it does, or has lost. */
  readonly fault: Problem | null;
  /** All to report: `fault` too. */
  readonly problems: readonly Problem[];
  readonly misplaced: readonly Misplaced[];
}

/** `winners`: the policy of each slot (`slotOf`), decided before. */
export function attach(
  { index, ref, service }: Claim,
  name: string,
  object: SourceObject,
  winners: ReadonlyMap<string, string>,
  cluster: Cluster,
  services: ServiceIndex,
): Attachment {
  const at = ["spec", "targetRefs", index];
  const base = { index, ref, service, sectionName: ref.sectionName ?? null };
  const own = targetFault(ref, service, object, cluster, services);
  const isMissing = own?.problem.code === "policy-target-not-found";
  const elsewhere = service === null ? null : misplacements(ref, object, winners, services);
  const misplacement = elsewhere === null ? null : misplacedProblem(ref, at, object, elsewhere, isMissing);
  const misplaced = elsewhere?.closed ?? [];
  const others = misplacement === null ? [] : [misplacement];
  const winner = winners.get(slotOf(service, ref.sectionName));
  if (service !== null && winner !== undefined && winner !== name) {
    const problem = conflict(at, ref, winner);
    const verdict = { kind: "lost", to: winner, message: explain(object, problem) } as const;
    return { state: { ...base, verdict }, fault: null, problems: [problem, ...others], misplaced };
  }
  if (own === null) return { state: { ...base, verdict: { kind: "won" } }, fault: null, problems: others, misplaced };
  const problem = { ...own.problem, path: [...at, ...own.problem.path] };
  const fault = isMissing && misplacement !== null ? misplacement : problem;
  const verdict = { kind: "not-found", message: explain(object, fault), meant: own.meant } as const;
  const problems = fault === misplacement ? others : [problem, ...others];
  return { state: { ...base, verdict }, fault, problems, misplaced };
}
