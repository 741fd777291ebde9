/** HTTPRoutes: to which listeners each parentRef attaches, and what the rules mean. */
import type { BackendContext } from "../backends/backends.ts";
import type { RouteReason } from "../diagnostics/conditions.ts";
import {
  type Diagnostics,
  explain,
  namespacedName,
  type Problem,
  show,
  type SourceObject,
} from "../diagnostics/diagnostics.ts";
import { isIpAddress } from "../kubernetes/hostnames.ts";
import type { Entry } from "../load/load.ts";
import type { Memory } from "../memory.ts";
import type { HTTPRoute } from "../kubernetes/objects.ts";
import { type ParentContext, type ParentState, resolveParents, unreadableParents } from "./parents.ts";
import { referencesOf, type RuleState, resolveRule } from "./rules.ts";
import { type Seniority, seniorityOf } from "../kubernetes/seniority.ts";

export interface RouteState {
  readonly name: string;
  readonly object: SourceObject;
  readonly seniority: Seniority;
  /** Gateways of ours and their ListenerSets alone, in the order of `spec.parentRefs`. */
  readonly parents: readonly ParentState[];
  readonly rules: readonly RuleState[];
  /** False when the schema refuses the object, so that its references were never looked at. */
  readonly readable: boolean;
  /** The route as a whole is refused: each of its rules answers 500. */
  readonly refusal: { readonly reason: RouteReason; readonly message: string } | null;
}

export type RouteContext = BackendContext & ParentContext;

/** In the order of their names. */
export function resolveRoutes(context: RouteContext, memory: Memory, diagnostics: Diagnostics): readonly RouteState[] {
  const { cluster, allowExternalName, requireBackendTls } = context;
  const entries = [...cluster.HTTPRoute.values()];
  return memory.each("routes", [allowExternalName, requireBackendTls], entries, diagnostics, (entry, own) =>
    resolveRoute(entry, context, own),
  );
}

function resolveRoute(entry: Entry<HTTPRoute>, context: RouteContext, diagnostics: Diagnostics): RouteState {
  const { object } = entry;
  const name = namespacedName(object.ref);
  const base = { name, object, seniority: seniorityOf(name, object.value) };
  if (entry.kind === "refused") {
    const { problem } = entry;
    const reason = problem.code === "route-filters-incompatible" ? "IncompatibleFilters" : "UnsupportedValue";
    const refusal = { reason, message: explain(object, problem) } as const;
    return { ...base, readable: false, refusal, rules: [], parents: unreadableParents(object, context, refusal) };
  }
  const { spec } = entry.object.value;
  const namespace = object.ref.namespace ?? "default";
  const problems = refuseRoute(entry.object.value);
  const rules = spec.rules.map((rule, index) => resolveRule(rule, index, namespace, context));
  for (const problem of [...problems, ...rules.flatMap((rule) => rule.problems)]) diagnostics.report(object, problem);
  for (const { state } of rules.flatMap(referencesOf))
    if (state.problem !== null) diagnostics.report(object, state.problem);
  const [problem] = problems;
  return {
    ...base,
    readable: true,
    parents: resolveParents(entry.object, context, diagnostics),
    rules,
    refusal:
      problem === undefined
        ? wholeRefusal(object, rules)
        : { reason: "UnsupportedValue", message: explain(object, problem) },
  };
}

/** Features of the route as a whole that lasthop refuses. */
function refuseRoute({ spec }: HTTPRoute): Problem[] {
  const problems: Problem[] = [];
  for (const [index, hostname] of (spec.hostnames ?? []).entries()) {
    // Hostname: "IPs are not allowed".
    if (isIpAddress(hostname))
      problems.push({
        code: "route-feature-unsupported",
        path: ["spec", "hostnames", index],
        message: "a hostname must not be an IP address",
        expected: "a DNS name",
        found: show(hostname),
        remedy: "use a DNS name",
      });
  }
  if ((spec.useDefaultGateways ?? "None") !== "None") {
    problems.push({
      code: "route-feature-unsupported",
      path: ["spec", "useDefaultGateways"],
      message: "lasthop has no default Gateways yet",
      expected: "None",
      found: show(spec.useDefaultGateways),
      remedy: "name the Gateway in parentRefs",
    });
  }
  return problems;
}

/** "A Route MUST be considered Accepted if at least one of the Route's rules is implemented by the Gateway." */
function wholeRefusal(object: SourceObject, rules: readonly RuleState[]): RouteState["refusal"] {
  if (rules.length === 0 || rules.some(({ refusal }) => refusal === null)) return null;
  const faults = rules.flatMap(({ problems }) => problems).filter(({ severity }) => severity !== "warning");
  return { reason: "UnsupportedValue", message: faults.map((problem) => explain(object, problem)).join("; ") };
}
