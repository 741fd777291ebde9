/** The model: everything that is decided about the cluster, from which bundles and statuses are made. */
import { type Ancestors, resolveAncestors } from "./ancestors/ancestors.ts";
import type { BackendContext } from "./backends/backends.ts";
import { indexSlices, type Slices } from "./backends/endpoints.ts";
import type { Diagnostics } from "./diagnostics/diagnostics.ts";
import { type ClassState, resolveClasses } from "./gateways/classes.ts";
import { type Gateways, resolveGateways } from "./gateways/gateways.ts";
import type { Cluster } from "./load/load.ts";
import type { Memory } from "./memory/memory.ts";
import { type Policies, resolvePolicies } from "./policies/policies.ts";
import { resolveGrants } from "./references/grants.ts";
import { resolveRoutes, type RouteState } from "./routes/routes.ts";
import { resolveUnserved, type UnservedState } from "./routes/unserved.ts";

/** The decisions about each object of the cluster. Maps are by `namespace/name`, or by the name of a class. */
export interface Model extends Gateways {
  readonly cluster: Cluster;
  readonly classes: ReadonlyMap<string, ClassState>;
  readonly routes: readonly RouteState[];
  readonly unserved: readonly UnservedState[];
  readonly policies: Policies;
  readonly ancestors: Ancestors;
  readonly slices: Slices;
}

/** Options on which the model depends. */
export type ModelOptions = Pick<BackendContext, "allowExternalName" | "requireBackendTls">;

/** Resolves the whole cluster, pass by pass. This is the table of contents of compile/. */
export function resolveModel(cluster: Cluster, options: ModelOptions, memory: Memory, diagnostics: Diagnostics): Model {
  const grants = resolveGrants(cluster, memory, diagnostics);
  const classes = resolveClasses(cluster, memory, diagnostics);
  const policies = resolvePolicies(cluster, memory, diagnostics);
  const shared = { cluster, classes, policies, grants, ...options };
  const { gateways, listenerSets } = resolveGateways(shared, memory, diagnostics);
  const routes = resolveRoutes({ ...shared, gateways, listenerSets }, memory, diagnostics);
  const unserved = resolveUnserved({ cluster, gateways, listenerSets }, memory, diagnostics);
  const ancestors = resolveAncestors({ cluster, gateways, routes, policies }, memory, diagnostics);
  const slices = indexSlices(cluster, memory, diagnostics);
  return { cluster, classes, gateways, listenerSets, routes, unserved, policies, ancestors, slices };
}
