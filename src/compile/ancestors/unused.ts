/**
 * Policies that no route uses. When a route that is itself at fault names the policy's Service, or may mean it, the
 * fault of the route is reported and the policy is not: if the policy were removed, the Service would get plaintext as
 * soon as the route is corrected.
 */
import type { ResolvedBackendRef } from "../backends/backends.ts";
import { compareStrings, type Diagnostics, type Problem } from "../diagnostics/diagnostics.ts";
import type { GatewayState } from "../gateways/gateways.ts";
import { field } from "../kubernetes/kinds.ts";
import type { HTTPRoute, UnservedRoute } from "../kubernetes/objects.ts";
import type { Cluster, Entry } from "../load/load.ts";
import type { Group } from "../memory/groups.ts";
import type { Memory } from "../memory/memory.ts";
import { likelyServices, type ServiceIndex } from "../policies/likely-services.ts";
import type { PolicyState } from "../policies/state.ts";
import { parentKind } from "../routes/named-parent.ts";
import type { RouteState } from "../routes/routes.ts";
import { backendRefsOf } from "../routes/rules.ts";
import { unusedPolicy } from "./problems.ts";

/** A route at fault. */
interface FaultyRoute {
  readonly route: string;
  /** The Services that it would use without the fault, or may mean, as `namespace/name`. */
  readonly services: readonly string[];
}

/** The context from which faulty routes are resolved. */
interface FaultyRouteContext {
  readonly cluster: Cluster;
  readonly gateways: ReadonlyMap<string, GatewayState>;
  readonly routes: readonly RouteState[];
  readonly services: ServiceIndex;
}

/** The routes at fault, by `namespace/name` of each Service that they would use. */
export type FaultyRoutes = ReadonlyMap<string, Group<FaultyRoute>>;

/** Finds the routes at fault, those of kinds that lasthop does not serve included. */
export function resolveFaultyRoutes(
  context: FaultyRouteContext,
  memory: Memory,
  diagnostics: Diagnostics,
): FaultyRoutes {
  const { GRPCRoute, TLSRoute, TCPRoute, UDPRoute } = context.cluster;
  const unserved = [GRPCRoute, TLSRoute, TCPRoute, UDPRoute].flatMap((byName) => [...byName.values()]);
  const found = [
    ...memory.each("faulty routes", { items: context.routes }, diagnostics, (route) => faultyRoute(route, context)),
    ...memory.each("services of unserved routes", { items: unserved }, diagnostics, servicesOfUnserved),
  ].filter((route) => route !== null);
  const byRoute = (a: FaultyRoute, b: FaultyRoute): number => compareStrings(a.route, b.route);
  return memory.source(
    "faulty routes",
    memory.group("faulty routes", found, ({ services }) => services, byRoute),
  );
}

/**
 * The problem of a policy without ancestors; null: another problem explains why it has none. `isUncovered` tells of a Service
 * that routes use, and no policy covers: if its name is similar to that of a target, it may be meant.
 */
export function unusedProblem(
  policy: PolicyState,
  faultyRoutes: FaultyRoutes,
  services: ServiceIndex,
  isUncovered: (service: string) => boolean,
): Problem | null {
  const found = policy.targets.filter(({ verdict }) => verdict.kind !== "not-found");
  if (found.length === 0 || found.some(({ service }) => service !== null && faultyRoutes.has(service))) return null;
  const namespace = policy.object.ref.namespace ?? "default";
  const likely = found.flatMap(({ ref }) => likelyServices(services, namespace, ref.name)).filter(isUncovered);
  return unusedPolicy(policy, [...new Set(likely)]);
}

/** The Services that a route would use without its fault; null: the route has no fault that keeps it from a Service. */
function faultyRoute(route: RouteState, context: FaultyRouteContext): FaultyRoute | null {
  const { name, object, rules, readable } = route;
  const backendRefs = rules.flatMap(backendRefsOf);
  const services = !readable
    ? servicesNamed(object.value, object.ref.namespace ?? "default")
    : isDetached(route, context)
      ? backendRefs.flatMap(({ service }) => service ?? [])
      : backendRefs.flatMap((backendRef) => servicesMissed(backendRef, context.services));
  return services.length === 0 ? null : { route: `HTTPRoute ${name}`, services: [...new Set(services)] };
}

/** The Services that a backendRef would use, or may mean, where it is not resolved. */
function servicesMissed({ service, state }: ResolvedBackendRef, services: ServiceIndex): readonly string[] {
  if (service === null || state.kind === "backend") return [];
  if (state.code !== "backend-ref-not-found") return [service];
  const [namespace = "", name = ""] = service.split("/");
  return likelyServices(services, namespace, name);
}

/**
 * Whether a route attaches nowhere, because its parents refuse the route or do not exist. A parent of another
 * controller is no fault.
 */
function isDetached({ object, parents }: RouteState, { cluster, gateways }: FaultyRouteContext): boolean {
  if (parents.length > 0) return parents.every(({ verdict }) => verdict.kind === "detached");
  const refs = (object.value as HTTPRoute).spec.parentRefs ?? [];
  return refs.every((ref) => {
    const kind = parentKind(ref);
    const parent = `${ref.namespace ?? object.ref.namespace}/${ref.name}`;
    // A Gateway with a state that is no parent of the route is one whose class does not exist.
    return kind !== null && (!cluster[kind].has(parent) || gateways.has(parent));
  });
}

function servicesOfUnserved({ object }: Entry<UnservedRoute>): FaultyRoute | null {
  const services = servicesNamed(object.value, object.ref.namespace ?? "default");
  return services.length === 0 ? null : { route: `${object.ref.kind} ${object.ref.name}`, services };
}

/** Everything that looks like a backendRef in a route that its schema refuses, or that lasthop does not serve. */
function servicesNamed(value: unknown, namespace: string): string[] {
  const rules = field(field(value, "spec"), "rules");
  const refs = asList(rules).flatMap((rule) => [
    ...filterBackendRefs(rule),
    ...asList(field(rule, "backendRefs")).flatMap((ref) => [ref, ...filterBackendRefs(ref)]),
  ]);
  const names = refs.flatMap((ref) => {
    const [name, own = namespace] = [field(ref, "name"), field(ref, "namespace")];
    return typeof name === "string" && typeof own === "string" ? [`${own}/${name}`] : [];
  });
  return [...new Set(names)];
}

/** The backendRefs of the filters of a rule or backendRef. */
const filterBackendRefs = (owner: unknown): unknown[] =>
  asList(field(owner, "filters")).flatMap((filter) => [
    field(field(filter, "requestMirror"), "backendRef"),
    field(field(filter, "externalAuth"), "backendRef"),
  ]);

const asList = (value: unknown): readonly unknown[] => (Array.isArray(value) ? (value as unknown[]) : []);
