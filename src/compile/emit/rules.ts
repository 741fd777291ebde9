/** The rules of one Gateway's bundle, and in which order each of its hostnames tries them. */
import type { BundleAction, BundleBackendRef, BundleHost, BundleMatch, BundleRule } from "../../bundle/types.ts";
import type { BackendTarget, Reference } from "../backends/backends.ts";
import { compareStrings, type Diagnostics, type SourceObject } from "../diagnostics/diagnostics.ts";
import type { GatewayState } from "../gateways/gateways.ts";
import type { ListenerState } from "../gateways/listeners.ts";
import { compareMatches } from "../routes/matches.ts";
import type { Group, Memory } from "../memory.ts";
import type { RouteState } from "../routes/routes.ts";
import { isRefused, type RuleState } from "../routes/rules.ts";
import { compareSeniority } from "../kubernetes/seniority.ts";

/** Whoever sends to backends: a route, or the Gateway's listeners. */
export interface Sender {
  readonly name: string;
  readonly targets: ReadonlyMap<string, BackendTarget>;
  /** What it sends to them by, and the object in which each stands. */
  readonly uses: readonly { readonly object: SourceObject; readonly references: readonly Reference[] }[];
}

/** A route that some listener of the Gateway serves. */
interface Placed extends Sender {
  readonly route: RouteState;
  /** Those of which something can be matched: no other answers anything. */
  readonly rules: readonly RuleState[];
  readonly emitted: readonly BundleRule[];
  /** By {@link placeOf}: specificity of the route's own hostname. */
  readonly places: ReadonlyMap<string, number>;
}

/** A host and the listener it is of, by its place among those that are served. */
export interface PlacedHost {
  readonly listener: number;
  readonly host: BundleHost;
}

export interface EmittedRules {
  /** By `namespace/name` of the route, then its own order. The same list until one changes. */
  readonly rules: readonly BundleRule[];
  /** Of all listeners; the same list until one changes. */
  readonly hosts: readonly PlacedHost[];
  /** The backends that rules forward to, and that filters of rules and listeners send to; each of its group names it. */
  readonly targets: ReadonlyMap<string, Group<Sender>>;
}

/** `listeners`: those of the Gateway that are served, which are inputs only through it. */
export function emitRules(
  routes: readonly RouteState[],
  gateway: GatewayState,
  listeners: readonly ListenerState[],
  memory: Memory,
  diagnostics: Diagnostics,
): EmittedRules {
  const pass = (name: string): string => `${gateway.name}: ${name}`;
  const numbered = new Map(listeners.map((listener, index) => [listener, index]));
  const attempts = memory.each(pass("placed routes"), [gateway], routes, diagnostics, (route) =>
    place(route, gateway.name, numbered),
  );
  const placed = memory.once(pass("placed"), [attempts], diagnostics, () => attempts.filter((each) => each !== null));
  const counts = placed.flatMap(({ name, rules }) => [name, rules.length]);
  const first = memory.source(
    pass("first rules"),
    memory.once(pass("first rules"), counts, diagnostics, () => firstRules(placed)),
  );
  const byPlace = memory.group(pass("places"), placed, ({ places }) => [...places.keys()], byName);
  const own = memory.once(pass("listeners' own"), [gateway], diagnostics, () => sendersOf(listeners));
  return {
    rules: memory.once(pass("rules"), [placed], diagnostics, () => placed.flatMap(({ emitted }) => emitted)),
    hosts: memory.each(pass("hosts"), [], [...byPlace.values()], diagnostics, (group) => emitHost(group, first)),
    targets: memory.group(pass("targets"), [own, ...placed], ({ targets }) => [...targets.keys()], byName),
  };
}

const byName = (a: Sender, b: Sender): number => compareStrings(a.name, b.name);

const sendersOf = (listeners: readonly ListenerState[]): Sender => ({
  name: "",
  targets: targetsOf(listeners.flatMap(({ references }) => references)),
  uses: listeners.map(({ owner, references }) => ({ object: owner.object, references })),
});

/** Sorts by listener, then by hostname. */
const placeOf = (listener: number, hostname: string): string => `${listener}\0${hostname}`;

