/** The cluster as lasthop understands it: everything statuses and bundles are made from. */
import { type Ancestors, resolveAncestors } from "./ancestors.ts";
import type { Diagnostics } from "./diagnostics.ts";
import { type ClassState, type GatewayState, resolveClasses, resolveGateways } from "./gateways.ts";
import { resolveGrants } from "./grants.ts";
import type { Cluster } from "./load.ts";
import { type Policies, resolvePolicies } from "./policies.ts";
import { resolveRoutes, type RouteState } from "./routes.ts";

export interface Model {
  readonly cluster: Cluster;
  readonly classes: ReadonlyMap<string, ClassState>;
  readonly gateways: ReadonlyMap<string, GatewayState>;
  readonly routes: readonly RouteState[];
  readonly policies: Policies;
  readonly ancestors: Ancestors;
}

export function resolveModel(cluster: Cluster, allowExternalName: boolean, diagnostics: Diagnostics): Model {
  const classes = resolveClasses(cluster, diagnostics);
  const gateways = resolveGateways(cluster, classes, diagnostics);
  const policies = resolvePolicies(cluster, diagnostics);
  const grants = resolveGrants(cluster);
  const routes = resolveRoutes({ cluster, gateways, policies, grants, allowExternalName }, diagnostics);
  const ancestors = resolveAncestors(cluster, routes, policies, diagnostics);
  return { cluster, classes, gateways, routes, policies, ancestors };
}
