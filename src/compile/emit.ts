/** From the model to the bundle of one Gateway. */
import { encodeBundle } from "../bundle/codec.ts";
import {
  type Bundle,
  BUNDLE_FORMAT,
  type BundleAction,
  type BundleAnchorSet,
  type BundleBackend,
  type BundleBackendRef,
  type BundleHost,
  type BundleListener,
  type BundlePolicy,
  type BundleRule,
  type BundleTransport,
} from "../bundle/types.ts";
import type { BackendTarget } from "./backends.ts";
import { compareStrings, type Diagnostics } from "./diagnostics.ts";
import { sha256 } from "./digest.ts";
import { type EndpointOptions, indexSlices, resolveEndpoints } from "./endpoints.ts";
import type { GatewayState, ListenerState } from "./gateways.ts";
import { compareMatches } from "./matches.ts";
import type { Model } from "./model.ts";
import { policyTransport } from "./policies.ts";
import type { RouteState } from "./routes.ts";
import type { RuleState } from "./rules.ts";
import { compareSeniority } from "./seniority.ts";
import { fullPolicy } from "./statuses.ts";

/** A rule with what orders it. */
interface Placed {
  readonly route: RouteState;
  readonly rule: RuleState;
  /** Of the route among all routes, oldest first. */
  readonly rank: number;
}

export function emitBundle(
  model: Model,
  gateway: GatewayState,
  options: EndpointOptions,
  diagnostics: Diagnostics,
): { bundle: Bundle; text: string } {
  // A refused Gateway still gets a bundle: one that serves nothing.
  const listeners =
    gateway.kind === "valid" && gateway.refusal === null
      ? gateway.listeners.filter(({ verdict }) => verdict.kind === "accepted")
      : [];
  const byListener = placeRules(model, gateway.name, new Set(listeners));
  const placed = [...new Set([...byListener.values()].flatMap((hosts) => [...hosts.values()].flat()))].sort(
    (a, b) => compareStrings(a.route.name, b.route.name) || a.rule.index - b.rule.index,
  );
  const numbers = new Map(placed.map((item, number) => [item, number]));
  const targets = new Map<string, BackendTarget>();
  const rules = placed.map((item) => emitRule(item, targets));
  const slices = indexSlices(model.cluster);
  const backends = [...targets.values()]
    .sort((a, b) => compareStrings(a.id, b.id))
    .map((target): [string, BundleBackend] => {
      const transport = transportOf(target, gateway.name, model);
      // A closed port is never dialled.
      const endpoints =
        transport.kind === "refused" ? [] : resolveEndpoints(target.service, target.port, slices, options, diagnostics);
      const service = `${target.service.ref.namespace}/${target.service.ref.name}`;
      return [target.id, { service, port: target.port.port, protocol: target.protocol, transport, endpoints }];
    });
  return encodeBundle(
    {
      format: BUNDLE_FORMAT,
      gateway: gateway.name,
      requires: [],
      listeners: listeners
        .map((listener) => emitListener(listener, byListener.get(listener) ?? new Map(), numbers))
        .sort((a, b) => a.port - b.port || compareStrings(a.name, b.name)),
      rules,
      backends: Object.fromEntries(backends),
      clientCertificate: null,
      certificates: {},
      ...emitPolicies(
        model,
        backends.map(([, { transport }]) => transport),
      ),
    },
    sha256,
  );
}

/** The rules of each listener by hostname. */
function placeRules(
  model: Model,
  gateway: string,
  listeners: ReadonlySet<ListenerState>,
): Map<ListenerState, Map<string, Placed[]>> {
  const byListener = new Map<ListenerState, Map<string, Placed[]>>();
  const ranked = [...model.routes].sort((a, b) => compareSeniority(a.seniority, b.seniority));
  for (const [rank, route] of ranked.entries()) {
    const places = new Map<ListenerState, Set<string>>();
    for (const { gateway: parent, verdict } of route.parents) {
      if (parent !== gateway || verdict.kind !== "attached") continue;
      for (const { listener, hostnames } of verdict.to) {
        if (!listeners.has(listener)) continue;
        const known = places.get(listener) ?? new Set<string>();
        places.set(listener, known);
        for (const hostname of hostnames) known.add(hostname);
      }
    }
    if (places.size === 0) continue;
    // A rule of which nothing can be matched answers nothing.
    const placed = route.rules
      .filter(({ matches }) => matches.length > 0)
      .map((rule): Placed => ({ route, rule, rank }));
    for (const [listener, hostnames] of places) {
      const hosts = byListener.get(listener) ?? new Map<string, Placed[]>();
      byListener.set(listener, hosts);
      for (const hostname of hostnames) {
        const list = hosts.get(hostname);
        if (list === undefined) hosts.set(hostname, [...placed]);
        else list.push(...placed);
      }
    }
  }
  return byListener;
}

