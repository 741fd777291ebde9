/**
 * The Gateways that a policy affects, which its status lists as ancestors (`PolicyAncestorStatus`): those with an attached
 * route, or a filter of a listener, that names a Service which the policy targets. A status has room for 16 ancestors;
 * Gateways beyond them cannot use the policy.
 */
import type { ResolvedBackendRef } from "../backends/backends.ts";
import { compareStrings, type Diagnostics } from "../diagnostics/diagnostics.ts";
import type { GatewayState } from "../gateways/gateways.ts";
import { field } from "../kubernetes/kinds.ts";
import { CONTROLLER_NAME } from "../kubernetes/names.ts";
import type { Cluster } from "../load/load.ts";
import type { Group } from "../memory/groups.ts";
import type { Memory } from "../memory/memory.ts";
import type { Policies } from "../policies/policies.ts";
import { targetsPort } from "../policies/coverage.ts";
import type { PolicyState } from "../policies/state.ts";
import type { RouteState } from "../routes/routes.ts";
import { backendRefsOf } from "../routes/rules.ts";
import { fullStatus } from "./problems.ts";
import { type FaultyRoutes, resolveFaultyRoutes, unusedProblem } from "./unused.ts";

const MAX_ANCESTORS = 16;

/** The ancestors of every policy, by `namespace/name` of the policy. */
export interface Ancestors {
  /** Gateways that the policy's status lists, as `namespace/name`, sorted. */
  readonly listed: ReadonlyMap<string, readonly string[]>;
  /** Gateways for which the status has no room; mostly none. */
  readonly full: ReadonlyMap<string, ReadonlySet<string>>;
  /** Whether a Gateway uses a port of a Service, or any port where `port` is null. */
  readonly uses: (gateway: string, service: string, port: number | null) => boolean;
}

/** The context from which ancestors are resolved. */
interface AncestorContext {
  readonly cluster: Cluster;
  readonly gateways: ReadonlyMap<string, GatewayState>;
  readonly routes: readonly RouteState[];
  readonly policies: Policies;
}

/** Finds the ancestors of every policy, and reports policies that have none. */
export function resolveAncestors(context: AncestorContext, memory: Memory, diagnostics: Diagnostics): Ancestors {
  const { cluster, gateways, routes, policies } = context;
  const uses = [
    ...memory.each("uses of Gateways", { items: [...gateways.values()] }, diagnostics, usesOfGateway),
    ...memory.each("uses of routes", { items: routes }, diagnostics, usesOfRoute),
  ];
  const byUser = (a: ServiceUses, b: ServiceUses): number => compareStrings(a.user, b.user);
  const grouped = memory.group("uses by Service", uses, (use) => [...use.ports.keys()], byUser);
  const byService = memory.source("uses by Service", grouped);
  const faultyRoutes = resolveFaultyRoutes({ ...context, services: policies.services }, memory, diagnostics);
  const items = [...policies.all.values()];
  const found = memory.each("ancestors", { items }, diagnostics, (policy, own) =>
    ancestorsOf(policy, { byService, faultyRoutes, cluster, policies }, own),
  );
  const by = <K extends "listed" | "full">(key: K): ReadonlyMap<string, ResolvedAncestors[K]> =>
    memory.once(`${key} ancestors`, [found], diagnostics, () => new Map(found.map((own) => [own.policy, own[key]])));
  return {
    listed: memory.source("listed ancestors", by("listed")),
    full: memory.source("full ancestors", by("full")),
    uses: (gateway, service, port) =>
      portsUsed(byService.get(service), gateway).some((own) => port === null || own === port),
  };
}

interface ResolvedAncestors {
  readonly policy: string;
  readonly listed: readonly string[];
  readonly full: ReadonlySet<string>;
}

interface PolicyContext {
  readonly byService: UsesByService;
  readonly faultyRoutes: FaultyRoutes;
  readonly cluster: Cluster;
  readonly policies: Policies;
}

