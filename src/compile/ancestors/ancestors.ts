/**
 * Which Gateways a policy is about: those with an attached route or a listener filter that names a Service it targets
 * (`PolicyAncestorStatus`). At most 16 entries stand in a status; Gateways beyond them cannot use the policy.
 */
import type { Reference } from "../backends/backends.ts";
import { compareStrings, type Diagnostics } from "../diagnostics/diagnostics.ts";
import type { GatewayState } from "../gateways/gateways.ts";
import type { Cluster } from "../load/load.ts";
import type { Group, Memory } from "../memory.ts";
import { CONTROLLER_NAME } from "../kubernetes/names.ts";
import { type Policies, type PolicyState, targetsPort } from "../policies/policies.ts";
import { type Attempts, resolveAttempts, unusedProblem } from "./unused.ts";
import type { RouteState } from "../routes/routes.ts";
import { referencesOf } from "../routes/rules.ts";
import { field } from "../kubernetes/kinds.ts";

const MAX_ANCESTORS = 16;

export interface Ancestors {
  /** Gateways with an entry, by policy; sorted. */
  readonly listed: ReadonlyMap<string, readonly string[]>;
  /** Gateways for which the status had no room, by policy; none, mostly. */
  readonly full: ReadonlyMap<string, ReadonlySet<string>>;
  /** Whether a Gateway's routes name a Service port. */
  readonly uses: (gateway: string, service: string, port: number | null) => boolean;
}

export function resolveAncestors(
  cluster: Cluster,
  gateways: ReadonlyMap<string, GatewayState>,
  routes: readonly RouteState[],
  policies: Policies,
  memory: Memory,
  diagnostics: Diagnostics,
): Ancestors {
  const uses = [
    ...memory.each("uses of Gateways", [], [...gateways.values()], diagnostics, usesOfGateway),
    ...memory.each("uses of routes", [], routes, diagnostics, usesOfRoute),
  ];
  const users = memory.source(
    "users",
    memory.group(
      "users",
      uses,
      (use) => [...use.ports.keys()],
      (a, b) => compareStrings(a.user, b.user),
    ),
  );
  const attempts = resolveAttempts(cluster, { gateways, routes, services: policies.services }, memory, diagnostics);
  const found = memory.each("ancestors", [], [...policies.all.values()], diagnostics, (policy, own) =>
    ancestorsOf(policy, users, attempts, cluster, policies, own),
  );
  const by = <K extends "listed" | "full">(key: K): ReadonlyMap<string, ResolvedAncestors[K]> =>
    memory.once(`${key} ancestors`, [found], diagnostics, () => new Map(found.map((own) => [own.policy, own[key]])));
  return {
    listed: memory.source("listed ancestors", by("listed")),
    full: memory.source("full ancestors", by("full")),
    uses: (gateway, service, port) => portsOf(users.get(service), gateway).some((own) => port === null || own === port),
  };
}

interface ResolvedAncestors {
  readonly policy: string;
  readonly listed: readonly string[];
  readonly full: ReadonlySet<string>;
}

function ancestorsOf(
  policy: PolicyState,
  users: Users,
  attempts: Attempts,
  cluster: Cluster,
  { services, coverage }: Policies,
  diagnostics: Diagnostics,
): ResolvedAncestors {
  const using = gatewaysOf(policy, users, cluster);
  const isBare = (service: string): boolean => users.has(service) && !coverage.has(service);
  const unused = using.length === 0 ? unusedProblem(policy, attempts, services, isBare) : null;
  if (unused !== null) diagnostics.report(policy.object, unused);
  const { ours, foreign } = entriesOf(policy.object.value, policy.object.ref.namespace ?? "default");
  // Who has an entry keeps it; the rest come by name.
  const ordered = [...using.filter((name) => ours.has(name)), ...using.filter((name) => !ours.has(name))];
  const room = Math.max(0, MAX_ANCESTORS - foreign);
  const listed = ordered.slice(0, room).sort(compareStrings);
  const left = ordered.slice(room).sort(compareStrings);
  if (left.length > 0)
    diagnostics.report(policy.object, {
      code: "policy-ancestors-full",
      path: ["status", "ancestors"],
      message: `the status has no room for ${left.join(", ")}, whose routes to the policy's Services are answered 500`,
      expected: `at most ${MAX_ANCESTORS} entries`,
      found: `${foreign} entries of other controllers`,
      remedy: "remove entries of controllers that are gone",
    });
  return { policy: policy.name, listed, full: new Set(left) };
}

/** What one route, or the listeners of one Gateway, name. */
interface Use {
  readonly user: string;
  readonly gateways: readonly string[];
  /** By Service. */
  readonly ports: ReadonlyMap<string, readonly number[]>;
}

/** By Service. */
type Users = ReadonlyMap<string, Group<Use>>;

const usesOfGateway = (gateway: GatewayState): Use => ({
  user: `Gateway ${gateway.name}`,
  gateways: [gateway.name],
  ports:
    gateway.kind === "valid" ? portsByService(gateway.listeners.flatMap(({ references }) => references)) : new Map(),
});

function usesOfRoute({ name, parents, rules }: RouteState): Use {
  const attached = parents.filter(({ verdict }) => verdict.kind === "attached").map(({ gateway }) => gateway);
  // GEP-1897: wherever the Service is used, so by mirrors and external auth too.
  const references = attached.length === 0 ? [] : rules.flatMap(referencesOf);
  return { user: `HTTPRoute ${name}`, gateways: attached, ports: portsByService(references) };
}

function portsByService(references: readonly Reference[]): Map<string, number[]> {
  const ports = new Map<string, number[]>();
  for (const { service, port, state } of references) {
    // A reference that nobody granted is no use of the Service.
    if (service === null || (state.kind === "refused" && state.code === "backend-ref-not-permitted")) continue;
    ports.set(service, [...(ports.get(service) ?? []), port]);
  }
  return ports;
}

/** Ports of a Service that a Gateway's routes and listeners name. */
const portsOf = (users: Group<Use> | undefined, gateway: string): number[] =>
  (users?.items ?? []).flatMap(({ gateways, ports }) =>
    gateways.includes(gateway) ? (ports.get(users?.key ?? "") ?? []) : [],
  );

function gatewaysOf(policy: PolicyState, users: Users, cluster: Cluster): string[] {
  const found = new Set<string>();
  for (const target of policy.targets) {
    if (target.service === null) continue;
    const entry = cluster.Service.get(target.service);
    const service = entry?.kind === "valid" ? entry.object : null;
    for (const { gateways, ports } of users.get(target.service)?.items ?? []) {
      const isTargeted = (ports.get(target.service) ?? []).some((port) => targetsPort(target, service, port));
      for (const gateway of isTargeted ? gateways : []) found.add(gateway);
    }
  }
  return [...found].sort(compareStrings);
}

/** The entries that the policy's status has already: ours by Gateway, and how many of others. */
function entriesOf(value: unknown, own: string): { ours: Set<string>; foreign: number } {
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

/** The policy, when its status had no room for this Gateway. */
export function fullPolicy(policy: PolicyState | null, gateway: string, ancestors: Ancestors): PolicyState | null {
  return policy !== null && ancestors.full.get(policy.name)?.has(gateway) === true ? policy : null;
}
