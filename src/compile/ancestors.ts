/**
 * Which Gateways a policy is about: those with an attached route or a listener filter that names a Service it targets
 * (`PolicyAncestorStatus`). At most 16 entries stand in a status; Gateways beyond them cannot use the policy.
 */
import type { Reference } from "./backends.ts";
import { compareStrings, type Diagnostics } from "./diagnostics.ts";
import type { GatewayState } from "./gateways.ts";
import type { Cluster } from "./load.ts";
import { CONTROLLER_NAME } from "./names.ts";
import { type Policies, type PolicyState, targetsPort } from "./policies.ts";
import type { RouteState } from "./routes.ts";
import { referencesOf } from "./rules.ts";
import { field } from "./schema/validate.ts";

const MAX_ANCESTORS = 16;

export interface Ancestors {
  /** Gateways with an entry, by policy; sorted. */
  readonly listed: ReadonlyMap<string, readonly string[]>;
  /** Gateways for which the status had no room, by policy. */
  readonly full: ReadonlyMap<string, ReadonlySet<string>>;
  /** Whether a Gateway's routes name a Service port. */
  readonly uses: (gateway: string, service: string, port: number | null) => boolean;
}

export function resolveAncestors(
  cluster: Cluster,
  gateways: ReadonlyMap<string, GatewayState>,
  routes: readonly RouteState[],
  policies: Policies,
  diagnostics: Diagnostics,
): Ancestors {
  const users = usersOf(gateways, routes);
  const listed = new Map<string, string[]>();
  const full = new Map<string, Set<string>>();
  for (const policy of policies.all.values()) {
    const using = gatewaysOf(policy, users, cluster);
    if (using.length === 0) diagnostics.report(policy.object, unused(policy));
    const { ours, foreign } = entriesOf(policy.object.value, policy.object.ref.namespace ?? "default");
    // Who has an entry keeps it; the rest come by name.
    const ordered = [...using.filter((name) => ours.has(name)), ...using.filter((name) => !ours.has(name))];
    const room = Math.max(0, MAX_ANCESTORS - foreign);
    listed.set(policy.name, ordered.slice(0, room).sort(compareStrings));
    const left = ordered.slice(room);
    if (left.length === 0) continue;
    full.set(policy.name, new Set(left));
    diagnostics.report(policy.object, {
      code: "policy-ancestors-full",
      path: ["status", "ancestors"],
      message: `the status has no room for ${left.sort(compareStrings).join(", ")}, whose routes to the policy's Services are answered 500`,
      expected: `at most ${MAX_ANCESTORS} entries`,
      found: `${foreign} entries of other controllers`,
      remedy: "remove entries of controllers that are gone",
    });
  }
  return { listed, full, uses: (gateway, service, port) => usesPort(users.get(service)?.get(gateway), port) };
}

/** By Service, then Gateway: the ports that attached routes name. */
type Users = ReadonlyMap<string, ReadonlyMap<string, ReadonlySet<number>>>;

function usersOf(gateways: ReadonlyMap<string, GatewayState>, routes: readonly RouteState[]): Users {
  const users = new Map<string, Map<string, Set<number>>>();
  const use = (gateway: string, references: readonly Reference[]): void => {
    for (const { service, port, state } of references) {
      // A reference that nobody granted is no use of the Service.
      if (service === null || (state.kind === "refused" && state.code === "backend-ref-not-permitted")) continue;
      const byGateway = users.get(service) ?? new Map<string, Set<number>>();
      users.set(service, byGateway);
      byGateway.set(gateway, (byGateway.get(gateway) ?? new Set()).add(port));
    }
  };
  for (const [name, gateway] of gateways)
    if (gateway.kind === "valid") for (const { references } of gateway.listeners) use(name, references);
  for (const { parents, rules } of routes) {
    const attached = parents.filter(({ verdict }) => verdict.kind === "attached").map(({ gateway }) => gateway);
    // GEP-1897: wherever the Service is used, so by mirrors and external auth too.
    const references = attached.length === 0 ? [] : rules.flatMap(referencesOf);
    for (const gateway of new Set(attached)) use(gateway, references);
  }
  return users;
}

function usesPort(ports: ReadonlySet<number> | undefined, port: number | null): boolean {
  return ports !== undefined && (port === null || ports.has(port));
}

function gatewaysOf(policy: PolicyState, users: Users, cluster: Cluster): string[] {
  const found = new Set<string>();
  for (const target of policy.targets) {
    if (target.service === null) continue;
    const entry = cluster.Service.get(target.service);
    const service = entry?.kind === "valid" ? entry.object : null;
    for (const [gateway, ports] of users.get(target.service) ?? []) {
      if ([...ports].some((port) => targetsPort(target, service, port))) found.add(gateway);
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

function unused(policy: PolicyState) {
  return {
    code: "policy-unused" as const,
    path: ["spec", "targetRefs"],
    message: "no route of a Gateway of ours uses a port that this policy targets, so it has no ancestor to report to",
    expected: "an attached HTTPRoute that names the Service",
    found: policy.targets.map(({ ref }) => ref.name).join(", "),
    remedy: "add the route, correct targetRefs, or remove the policy",
  };
}