function ancestorsOf(policy: PolicyState, context: PolicyContext, diagnostics: Diagnostics): ResolvedAncestors {
  const { byService, faultyRoutes, cluster } = context;
  const { services, coverage } = context.policies;
  const using = gatewaysOf(policy, byService, cluster);
  const isUncovered = (service: string): boolean => byService.has(service) && !coverage.has(service);
  const unused = using.length === 0 ? unusedProblem(policy, faultyRoutes, services, isUncovered) : null;
  if (unused !== null) diagnostics.report(policy.object, unused);
  const { ours, foreign } = statusEntries(policy.object.value, policy.object.ref.namespace ?? "default");
  // Gateways that have an entry already keep it; the others follow by name.
  const ordered = [...using.filter((name) => ours.has(name)), ...using.filter((name) => !ours.has(name))];
  const room = Math.max(0, MAX_ANCESTORS - foreign);
  const listed = ordered.slice(0, room).sort(compareStrings);
  const left = ordered.slice(room).sort(compareStrings);
  if (left.length > 0) diagnostics.report(policy.object, fullStatus(left, foreign, MAX_ANCESTORS));
  return { policy: policy.name, listed, full: new Set(left) };
}

/** The Services that one route uses, or the listeners of one Gateway. */
interface ServiceUses {
  /** `HTTPRoute shop/storefront`, `Gateway shop/gateway`. */
  readonly user: string;
  /** The Gateways that serve the route, or the Gateway itself. */
  readonly gateways: readonly string[];
  /** Ports by `namespace/name` of the Service. */
  readonly ports: ReadonlyMap<string, readonly number[]>;
}

/** Uses by `namespace/name` of the Service. */
type UsesByService = ReadonlyMap<string, Group<ServiceUses>>;

const usesOfGateway = (gateway: GatewayState): ServiceUses => ({
  user: `Gateway ${gateway.name}`,
  gateways: [gateway.name],
  ports:
    gateway.kind === "valid" ? portsByService(gateway.listeners.flatMap(({ backendRefs }) => backendRefs)) : new Map(),
});

function usesOfRoute({ name, parents, rules }: RouteState): ServiceUses {
  const attached = parents.filter(({ verdict }) => verdict.kind === "attached").map(({ gateway }) => gateway);
  // GEP-1897: a policy applies wherever its Service is used, so to mirrors and external auth too.
  const backendRefs = attached.length === 0 ? [] : rules.flatMap(backendRefsOf);
  return { user: `HTTPRoute ${name}`, gateways: attached, ports: portsByService(backendRefs) };
}

function portsByService(backendRefs: readonly ResolvedBackendRef[]): Map<string, number[]> {
  const ports = new Map<string, number[]>();
  for (const { service, port, state } of backendRefs) {
    // A backendRef that no ReferenceGrant allows does not use the Service.
    if (service === null || (state.kind === "refused" && state.code === "backend-ref-not-permitted")) continue;
    ports.set(service, [...(ports.get(service) ?? []), port]);
  }
  return ports;
}

/** Ports of a Service that a Gateway uses. */
const portsUsed = (uses: Group<ServiceUses> | undefined, gateway: string): number[] =>
  (uses?.items ?? []).flatMap(({ gateways, ports }) =>
    gateways.includes(gateway) ? (ports.get(uses?.key ?? "") ?? []) : [],
  );

/** The Gateways that use a port which the policy targets, sorted. */
function gatewaysOf(policy: PolicyState, byService: UsesByService, cluster: Cluster): string[] {
  const found = new Set<string>();
  for (const target of policy.targets) {
    if (target.service === null) continue;
    const entry = cluster.Service.get(target.service);
    const service = entry?.kind === "valid" ? entry.object : null;
    for (const { gateways, ports } of byService.get(target.service)?.items ?? []) {
      const isTargeted = (ports.get(target.service) ?? []).some((port) => targetsPort(target, service, port));
      for (const gateway of isTargeted ? gateways : []) found.add(gateway);
    }
  }
  return [...found].sort(compareStrings);
}

/** The entries that a policy's status has already: lasthop's by their Gateway, and the number of other controllers'. */
function statusEntries(value: unknown, own: string): { ours: Set<string>; foreign: number } {
  const ancestors = field(field(value, "status"), "ancestors");
  const ours = new Set<string>();
  let foreign = 0;
  for (const entry of Array.isArray(ancestors) ? (ancestors as unknown[]) : []) {
    if (field(entry, "controllerName") !== CONTROLLER_NAME) foreign++;
    else {
      const ref = field(entry, "ancestorRef");
      const [name, namespace = own] = [field(ref, "name"), field(ref, "namespace")];
      if (typeof name === "string" && typeof namespace === "string") ours.add(`${namespace}/${name}`);
    }
  }
  return { ours, foreign };
}

/** The policy, where its status has no room for the Gateway; else null. */
export function fullPolicy(policy: PolicyState | null, gateway: string, ancestors: Ancestors): PolicyState | null {
  return policy !== null && ancestors.full.get(policy.name)?.has(gateway) === true ? policy : null;
}
