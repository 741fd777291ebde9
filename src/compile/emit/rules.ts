/** The rules of one Gateway's bundle, and the backends to which they send requests. */
import type { BundleAction, BundleBackendRef, BundleRule } from "../../bundle/types.ts";
import type { BackendTarget, ResolvedBackendRef } from "../backends/backends.ts";
import { compareStrings, type Diagnostics, type SourceObject } from "../diagnostics/diagnostics.ts";
import type { GatewayState } from "../gateways/gateways.ts";
import type { ListenerState } from "../gateways/listener-state.ts";
import type { Group } from "../memory/groups.ts";
import type { Memory } from "../memory/memory.ts";
import type { RouteState } from "../routes/routes.ts";
import { isRefused, type RuleState } from "../routes/rules.ts";
import { emitHost, hostKey, type HostedRoute, type ListenerHost } from "./hosts.ts";

/** Something that sends requests to backends: a route, or the filters of the Gateway's listeners. */
export interface Sender {
  /** Name of the route; empty for the listeners. */
  readonly name: string;
  /** The backends, by their id. */
  readonly targets: ReadonlyMap<string, BackendTarget>;
  /** The backendRefs by which the sender sends requests, and the object in which these backendRefs stand. */
  readonly uses: readonly { readonly object: SourceObject; readonly backendRefs: readonly ResolvedBackendRef[] }[];
}

/** A route that some listener of the Gateway serves. */
interface ServedRoute extends Sender, HostedRoute {
  readonly emitted: readonly BundleRule[];
}

/** The rules of a bundle. A list stays the same object until something in it changes. */
interface EmittedRules {
  /** Rules in order of the routes' `namespace/name`, then in the order of the route. */
  readonly rules: readonly BundleRule[];
  /** The hosts of every listener. */
  readonly hosts: readonly ListenerHost[];
  /** The senders to each backend, by its id. */
  readonly targets: ReadonlyMap<string, Group<Sender>>;
}

/** What the rules of a bundle are made from. */
interface RulesContext {
  readonly routes: readonly RouteState[];
  readonly gateway: GatewayState;
  /** The listeners of the Gateway that are served. */
  readonly listeners: readonly ListenerState[];
}

/** Makes the rules and hosts of a Gateway's bundle. */
export function emitRules(
  { routes, gateway, listeners }: RulesContext,
  memory: Memory,
  diagnostics: Diagnostics,
): EmittedRules {
  const pass = (name: string): string => `${gateway.name}: ${name}`;
  const numbers = new Map(listeners.map((listener, index) => [listener, index]));
  // `given` has the Gateway and not its listeners, because the listeners never change without the Gateway.
  const found = memory.each(pass("served routes"), { items: routes, given: [gateway] }, diagnostics, (route) =>
    serveRoute(route, gateway.name, numbers),
  );
  const served = memory.once(pass("routes served"), [found], diagnostics, () => found.filter((each) => each !== null));
  const counts = served.flatMap(({ name, rules }) => [name, rules.length]);
  const first = memory.source(
    pass("first rules"),
    memory.once(pass("first rules"), counts, diagnostics, () => firstRules(served)),
  );
  const byHost = memory.group(pass("routes by host"), served, ({ hosts }) => [...hosts.keys()], byName);
  const own = memory.once(pass("listeners' own"), [gateway], diagnostics, () => listenersAsSender(listeners));
  return {
    rules: memory.once(pass("rules"), [served], diagnostics, () => served.flatMap(({ emitted }) => emitted)),
    hosts: memory.each(pass("hosts"), { items: [...byHost.values()] }, diagnostics, (group) => emitHost(group, first)),
    targets: memory.group(pass("targets"), [own, ...served], ({ targets }) => [...targets.keys()], byName),
  };
}

const byName = (a: Sender, b: Sender): number => compareStrings(a.name, b.name);

const listenersAsSender = (listeners: readonly ListenerState[]): Sender => ({
  name: "",
  targets: targetsById(listeners.flatMap(({ backendRefs }) => backendRefs)),
  uses: listeners.map(({ owner, backendRefs }) => ({ object: owner.object, backendRefs })),
});

/** A route as the Gateway serves it; null: no listener serves it. */
function serveRoute(
  route: RouteState,
  gateway: string,
  listeners: ReadonlyMap<ListenerState, number>,
): ServedRoute | null {
  const hosts = new Map<string, number>();
  for (const { gateway: parent, verdict } of route.parents) {
    if (parent !== gateway || verdict.kind !== "attached") continue;
    for (const { listener, hostnames } of verdict.to) {
      const number = listeners.get(listener);
      if (number === undefined) continue;
      // Two parentRefs that lead to one listener give the same hostnames there.
      for (const { hostname, specificity } of hostnames) hosts.set(hostKey(number, hostname), specificity);
    }
  }
  if (hosts.size === 0) return null;
  const rules = route.rules.filter(({ matches }) => matches.length > 0);
  const used: ResolvedBackendRef[] = [];
  const emitted = rules.map((rule) => emitRule(route, rule, used));
  const uses = [{ object: route.object, backendRefs: used }];
  return { name: route.name, route, rules, emitted, hosts, targets: targetsById(used), uses };
}

/** Place of each route's first rule among all rules, by the route's name. */
function firstRules(served: readonly ServedRoute[]): Map<string, number> {
  const numbers = new Map<string, number>();
  let next = 0;
  for (const { name, rules } of served) {
    numbers.set(name, next);
    next += rules.length;
  }
  return numbers;
}

/** A rule in the form of the bundle. The backendRefs by which it sends requests are added to `used`. */
function emitRule(route: RouteState, rule: RuleState, used: ResolvedBackendRef[]): BundleRule {
  const refusal = rule.refusal ?? (route.refusal === null ? null : "route-feature-unsupported");
  if (refusal === null) used.push(...rule.filters.backendRefs);
  return {
    route: route.name,
    index: rule.index,
    name: rule.name,
    matches: rule.matches,
    // A rule that answers 500 runs no filters.
    filters: refusal === null ? rule.filters.filters : [],
    timeouts: rule.timeouts,
    retry: rule.retry,
    action: refusal === null ? emitAction(rule, used) : { kind: "refused", code: refusal },
  };
}

function emitAction({ filters, refs }: RuleState, used: ResolvedBackendRef[]): BundleAction {
  if (filters.redirect !== null) return filters.redirect;
  const backendRefs: BundleBackendRef[] = [];
  for (const { weight, backendRef, filters: own } of refs) {
    if (weight === 0) continue;
    const { state } = backendRef;
    if (isRefused(own.problems)) backendRefs.push({ weight, refused: "backend-filter-unsupported" });
    else if (state.kind === "refused") backendRefs.push({ weight, refused: state.code });
    else {
      used.push(backendRef, ...own.backendRefs);
      backendRefs.push({ weight, backend: state.target.id, filters: own.filters });
    }
  }
  return backendRefs.length === 0 ? { kind: "refused", code: "backend-refs-empty" } : { kind: "forward", backendRefs };
}

/** The backends to which backendRefs lead, by their id. */
const targetsById = (backendRefs: readonly ResolvedBackendRef[]): Map<string, BackendTarget> =>
  new Map(backendRefs.flatMap(({ state }) => (state.kind === "backend" ? [[state.target.id, state.target]] : [])));
