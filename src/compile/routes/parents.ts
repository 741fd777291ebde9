/** parentRefs: the Gateway or ListenerSet that each names, and the listeners there to which the route attaches. */
import { absent } from "../references/absent.ts";
import { canonicalJson } from "../../bundle/codec.ts";
import type { RouteReason } from "../diagnostics/conditions.ts";
import {
  causeOf,
  type Diagnostics,
  explain,
  type FieldPath,
  type Problem,
  show,
  type SourceObject,
} from "../diagnostics/diagnostics.ts";
import type { Gateways } from "../gateways/gateways.ts";
import { intersectHostnames, type SharedHostname } from "../kubernetes/hostnames.ts";
import type { ListenerState } from "../gateways/listeners.ts";
import type { Cluster } from "../load/load.ts";
import { EXPERIMENTAL_GROUP, GATEWAY_GROUP } from "../kubernetes/names.ts";
import { allowsNamespace } from "../references/namespaces.ts";
import type { HTTPRoute, ParentReference } from "../kubernetes/objects.ts";
import { field } from "../kubernetes/kinds.ts";

export interface Attachment {
  readonly listener: ListenerState;
  /** Never empty, sorted. */
  readonly hostnames: readonly SharedHostname[];
}

export interface ParentState {
  readonly ref: ParentReference;
  /** `namespace/name` of the Gateway, also where the parent is a ListenerSet of it. */
  readonly gateway: string;
  readonly verdict:
    | { readonly kind: "attached"; readonly to: readonly Attachment[] }
    | { readonly kind: "detached"; readonly reason: RouteReason; readonly message: string };
}

export interface ParentContext extends Gateways {
  readonly cluster: Cluster;
}

/** In the order of `spec.parentRefs`; no state for parents that are not ours. */
export function resolveParents(
  object: SourceObject<HTTPRoute>,
  context: ParentContext,
  diagnostics: Diagnostics,
): ParentState[] {
  const refs = object.value.spec.parentRefs ?? [];
  if (refs.length === 0) diagnostics.report(object, NO_PARENTS);
  return refs.flatMap((ref, index) => attach(object, ref, ["spec", "parentRefs", index], context, diagnostics));
}

/** A route that the API server would not have stored still hears why, wherever its parentRefs can be read. */
export function unreadableParents(
  object: SourceObject,
  context: ParentContext,
  refusal: { readonly reason: RouteReason; readonly message: string },
): ParentState[] {
  const refs = field(field(object.value, "spec"), "parentRefs");
  if (!Array.isArray(refs)) return [];
  const seen = new Set<string>();
  return (refs as unknown[]).flatMap((value): ParentState[] => {
    const kind = parentKind(value);
    const name = field(value, "name");
    const namespace = field(value, "namespace") ?? object.ref.namespace;
    const key = canonicalJson(value);
    if (kind === null || typeof name !== "string" || typeof namespace !== "string" || seen.has(key)) return [];
    seen.add(key);
    const parent = findParent(kind, `${namespace}/${name}`, context);
    if (!("gateway" in parent)) return [];
    const ref = { group: GATEWAY_GROUP, kind, ...(value as Partial<ParentReference>), name };
    return [{ ref, gateway: parent.gateway, verdict: { kind: "detached", ...refusal } }];
  });
}

const NO_PARENTS: Problem = {
  severity: "warning",
  code: "route-parent-not-found",
  path: ["spec"],
  message: "the route has no parentRefs, so no Gateway serves it",
  expected: "parentRefs that name a Gateway",
  remedy: "add parentRefs",
};

export type ParentKind = "Gateway" | "ListenerSet";

/** What kind of parent lasthop reads a parentRef as; null: none of a Gateway. */
export function parentKind(ref: unknown): ParentKind | null {
  const kind = field(ref, "kind") ?? "Gateway";
  const group = field(ref, "group") ?? GATEWAY_GROUP;
  // seed.ts reads an XListenerSet as a ListenerSet.
  if (group === EXPERIMENTAL_GROUP && kind === "XListenerSet") return "ListenerSet";
  return group === GATEWAY_GROUP && (kind === "Gateway" || kind === "ListenerSet") ? kind : null;
}

type Parent =
  | { readonly kind: "missing" }
  /** Of another controller, or of nobody. */
  | { readonly kind: "foreign" }
  | { readonly kind: "unusable"; readonly gateway: string; readonly message: string }
  /** The parent's own: a Gateway's ListenerSets are parents of their own (GEP-1713). */
  | { readonly kind: "listeners"; readonly gateway: string; readonly listeners: readonly ListenerState[] };