/** Null: no listener serves it. */
function place(route: RouteState, gateway: string, listeners: ReadonlyMap<ListenerState, number>): Placed | null {
  const places = new Map<string, number>();
  for (const { gateway: parent, verdict } of route.parents) {
    if (parent !== gateway || verdict.kind !== "attached") continue;
    for (const { listener, hostnames } of verdict.to) {
      const number = listeners.get(listener);
      if (number === undefined) continue;
      // Two parentRefs that reach one listener find the same hostnames there.
      for (const { hostname, specificity } of hostnames) places.set(placeOf(number, hostname), specificity);
    }
  }
  if (places.size === 0) return null;
  const rules = route.rules.filter(({ matches }) => matches.length > 0);
  const used: Reference[] = [];
  const emitted = rules.map((rule) => emitRule(route, rule, used));
  const uses = [{ object: route.object, references: used }];
  return { name: route.name, route, rules, emitted, places, targets: targetsOf(used), uses };
}

/** The number of each route's first rule. */
function firstRules(placed: readonly Placed[]): Map<string, number> {
  const numbers = new Map<string, number>();
  let next = 0;
  for (const { name, rules } of placed) {
    numbers.set(name, next);
    next += rules.length;
  }
  return numbers;
}

function emitHost({ key, items }: Group<Placed>, first: ReadonlyMap<string, number>): PlacedHost {
  const at = key.indexOf("\0");
  const order = orderOf(key, items, first);
  return { listener: Number(key.slice(0, at)), host: { hostname: key.slice(at + 1), order } };
}

interface Candidate {
  readonly match: BundleMatch;
  readonly index: number;
  /** Of the route's own hostname. */
  readonly specificity: number;
  readonly route: RouteState;
  readonly number: number;
}

/**
 * "Implementations SHOULD evaluate precedence using the original hostnames configured on the Route" (`HTTPRouteSpec.hostnames`),
 * then by match, then "if ties still exist across multiple Routes" (`HTTPRouteRule.matches`): the older route, then by
 * name, then in order.
 */
function orderOf(place: string, placed: readonly Placed[], first: ReadonlyMap<string, number>): BundleHost["order"] {
  const candidates = placed.flatMap(({ route, rules, places }) => {
    const specificity = places.get(place) ?? 0;
    const start = first.get(route.name) ?? -1;
    return rules.flatMap(({ matches }, number) =>
      matches.map((match, index): Candidate => ({ match, index, specificity, route, number: start + number })),
    );
  });
  candidates.sort(
    (a, b) =>
      b.specificity - a.specificity ||
      compareMatches(a.match, b.match) ||
      compareSeniority(a.route.seniority, b.route.seniority) ||
      a.number - b.number ||
      a.index - b.index,
  );
  return candidates.map(({ number, index }) => [number, index] as const);
}

/** Adds what it sends to to `used`. */
function emitRule(route: RouteState, rule: RuleState, used: Reference[]): BundleRule {
  const refusal = rule.refusal ?? (route.refusal === null ? null : "route-feature-unsupported");
  if (refusal === null) used.push(...rule.filters.references);
  return {
    route: route.name,
    index: rule.index,
    name: rule.name,
    matches: rule.matches,
    // A filter at fault has no meaning to emit, and the others change nothing in an answer of the gateway's own.
    filters: refusal === null ? rule.filters.filters : [],
    timeouts: rule.timeouts,
    retry: rule.retry,
    action: refusal === null ? emitAction(rule, used) : { kind: "refused", code: refusal },
  };
}

function emitAction({ filters, refs }: RuleState, used: Reference[]): BundleAction {
  if (filters.redirect !== null) return filters.redirect;
  const backendRefs: BundleBackendRef[] = [];
  for (const { weight, reference, filters: own } of refs) {
    if (weight === 0) continue;
    const { state } = reference;
    if (isRefused(own.problems)) backendRefs.push({ weight, refused: "backend-filter-unsupported" });
    else if (state.kind === "refused") backendRefs.push({ weight, refused: state.code });
    else {
      used.push(reference, ...own.references);
      backendRefs.push({ weight, backend: state.target.id, filters: own.filters });
    }
  }
  return backendRefs.length === 0 ? { kind: "refused", code: "backend-refs-empty" } : { kind: "forward", backendRefs };
}

const targetsOf = (references: readonly Reference[]): Map<string, BackendTarget> =>
  new Map(references.flatMap(({ state }) => (state.kind === "backend" ? [[state.target.id, state.target]] : [])));
