/** What each target of a BackendTLSPolicy attaches to, or why it attaches to nothing (`BackendTLSPolicySpec.targetRefs`). */
import { explain, type Problem, type SourceObject } from "../diagnostics/diagnostics.ts";
import type { WrittenTarget } from "../load/policy-targets.ts";
import { type ClosedService, misplacedProblem, misplacements } from "./misplaced-policies.ts";
import { policyConflict } from "./target-problems.ts";
import { type TargetContext, targetKey } from "./target-context.ts";
import { targetFault } from "./target-faults.ts";

/** A target of a policy, before conflicts between policies are decided. */
export interface UnresolvedTarget {
  /** Place in `spec.targetRefs`. */
  readonly index: number;
  readonly ref: WrittenTarget;
  /** `namespace/name`; null when the target is of another kind than Service. */
  readonly service: string | null;
}

/** A target of a policy, and what it attaches to. */
export interface TargetState extends UnresolvedTarget {
  /** The name of the port; null: the whole Service. */
  readonly sectionName: string | null;
  readonly verdict:
    | { readonly kind: "won" }
    /** Another policy has the same Service and sectionName, and takes precedence. */
    | { readonly kind: "lost"; readonly to: string; readonly message: string }
    /** `likely`: Services that the target may mean, as `namespace/name`. The policy does not protect them. */
    | { readonly kind: "not-found"; readonly message: string; readonly likely: readonly string[] };
}

/** A {@link TargetState}, and the problems of the target. */
interface TargetAttachment {
  readonly state: TargetState;
  /** Why the target attaches to nothing. Null: it attaches, or another policy takes precedence. */
  readonly fault: Problem | null;
  /** Everything to report about the target, `fault` included. */
  readonly problems: readonly Problem[];
  /** Services of other namespaces that the target closes. */
  readonly closed: readonly ClosedService[];
}

/** Resolves one target of the policy `name`. */
export function attachTarget(
  { index, ref, service }: UnresolvedTarget,
  name: string,
  object: SourceObject,
  context: TargetContext,
): TargetAttachment {
  const at = ["spec", "targetRefs", index];
  const base = { index, ref, service, sectionName: ref.sectionName ?? null };
  const own = targetFault(ref, service, object, context);
  const isMissing = own?.problem.code === "policy-target-not-found";
  const elsewhere = service === null ? null : misplacements(ref, object, context);
  const misplacement = elsewhere === null ? null : misplacedProblem({ ref, at, isMissing }, object, elsewhere);
  const closed = elsewhere?.closed ?? [];
  const others = misplacement === null ? [] : [misplacement];
  const winner = context.winners.get(targetKey(service, ref.sectionName));
  if (service !== null && winner !== undefined && winner !== name) {
    const problem = policyConflict(at, ref, winner);
    const verdict = { kind: "lost", to: winner, message: explain(object, problem) } as const;
    return { state: { ...base, verdict }, fault: null, problems: [problem, ...others], closed };
  }
  if (own === null) return { state: { ...base, verdict: { kind: "won" } }, fault: null, problems: others, closed };
  const problem = { ...own.problem, path: [...at, ...own.problem.path] };
  // Where the missing namespace explains why the Service is not found, only that is reported.
  const fault = isMissing && misplacement !== null ? misplacement : problem;
  const verdict = { kind: "not-found", message: explain(object, fault), likely: own.likely } as const;
  const problems = fault === misplacement ? others : [problem, ...others];
  return { state: { ...base, verdict }, fault, problems, closed };
}
