/** The cluster as lasthop understands it: everything statuses and bundles are made from. */
import { type Ancestors, resolveAncestors } from "./ancestors/ancestors.ts";
import type { BackendContext } from "./backends/backends.ts";
import type { Diagnostics } from "./diagnostics/diagnostics.ts";
import { type ClassState, type Gateways, resolveClasses, resolveGateways } from "./gateways/gateways.ts";
import { resolveGrants } from "./references/grants.ts";
import type { Cluster } from "./load/load.ts";
import type { Memory } from "./memory.ts";
import { type Policies, resolvePolicies } from "./policies/policies.ts";
import { resolveRoutes, type RouteState } from "./routes/routes.ts";
import { resolveUnserved, type UnservedState } from "./routes/unserved.ts";

export interface Model extends Gateways {
  readonly cluster: Cluster;
  readonly classes: ReadonlyMap<string, ClassState>;
  readonly routes: readonly RouteState[];
  readonly unserved: readonly UnservedState[];
  readonly policies: Policies;
  readonly ancestors: Ancestors;
}

export type ModelOptions = Pick<BackendContext, "allowExternalName" | "requireBackendTls">;

export function resolveModel(cluster: Cluster, options: ModelOptions, memory: Memory, diagnostics: Diagnostics): Model {
  const grants = resolveGrants(cluster, memory, diagnostics);
  const classes = resolveClasses(cluster, memory, diagnostics);
  const policies = resolvePolicies(cluster, memory, diagnostics);
  const shared = { cluster, classes, policies, grants, ...options };
  const { gateways, listenerSets } = resolveGateways(shared, memory, diagnostics);
  const routes = resolveRoutes({ ...shared, gateways, listenerSets }, memory, diagnostics);
  const unserved = resolveUnserved({ cluster, gateways, listenerSets }, memory, diagnostics);
  const ancestors = resolveAncestors(cluster, gateways, routes, policies, memory, diagnostics);
  return { cluster, classes, gateways, listenerSets, routes, unserved, policies, ancestors };
}
