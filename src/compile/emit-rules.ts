/** The rules of one Gateway's bundle, and in which order each of its hostnames tries them. */
import type { BundleAction, BundleBackendRef, BundleHost, BundleRule } from "../bundle/types.ts";
import type { BackendTarget, Reference } from "./backends.ts";
import { compareStrings } from "./diagnostics.ts";
import type { ListenerState } from "./listeners.ts";
import { compareMatches } from "./matches.ts";
import type { RouteState } from "./routes.ts";
import { isRefused, type RuleState } from "./rules.ts";
import { compareSeniority } from "./seniority.ts";

/** A rule with what orders it. */
interface Placed {
  readonly route: RouteState;
  readonly rule: RuleState;
  /** Of the route among all routes, oldest first. */
  readonly rank: number;
}

/** A rule at one hostname of a listener. */
interface Entry {
  readonly placed: Placed;
  /** Of the route's own hostname. */
  readonly specificity: number;
}

/** Adds to `targets` the backends that rules forward to, and those that filters of rules and listeners send to. */
export function emitRules(
  routes: readonly RouteState[],
  gateway: string,
  listeners: ReadonlySet<ListenerState>,
  targets: Map<string, BackendTarget>,
): { rules: BundleRule[]; hostsOf: (listener: ListenerState) => BundleHost[] } {
  for (const { references } of listeners) use(references, targets);
  const byListener = placeRules(routes, gateway, listeners);
  const entries = [...byListener.values()].flatMap((hosts) => [...hosts.values()].flat());
  const ordered = [...new Set(entries.map(({ placed }) => placed))].sort(
    (a, b) => compareStrings(a.route.name, b.route.name) || a.rule.index - b.rule.index,
  );
  const numbers = new Map(ordered.map((placed, number) => [placed, number]));
  return {
    rules: ordered.map((placed) => emitRule(placed, targets)),
    hostsOf: (listener) =>
      [...(byListener.get(listener) ?? [])]
        .sort(([a], [b]) => compareStrings(a, b))
        .map(([hostname, own]) => ({ hostname, order: orderOf(own, numbers) })),
  };
}

/** The rules of each listener by hostname. */
function placeRules(
  routes: readonly RouteState[],
  gateway: string,
  listeners: ReadonlySet<ListenerState>,
): Map<ListenerState, Map<string, Entry[]>> {
  const byListener = new Map<ListenerState, Map<string, Entry[]>>();
  const ranked = [...routes].sort((a, b) => compareSeniority(a.seniority, b.seniority));
  for (const [rank, route] of ranked.entries()) {
    const attachments = route.parents.flatMap(({ gateway: parent, verdict }) =>
      parent === gateway && verdict.kind === "attached" ? verdict.to : [],
    );
    // Two parentRefs that reach one listener find the same hostnames there.
    const places = new Map(attachments.map(({ listener, hostnames }) => [listener, hostnames]));
    // A rule of which nothing can be matched answers nothing.
    const placed = route.rules
      .filter(({ matches }) => matches.length > 0)
      .map((rule): Placed => ({ route, rule, rank }));
    for (const [listener, hostnames] of places) {
      if (!listeners.has(listener)) continue;
      const hosts = byListener.get(listener) ?? new Map<string, Entry[]>();
      byListener.set(listener, hosts);
      for (const { hostname, specificity } of hostnames) {
        const list = hosts.get(hostname) ?? [];
        hosts.set(hostname, list);
        for (const item of placed) list.push({ placed: item, specificity });
      }
    }
  }
  return byListener;
}

/**
 * "Implementations SHOULD evaluate precedence using the original hostnames configured on the Route" (`HTTPRouteSpec.hostnames`),
 * then by match, then "if ties still exist across multiple Routes" (`HTTPRouteRule.matches`): the older route, then by
 * name, then in order.
 */
function orderOf(own: readonly Entry[], numbers: ReadonlyMap<Placed, number>): BundleHost["order"] {
  const entries = own.flatMap(({ placed, specificity }) =>
    placed.rule.matches.map((match, index) => ({
      match,
      index,
      specificity,
      rank: placed.rank,
      rule: placed.rule.index,
      number: numbers.get(placed) ?? -1,
    })),
  );
  entries.sort(
    (a, b) =>
      b.specificity - a.specificity ||
      compareMatches(a.match, b.match) ||
      a.rank - b.rank ||
      a.rule - b.rule ||
      a.index - b.index,
  );
  return entries.map(({ number, index }) => [number, index] as const);
}

function emitRule({ route, rule }: Placed, targets: Map<string, BackendTarget>): BundleRule {
  const refusal = rule.refusal ?? (route.refusal === null ? null : "route-feature-unsupported");
  if (refusal === null) use(rule.filters.references, targets);
  return {
    route: route.name,
    index: rule.index,
    name: rule.name,
    matches: rule.matches,
    // A filter at fault has no meaning to emit, and the others change nothing in an answer of the gateway's own.
    filters: refusal === null ? rule.filters.filters : [],
    timeouts: rule.timeouts,
    retry: rule.retry,
    action: refusal === null ? emitAction(rule, targets) : { kind: "refused", code: refusal },
  };
}

function emitAction({ filters, refs }: RuleState, targets: Map<string, BackendTarget>): BundleAction {
  if (filters.redirect !== null) return filters.redirect;
  const backendRefs: BundleBackendRef[] = [];
  for (const { weight, reference, filters: own } of refs) {
    if (weight === 0) continue;
    const { state } = reference;
    if (isRefused(own.problems)) backendRefs.push({ weight, refused: "backend-filter-unsupported" });
    else if (state.kind === "refused") backendRefs.push({ weight, refused: state.code });
    else {
      use([reference, ...own.references], targets);
      backendRefs.push({ weight, backend: state.target.id, filters: own.filters });
    }
  }
  return backendRefs.length === 0 ? { kind: "refused", code: "backend-refs-empty" } : { kind: "forward", backendRefs };
}

function use(references: readonly Reference[], targets: Map<string, BackendTarget>): void {
  for (const { state } of references) if (state.kind === "backend") targets.set(state.target.id, state.target);
}
