/** HTTPRoutes: the listeners to which each route attaches, and what the rules of the route mean. */
import type { BackendContext } from "../backends/backends.ts";
import {
  type Diagnostics,
  explain,
  namespacedName,
  type Problem,
  type SourceObject,
} from "../diagnostics/diagnostics.ts";
import { isIpAddress } from "../kubernetes/hostnames.ts";
import type { Entry } from "../load/load.ts";
import type { Memory } from "../memory/memory.ts";
import type { HTTPRoute } from "../kubernetes/objects.ts";
import { type ParentContext, type ParentState, refusedParents, resolveParents, type RouteRefusal } from "./parents.ts";
import { defaultGateways, routeHostnameIsIp } from "./problems.ts";
import { backendRefsOf, type RuleState, resolveRule } from "./rules.ts";
import { type Seniority, seniorityOf } from "../kubernetes/seniority.ts";

/** An HTTPRoute, valid or refused. */
export interface RouteState {
  /** `namespace/name`. */
  readonly name: string;
  readonly object: SourceObject;
  readonly seniority: Seniority;
  /** The parents that lasthop serves, in the order of `spec.parentRefs`. */
  readonly parents: readonly ParentState[];
  readonly rules: readonly RuleState[];
  /** Whether the schema accepts the object; if not, its references were not resolved. */
  readonly readable: boolean;
  /** Why the route as a whole is refused, so that each of its rules answers 500; null: it is not. */
  readonly refusal: RouteRefusal | null;
}

/** The context in which routes are resolved. */
type RouteContext = BackendContext & ParentContext;

/** Resolves every HTTPRoute of the cluster, in the order of their names. */
export function resolveRoutes(context: RouteContext, memory: Memory, diagnostics: Diagnostics): readonly RouteState[] {
  const { cluster, allowExternalName, requireBackendTls } = context;
  const entries = [...cluster.HTTPRoute.values()];
  const given = [allowExternalName, requireBackendTls];
  return memory.each("routes", { items: entries, given }, diagnostics, (entry, own) =>
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
    return { ...base, readable: false, refusal, rules: [], parents: refusedParents(object, context, refusal) };
  }
  const { spec } = entry.object.value;
  const namespace = object.ref.namespace ?? "default";
  const problems = refuseRoute(entry.object.value);
  const rules = spec.rules.map((rule, index) => resolveRule(rule, index, namespace, context));
  for (const problem of [...problems, ...rules.flatMap((rule) => rule.problems)]) diagnostics.report(object, problem);
  for (const { state } of rules.flatMap(backendRefsOf))
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

/** Features of the route as a whole that lasthop does not support. */
function refuseRoute({ spec }: HTTPRoute): Problem[] {
  const problems = (spec.hostnames ?? []).flatMap((hostname, index) =>
    isIpAddress(hostname) ? [routeHostnameIsIp(index, hostname)] : [],
  );
  if ((spec.useDefaultGateways ?? "None") !== "None") problems.push(defaultGateways(spec.useDefaultGateways));
  return problems;
}

/**
 * Why no rule of a route is served; null: some rule is served, or the route has none. "A Route MUST be considered
 * Accepted if at least one of the Route's rules is implemented by the Gateway."
 */
function wholeRefusal(object: SourceObject, rules: readonly RuleState[]): RouteState["refusal"] {
  if (rules.length === 0 || rules.some(({ refusal }) => refusal === null)) return null;
  const faults = rules.flatMap(({ problems }) => problems).filter(({ severity }) => severity !== "warning");
  return { reason: "UnsupportedValue", message: faults.map((problem) => explain(object, problem)).join("; ") };
}
