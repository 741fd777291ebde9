/**
 * When a policy that no route uses is worth an error of its own. Where a route at fault names its Service, or may mean it,
 * the route's fault is the cause and is reported; whoever then removed the policy would be served plaintext once it is mended.
 */
import type { Reference } from "../backends/backends.ts";
import { compareStrings, type Diagnostics, type Problem } from "../diagnostics/diagnostics.ts";
import type { Cluster, Entry } from "../load/load.ts";
import type { GatewayState } from "../gateways/gateways.ts";
import { meantServices, nameServices, type ServiceIndex } from "../policies/meant.ts";
import type { Group, Memory } from "../memory.ts";
import type { HTTPRoute, UnservedRoute } from "../kubernetes/objects.ts";
import { parentKind } from "../routes/parents.ts";
import type { PolicyState } from "../policies/policies.ts";
import type { RouteState } from "../routes/routes.ts";
import { referencesOf } from "../routes/rules.ts";
import { field } from "../kubernetes/kinds.ts";

/** A route at fault, and the Services that it would use without the fault. */
interface Attempt {
  readonly route: string;
  /** `namespace/name`. */
  readonly services: readonly string[];
}

export interface AttemptContext {
  readonly gateways: ReadonlyMap<string, GatewayState>;
  readonly routes: readonly RouteState[];
  readonly services: ServiceIndex;
}

/** By Service. */
export type Attempts = ReadonlyMap<string, Group<Attempt>>;

export function resolveAttempts(
  cluster: Cluster,
  { gateways, routes, services }: AttemptContext,
  memory: Memory,
  diagnostics: Diagnostics,
): Attempts {
  const { GRPCRoute, TLSRoute, TCPRoute, UDPRoute } = cluster;
  const others = [GRPCRoute, TLSRoute, TCPRoute, UDPRoute].flatMap((byName) => [...byName.values()]);
  const attempts = [
    ...memory.each("attempts of routes", [], routes, diagnostics, (route) =>
      attemptOf(route, cluster, gateways, services),
    ),
    ...memory.each("attempts of unserved routes", [], others, diagnostics, attemptOfUnserved),
  ].filter((attempt) => attempt !== null);
  const byService = memory.group(
    "attempts",
    attempts,
    (attempt) => attempt.services,
    (a, b) => compareStrings(a.route, b.route),
  );
  return memory.source("attempts", byService);
}

/**
 * Null: the policy has users, or why it has none has been said. `isBare`: routes use the Service, and no policy covers it;
 * such a one with a near name may be the Service that was meant.
 */
export function unusedProblem(
  policy: PolicyState,
  attempts: Attempts,
  services: ServiceIndex,
  isBare: (service: string) => boolean,
): Problem | null {
  const attached = policy.targets.filter(({ verdict }) => verdict.kind !== "not-found");
  if (attached.length === 0 || attached.some(({ service }) => service !== null && attempts.has(service))) return null;
  const namespace = policy.object.ref.namespace ?? "default";
  const near = attached.flatMap(({ ref }) => meantServices(services, namespace, ref.name)).filter(isBare);
  const meant = [...new Set(near)];
  const hint = meant.length === 0 ? "" : `; ${nameServices(meant)}, which routes use without a policy, may be meant`;
  return {
    code: "policy-unused",
    path: ["spec", "targetRefs"],
    message: `no route of a Gateway of ours uses a port that this policy targets, so it has no ancestor to report to${hint}`,
    expected: "an attached HTTPRoute that names the Service",
    found: policy.targets.map(({ ref }) => ref.name).join(", "),
    remedy: "add the route, or correct targetRefs",
  };
}

/** Null: nothing is wrong with the route that would keep it from a Service. */
function attemptOf(
  route: RouteState,
  cluster: Cluster,
  gateways: AttemptContext["gateways"],
  services: ServiceIndex,
): Attempt | null {
  const { name, object, rules, readable } = route;
  const references = rules.flatMap(referencesOf);
  const named = !readable
    ? namedIn(object.value, object.ref.namespace ?? "default")
    : isDetached(route, cluster, gateways)
      ? references.flatMap(({ service }) => service ?? [])
      : references.flatMap((reference) => meantBy(reference, services));
  return named.length === 0 ? null : { route: `HTTPRoute ${name}`, services: [...new Set(named)] };
}

/** Services of a reference that is not resolved. */
function meantBy({ service, state }: Reference, services: ServiceIndex): readonly string[] {
  if (service === null || state.kind === "backend") return [];
  if (state.code !== "backend-ref-not-found") return [service];
  const [namespace = "", name = ""] = service.split("/");
  return meantServices(services, namespace, name);
}

/** Some parent does not take the route, or is not there at all. Parents of other controllers are no fault. */
function isDetached({ object, parents }: RouteState, cluster: Cluster, gateways: AttemptContext["gateways"]): boolean {
  if (parents.length > 0) return parents.every(({ verdict }) => verdict.kind === "detached");
  const refs = (object.value as HTTPRoute).spec.parentRefs ?? [];
  return refs.every((ref) => {
    const kind = parentKind(ref);
    const parent = `${ref.namespace ?? object.ref.namespace}/${ref.name}`;
    // A Gateway that is known here and yet no parent of a route has no class.
    return kind !== null && (!cluster[kind].has(parent) || gateways.has(parent));
  });
}

function attemptOfUnserved({ object }: Entry<UnservedRoute>): Attempt | null {
  const services = namedIn(object.value, object.ref.namespace ?? "default");
  return services.length === 0 ? null : { route: `${object.ref.kind} ${object.ref.name}`, services };
}

/** Whatever looks like a backendRef in a route that the schema refuses, or that lasthop does not serve. */
function namedIn(value: unknown, namespace: string): string[] {
  const rules = field(field(value, "spec"), "rules");
  const refs = listOf(rules).flatMap((rule) => [
    ...backendsOf(rule),
    ...listOf(field(rule, "backendRefs")).flatMap((ref) => [ref, ...backendsOf(ref)]),
  ]);
  const names = refs.flatMap((ref) => {
    const [name, own = namespace] = [field(ref, "name"), field(ref, "namespace")];
    return typeof name === "string" && typeof own === "string" ? [`${own}/${name}`] : [];
  });
  return [...new Set(names)];
}

/** The backendRefs of a rule's or backendRef's filters. */
const backendsOf = (bearer: unknown): unknown[] =>
  listOf(field(bearer, "filters")).flatMap((filter) => [
    field(field(filter, "requestMirror"), "backendRef"),
    field(field(filter, "externalAuth"), "backendRef"),
  ]);

const listOf = (value: unknown): readonly unknown[] => (Array.isArray(value) ? (value as unknown[]) : []);
