/** Rules of an HTTPRoute: what each match, filter and backendRef means, and which features lasthop refuses. */
import type { BundleMatch, BundleRetry, BundleTimeouts, ConfigCode } from "../../bundle/types.ts";
import { type BackendContext, type Reference, resolveReference } from "../backends/backends.ts";
import { type Referrer } from "../references/grants.ts";
import type { FieldPath, Problem } from "../diagnostics/diagnostics.ts";
import { parseDuration } from "../kubernetes/durations.ts";
import { type FilterSet, resolveFilters } from "../filters/filters.ts";
import { resolveMatch } from "./matches.ts";
import type { HTTPBackendRef, HTTPRouteRule } from "../kubernetes/objects.ts";

export interface RefState {
  readonly weight: number;
  readonly reference: Reference;
  /** Where one of them is at fault, the ref's share is refused. */
  readonly filters: FilterSet;
}

export interface RuleState {
  readonly index: number;
  readonly name: string | null;
  /** Those that can be matched; the rule's own order. */
  readonly matches: readonly BundleMatch[];
  readonly filters: FilterSet;
  readonly refs: readonly RefState[];
  readonly timeouts: BundleTimeouts;
  readonly retry: BundleRetry | null;
  /** Features of the rule that lasthop refuses: the rule answers 500. */
  readonly refusal: ConfigCode | null;
  /** All faults but those of references. */
  readonly problems: readonly Problem[];
}

/** Every backend the rule names: of backendRefs, mirrors and external auth. */
export const referencesOf = ({ filters, refs }: RuleState): Reference[] => [
  ...filters.references,
  ...refs.flatMap((ref) => [ref.reference, ...ref.filters.references]),
];

export const isRefused = (problems: readonly Problem[]): boolean =>
  problems.some(({ severity }) => severity !== "warning");

export function resolveRule(rule: HTTPRouteRule, index: number, namespace: string, context: BackendContext): RuleState {
  const at = ["spec", "rules", index];
  const referrer = { kind: "HTTPRoute", namespace } as const;
  // An empty list has the default of an absent one: prefix `/`.
  const given = rule.matches.length === 0 ? [{ path: { type: "PathPrefix" as const, value: "/" } }] : rule.matches;
  const matches = given.map((match, number) => resolveMatch(match, [...at, "matches", number]));
  const filters = resolveFilters(rule.filters ?? [], referrer, [...at, "filters"], context);
  const refs = (rule.backendRefs ?? []).map((ref, number) =>
    resolveRef(ref, referrer, [...at, "backendRefs", number], context),
  );
  const own = [...matches.flatMap(({ problems }) => problems), ...filters.problems];
  if (rule.sessionPersistence !== undefined) own.push(noPersistence(at));
  const refusal = isRefused(own)
    ? "route-feature-unsupported"
    : refs.length > 0 && refs.every((ref) => isRefused(ref.filters.problems))
      ? "backend-filter-unsupported"
      : null;
  const problems = [...own, ...refs.flatMap((ref) => ref.filters.problems)];
  if (refusal === null && filters.redirect === null && refs.every(({ weight }) => weight === 0))
    problems.push(noBackends(at, refs.length > 0));
  return {
    index,
    name: rule.name ?? null,
    matches: matches.flatMap(({ match }) => match ?? []),
    filters,
    refs,
    timeouts: {
      requestMs: timerMs(rule.timeouts?.request),
      backendRequestMs: timerMs(rule.timeouts?.backendRequest),
    },
    retry: resolveRetry(rule.retry),
    refusal,
    problems,
  };
}

function resolveRef(ref: HTTPBackendRef, referrer: Referrer, at: FieldPath, context: BackendContext): RefState {
  const filters = resolveFilters(ref.filters ?? [], referrer, [...at, "filters"], context);
  const problems = filters.problems.map((problem): Problem =>
    problem.severity === "warning" ? problem : { ...problem, code: "backend-filter-unsupported" },
  );
  // "Filters defined at this level should be executed if and only if the request is being forwarded": a redirect is not.
  if (filters.redirect !== null)
    problems.push({
      code: "backend-filter-unsupported",
      path: [...at, "filters"],
      message: "lasthop does not redirect a share of a rule, so it answers 500 rather than forwarding it",
      expected: "RequestRedirect on the rule",
      remedy: "move the filter to a rule of its own",
    });
  return {
    weight: ref.weight,
    reference: resolveReference(ref, referrer, at, context),
    filters: { ...filters, problems },
  };
}

/** The longest a timer of any host runs, some 24 days: a longer limit is this one. */
const MAX_TIMER_MS = 2 ** 31 - 1;

function timerMs(duration: string | undefined): number | null {
  const ms = parseDuration(duration);
  return ms === null ? null : Math.min(ms, MAX_TIMER_MS);
}

const resolveRetry = (retry: HTTPRouteRule["retry"]): BundleRetry | null =>
  retry === undefined
    ? null
    : {
        codes: [...(retry.codes ?? [])].sort((a, b) => a - b),
        attempts: Math.min(retry.attempts, Number.MAX_SAFE_INTEGER),
        backoffMs: timerMs(retry.backoff),
      };

/** "Deprecated: use the Backend resource for session persistence (GEP-4894)." */
const noPersistence = (at: FieldPath): Problem => ({
  code: "route-feature-unsupported",
  path: [...at, "sessionPersistence"],
  message: "lasthop keeps no sessions, so it answers 500 rather than ignoring it",
  expected: "no sessionPersistence",
  remedy: "remove it",
});

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
