/** Rules of an HTTPRoute: what each match and backendRef means, and which features lasthop refuses. */
import type { BundleMatch, ConfigCode } from "../bundle/types.ts";
import { type BackendContext, type BackendState, referencedService, resolveBackendRef } from "./backends.ts";
import type { RouteReason } from "./conditions.ts";
import { type FieldPath, type Problem, show } from "./diagnostics.ts";
import { resolveMatch } from "./matches.ts";
import type { HTTPRouteRule } from "./objects.ts";

export interface RefState {
  readonly index: number;
  readonly weight: number;
  readonly state: BackendState;
  /** Filters of the ref itself are not done yet: its share is refused. */
  readonly filters: Problem | null;
  /** `namespace/name` of the Service it names, existing or not. */
  readonly service: string | null;
  readonly port: number;
}

export interface RuleState {
  readonly index: number;
  readonly name: string | null;
  /** Those that can be matched; the rule's own order. */
  readonly matches: readonly BundleMatch[];
  readonly refs: readonly RefState[];
  /** Features of the rule that lasthop refuses: the rule answers 500. */
  readonly refusal: { readonly code: ConfigCode; readonly reason: RouteReason } | null;
  /** All faults but those of references. */
  readonly problems: readonly Problem[];
}

export function resolveRule(rule: HTTPRouteRule, index: number, namespace: string, context: BackendContext): RuleState {
  const at = ["spec", "rules", index];
  const problems: Problem[] = [];
  const matches: BundleMatch[] = [];
  // An empty list has the default of an absent one: prefix `/`.
  const given = rule.matches.length === 0 ? [{ path: { type: "PathPrefix" as const, value: "/" } }] : rule.matches;
  for (const [number, match] of given.entries()) {
    const resolved = resolveMatch(match, [...at, "matches", number]);
    problems.push(...resolved.problems);
    if (resolved.match !== null) matches.push(resolved.match);
  }
  const unmatchable = problems.some(({ severity }) => severity !== "warning");
  const features = refuseFeatures(rule, at);
  problems.push(...features.map(({ problem }) => problem));
  const refs = (rule.backendRefs ?? []).map((ref, number): RefState => {
    const path = [...at, "backendRefs", number];
    const filters =
      (ref.filters?.length ?? 0) > 0
        ? unsupported([...path, "filters"], "filters of a backendRef", "backend-filter-unsupported")
        : null;
    if (filters !== null) problems.push(filters);
    const state = resolveBackendRef(ref, namespace, path, context);
    return {
      index: number,
      weight: ref.weight,
      state,
      filters,
      service: referencedService(ref, namespace),
      port: ref.port ?? 0,
    };
  });
  const refusal = refusalOf(features, unmatchable, refs);
  if (refusal === null && refs.every(({ weight }) => weight === 0)) problems.push(noBackends(at, refs.length > 0));
  return { index, name: rule.name ?? null, matches, refs, refusal, problems };
}

function refusalOf(
  features: readonly { reason: RouteReason }[],
  unmatchable: boolean,
  refs: readonly RefState[],
): RuleState["refusal"] {
  const [first] = features;
  if (first !== undefined) return { code: "route-feature-unsupported", reason: first.reason };
  if (unmatchable) return { code: "route-feature-unsupported", reason: "UnsupportedValue" };
  if (refs.length > 0 && refs.every(({ filters }) => filters !== null))
    return { code: "backend-filter-unsupported", reason: "UnsupportedValue" };
  return null;
}

/**
 * Filters, timeouts, retries and session persistence: not done yet. "The filter MUST NOT be skipped. Instead, requests
 * that would have been processed by that filter MUST receive a HTTP error response" (`HTTPRouteRule.filters`).
 */
function refuseFeatures(rule: HTTPRouteRule, at: FieldPath): { problem: Problem; reason: RouteReason }[] {
  const found: { problem: Problem; reason: RouteReason }[] = [];
  const types = (rule.filters ?? []).map(({ type }) => type);
  for (const [index, type] of types.entries()) {
    found.push({
      problem: { ...unsupported([...at, "filters", index, "type"], `filter ${type}`), found: show(type) },
      reason: "UnsupportedValue",
    });
  }
  // RouteReasonIncompatibleFilters: "if the URLRewrite and RequestRedirect are both present".
  if (types.includes("URLRewrite") && types.includes("RequestRedirect")) {
    found.unshift({
      problem: {
        code: "route-feature-unsupported",
        path: [...at, "filters"],
        message: "RequestRedirect and URLRewrite exclude each other",
        expected: "one of the two",
        remedy: "remove one of the filters",
      },
      reason: "IncompatibleFilters",
    });
  }
  for (const feature of ["timeouts", "retry", "sessionPersistence"] as const) {
    if (rule[feature] !== undefined)
      found.push({ problem: unsupported([...at, feature], feature), reason: "UnsupportedValue" });
  }
  return found;
}

function unsupported(path: FieldPath, what: string, code: ConfigCode = "route-feature-unsupported"): Problem {
  return {
    code,
    path,
    message: `lasthop does not do ${what} yet, so it answers 500 rather than ignoring it`,
    expected: `no ${what}`,
    remedy: "remove it",
  };
}

/** Legal, and answered 500 (`HTTPRouteRule.backendRefs`). */
function noBackends(at: FieldPath, allZero: boolean): Problem {
  return {
    severity: "warning",
    code: "backend-refs-empty",
    path: allZero ? [...at, "backendRefs"] : at,
    message: `${allZero ? "every backendRef has weight 0" : "the rule has no backendRefs"}, so it answers 500`,
    expected: "a backendRef with a weight of at least 1",
    remedy: "add a backendRef",
  };
}