function emitListener(
  listener: ListenerState,
  hosts: ReadonlyMap<string, readonly Placed[]>,
  numbers: ReadonlyMap<Placed, number>,
): BundleListener {
  return {
    name: listener.spec.name,
    port: listener.spec.port,
    protocol: "HTTP",
    hostname: listener.hostname,
    tls: null,
    filters: [],
    hosts: [...hosts]
      .sort(([a], [b]) => compareStrings(a, b))
      .map(([hostname, placed]) => ({ hostname, order: orderOf(placed, numbers) })),
  };
}

/** `HTTPRouteRule.matches`: by match; "If ties still exist across multiple Routes": the older route, then by name, then in order. */
function orderOf(placed: readonly Placed[], numbers: ReadonlyMap<Placed, number>): BundleHost["order"] {
  const entries = placed.flatMap((item) =>
    item.rule.matches.map((match, index) => ({
      match,
      index,
      rank: item.rank,
      rule: item.rule.index,
      number: numbers.get(item) ?? -1,
    })),
  );
  entries.sort((a, b) => compareMatches(a.match, b.match) || a.rank - b.rank || a.rule - b.rule || a.index - b.index);
  return entries.map(({ number, index }) => [number, index] as const);
}

function emitRule({ route, rule }: Placed, targets: Map<string, BackendTarget>): BundleRule {
  return {
    route: route.name,
    index: rule.index,
    name: rule.name,
    matches: rule.matches,
    filters: [],
    timeouts: { requestMs: null, backendRequestMs: null },
    retry: null,
    action: emitAction(route, rule, targets),
  };
}

function emitAction(route: RouteState, rule: RuleState, targets: Map<string, BackendTarget>): BundleAction {
  if (rule.refusal !== null) return { kind: "refused", code: rule.refusal.code };
  if (route.refusal !== null) return { kind: "refused", code: "route-feature-unsupported" };
  const backendRefs: BundleBackendRef[] = [];
  for (const { weight, state, filters } of rule.refs) {
    if (weight === 0) continue;
    if (filters !== null) backendRefs.push({ weight, refused: "backend-filter-unsupported" });
    else if (state.kind === "refused") backendRefs.push({ weight, refused: state.code });
    else {
      targets.set(state.target.id, state.target);
      backendRefs.push({ weight, backend: state.target.id, filters: [] });
    }
  }
  return backendRefs.length === 0 ? { kind: "refused", code: "backend-refs-empty" } : { kind: "forward", backendRefs };
}

function transportOf(
  { service, port, policy }: BackendTarget,
  gateway: string,
  { policies, ancestors }: Model,
): BundleTransport {
  const full = fullPolicy(policy, gateway, ancestors);
  if (full !== null && full.effect.kind === "enforced")
    return { kind: "refused", code: "policy-ancestors-full", policies: [full.name] };
  const covered = policyTransport(policies.coverage.get(`${service.ref.namespace}/${service.ref.name}`), port);
  return covered?.transport ?? { kind: "plaintext" };
}

/** Policies that some backend uses, with their anchors; equal ones share an entry. */
function emitPolicies(
  { policies }: Model,
  transports: readonly BundleTransport[],
): Pick<Bundle, "anchors" | "anchorSets" | "policies"> {
  const used = new Set(transports.flatMap((transport) => (transport.kind === "tls" ? [transport.policy] : [])));
  const found = new Map<string, BundlePolicy>();
  const sets = new Map<string, { sources: Set<string>; anchors: readonly string[] }>();
  const anchors = new Map<string, string>();
  for (const { effect } of policies.all.values()) {
    if (effect.kind !== "enforced" || !used.has(effect.digest)) continue;
    found.set(effect.digest, effect.policy);
    const set = sets.get(effect.policy.anchorSet) ?? { sources: new Set<string>(), anchors: effect.anchors };
    sets.set(effect.policy.anchorSet, set);
    for (const source of effect.sources) set.sources.add(source);
    for (const anchor of effect.anchors) {
      const certificate = policies.anchors.certificates.get(anchor);
      if (certificate !== undefined) anchors.set(anchor, certificate);
    }
  }
  const anchorSets = [...sets].map(([digest, set]): [string, BundleAnchorSet] => [
    digest,
    { source: [...set.sources].sort(compareStrings), anchors: set.anchors },
  ]);
  return { policies: sorted(found), anchorSets: sorted(new Map(anchorSets)), anchors: sorted(anchors) };
}

function sorted<T>(map: ReadonlyMap<string, T>): Record<string, T> {
  return Object.fromEntries([...map].sort(([a], [b]) => compareStrings(a, b)));
}
