/** Rules of an HTTPRoute: what their matches, filters and backendRefs mean, and what of them lasthop does not support. */
import type { BundleMatch, BundleRetry, BundleTimeouts, ConfigCode } from "../../bundle/types.ts";
import { type BackendContext, type ResolvedBackendRef, resolveBackendRef } from "../backends/backends.ts";
import type { Referrer } from "../references/grants.ts";
import type { FieldPath, Problem } from "../diagnostics/diagnostics.ts";
import { parseDuration } from "../kubernetes/durations.ts";
import { type FilterSet, resolveFilters } from "../filters/filters.ts";
import { resolveMatch } from "./matches.ts";
import { noBackends, redirectOfBackend, sessionPersistence } from "./problems.ts";
import type { HTTPBackendRef, HTTPRouteRule } from "../kubernetes/objects.ts";

/** A backendRef of a rule. */
interface WeightedBackendRef {
  readonly weight: number;
  readonly backendRef: ResolvedBackendRef;
  /** When one of the filters is at fault, requests that fall to this backendRef are answered 500. */
  readonly filters: FilterSet;
}

/** A rule of an HTTPRoute. */
export interface RuleState {
  /** Place in `spec.rules`. */
  readonly index: number;
  readonly name: string | null;
  /** The matches without a fault, in the order of the rule. */
  readonly matches: readonly BundleMatch[];
  readonly filters: FilterSet;
  readonly refs: readonly WeightedBackendRef[];
  readonly timeouts: BundleTimeouts;
  readonly retry: BundleRetry | null;
  /** Why the rule answers 500; null: it does not. */
  readonly refusal: ConfigCode | null;
  /** Every problem of the rule but those of its backendRefs. */
  readonly problems: readonly Problem[];
}

/** Every backendRef of a rule, those of mirrors and external auth included. */
export const backendRefsOf = ({ filters, refs }: RuleState): ResolvedBackendRef[] => [
  ...filters.backendRefs,
  ...refs.flatMap((ref) => [ref.backendRef, ...ref.filters.backendRefs]),
];

/** Whether one of the problems is an error. */
export const isRefused = (problems: readonly Problem[]): boolean =>
  problems.some(({ severity }) => severity !== "warning");

/** Resolves rule `index` of a route in `namespace`. */
export function resolveRule(rule: HTTPRouteRule, index: number, namespace: string, context: BackendContext): RuleState {
  const at = ["spec", "rules", index];
  const referrer = { kind: "HTTPRoute", namespace } as const;
  // An empty list of matches means the same as an absent one: the path prefix `/`.
  const given = rule.matches.length === 0 ? [{ path: { type: "PathPrefix" as const, value: "/" } }] : rule.matches;
  const matches = given.map((match, number) => resolveMatch(match, [...at, "matches", number]));
  const filters = resolveFilters(rule.filters ?? [], referrer, [...at, "filters"], context);
  const refs = (rule.backendRefs ?? []).map((ref, number) =>
    resolveWeighted(ref, referrer, [...at, "backendRefs", number], context),
  );
  const own = [...matches.flatMap(({ problems }) => problems), ...filters.problems];
  if (rule.sessionPersistence !== undefined) own.push(sessionPersistence(at));
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

function resolveWeighted(
  ref: HTTPBackendRef,
  referrer: Referrer,
  at: FieldPath,
  context: BackendContext,
): WeightedBackendRef {
  const filters = resolveFilters(ref.filters ?? [], referrer, [...at, "filters"], context);
  const problems = filters.problems.map((problem): Problem =>
    problem.severity === "warning" ? problem : { ...problem, code: "backend-filter-unsupported" },
  );
  if (filters.redirect !== null) problems.push(redirectOfBackend(at));
  return {
    weight: ref.weight,
    backendRef: resolveBackendRef(ref, referrer, at, context),
    filters: { ...filters, problems },
  };
}

/** The longest time that timers of every host can wait, some 24 days; longer limits count as this one. */
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