function findParent(kind: ParentKind, name: string, { cluster, gateways, listenerSets }: ParentContext): Parent {
  if (kind === "ListenerSet") {
    const set = listenerSets.get(name);
    if (set === undefined) return { kind: cluster.ListenerSet.has(name) ? "foreign" : "missing" };
    const { gateway, verdict, listeners } = set;
    return verdict.kind === "refused" && listeners.length === 0
      ? { kind: "unusable", gateway, message: `ListenerSet ${name} is refused: ${verdict.message}` }
      : { kind: "listeners", gateway, listeners };
  }
  const gateway = gateways.get(name);
  if (gateway === undefined) return { kind: cluster.Gateway.has(name) ? "foreign" : "missing" };
  if (gateway.kind === "valid")
    return {
      kind: "listeners",
      gateway: name,
      listeners: gateway.listeners.filter(({ owner }) => owner.kind === kind),
    };
  return gateway.ours
    ? { kind: "unusable", gateway: name, message: `Gateway ${name} is refused: ${gateway.message}` }
    : { kind: "foreign" };
}

function attach(
  object: SourceObject<HTTPRoute>,
  ref: ParentReference,
  at: FieldPath,
  context: ParentContext,
  diagnostics: Diagnostics,
): ParentState[] {
  const report = (problem: Problem): string => {
    diagnostics.report(object, problem);
    return explain(object, problem);
  };
  const kind = parentKind(ref);
  if (kind === null) {
    // A Service is a parent for a mesh, and some mesh's business.
    if (ref.kind !== "Service")
      report({
        code: "route-parent-not-found",
        path: [...at, "kind"],
        message: "lasthop attaches routes to Gateways and ListenerSets alone",
        expected: "Gateway or ListenerSet",
        found: show(ref.kind),
        remedy: "name the Gateway",
      });
    return [];
  }
  const name = `${ref.namespace ?? object.ref.namespace}/${ref.name}`;
  const parent = findParent(kind, name, context);
  switch (parent.kind) {
    case "missing":
      report({
        code: "route-parent-not-found",
        path: [...at, "name"],
        message: absent(context.cluster, kind, name).message,
        expected: `a ${kind}`,
        found: show(ref.name),
        remedy: absent(context.cluster, kind, name).remedy,
        cause: causeOf(kind, name),
      });
      return [];
    case "foreign":
      return [];
    case "unusable": {
      const verdict = { kind: "detached", reason: "NoMatchingParent", message: parent.message } as const;
      return [{ ref, gateway: parent.gateway, verdict }];
    }
    case "listeners": {
      const verdict = attachTo(object, ref, at, `${kind} ${name}`, parent.listeners, context.cluster, report);
      return [{ ref, gateway: parent.gateway, verdict }];
    }
  }
}

/**
 * Listener and Gateway status play no part: "Listener or Route status does not impact successful attachment"
 * (`ListenerStatus.attachedRoutes`). emit.ts serves accepted listeners alone.
 */
function attachTo(
  object: SourceObject<HTTPRoute>,
  ref: ParentReference,
  at: FieldPath,
  parent: string,
  listeners: readonly ListenerState[],
  cluster: Cluster,
  report: (problem: Problem) => string,
): ParentState["verdict"] {
  const detached = (reason: RouteReason, problem: Problem): ParentState["verdict"] => ({
    kind: "detached",
    reason,
    message: report(problem),
  });
  // "the name and port of the selected listener must match both specified values" (`ParentReference.port`)
  const named = listeners.filter(
    ({ spec }) =>
      (ref.sectionName === undefined || spec.name === ref.sectionName) &&
      (ref.port === undefined || spec.port === ref.port),
  );
  if (named.length === 0)
    return detached("NoMatchingParent", {
      code: "route-parent-no-listener",
      path: ref.sectionName === undefined ? [...at, "port"] : [...at, "sectionName"],
      message: `${parent} has no such listener`,
      expected: listeners.map(({ spec }) => `${spec.name} (port ${spec.port})`).join(", "),
      found: show(ref.sectionName ?? ref.port),
      remedy: "use one of its listeners",
    });
  const namespace = object.ref.namespace ?? "default";
  const allowing = named.filter(
    ({ takesHttpRoutes, spec, owner }) =>
      takesHttpRoutes && allowsNamespace(spec.allowedRoutes.namespaces, owner.namespace, namespace, cluster),
  );
  if (allowing.length === 0)
    return detached("NotAllowedByListeners", {
      code: "route-parent-not-allowed",
      path: at,
      message: `no listener of ${parent} takes HTTPRoutes from namespace ${namespace}`,
      expected: "a listener whose allowedRoutes lets the route in",
      found: show(namespace),
      remedy: "change allowedRoutes of the listener, or move the route",
    });
  const hostnames = (object.value.spec.hostnames ?? []).map((hostname) => hostname.toLowerCase());
  const to = allowing
    .map((listener): Attachment => ({ listener, hostnames: intersectHostnames(listener.hostname, hostnames) }))
    .filter((attachment) => attachment.hostnames.length > 0);
  if (to.length > 0) return { kind: "attached", to };
  return detached("NoMatchingListenerHostname", {
    code: "route-parent-hostname",
    path: hostnames.length === 0 ? at : ["spec", "hostnames"],
    message: `none of the hostnames is one of ${parent}'s`,
    expected: allowing.map(({ hostname }) => hostname ?? "any").join(", "),
    found: hostnames.join(", "),
    remedy: "correct the hostnames of the route or of the listener",
  });
}
