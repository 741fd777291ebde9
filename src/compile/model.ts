/** The cluster as lasthop understands it: everything statuses and bundles are made from. */
import { type Ancestors, resolveAncestors } from "./ancestors.ts";
import { Anchors } from "./anchors.ts";
import { Certificates } from "./certificates.ts";
import type { Diagnostics } from "./diagnostics.ts";
import { type ClassState, type Gateways, resolveClasses, resolveGateways } from "./gateways.ts";
import { resolveGrants } from "./grants.ts";
import type { Cluster } from "./load.ts";
import { type Policies, resolvePolicies } from "./policies.ts";
import { resolveRoutes, type RouteState } from "./routes.ts";
import { resolveUnserved, type UnservedState } from "./unserved.ts";

export interface Model extends Gateways {
  readonly cluster: Cluster;
  readonly classes: ReadonlyMap<string, ClassState>;
  readonly routes: readonly RouteState[];
  readonly unserved: readonly UnservedState[];
  readonly policies: Policies;
  readonly anchors: Anchors;
  readonly ancestors: Ancestors;
}

export function resolveModel(cluster: Cluster, allowExternalName: boolean, diagnostics: Diagnostics): Model {
  const anchors = new Anchors(cluster);
  const certificates = new Certificates(cluster);
  const grants = resolveGrants(cluster);
  const classes = resolveClasses(cluster, diagnostics);
  const policies = resolvePolicies(cluster, anchors, diagnostics);
  const shared = { cluster, classes, policies, grants, anchors, certificates, allowExternalName };
  const { gateways, listenerSets } = resolveGateways(shared, diagnostics);
  const routes = resolveRoutes({ ...shared, gateways, listenerSets }, diagnostics);
  const unserved = resolveUnserved({ cluster, gateways, listenerSets }, diagnostics);
  const ancestors = resolveAncestors(cluster, gateways, routes, policies, diagnostics);
  return { cluster, classes, gateways, listenerSets, routes, unserved, policies, anchors, ancestors };
}
