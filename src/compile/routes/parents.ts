/** parentRefs: the Gateway or ListenerSet that each names, and the listeners there to which the route attaches. */
import { canonicalJson } from "../../bundle/codec.ts";
import type { RouteReason } from "../diagnostics/conditions.ts";
import {
  type Diagnostics,
  explain,
  type FieldPath,
  type Problem,
  type SourceObject,
} from "../diagnostics/diagnostics.ts";
import type { Gateways } from "../gateways/gateways.ts";
import type { ListenerState } from "../gateways/listener-state.ts";
import { intersectHostnames, type SharedHostname } from "../kubernetes/hostnames.ts";
import { field } from "../kubernetes/kinds.ts";
import { GATEWAY_GROUP } from "../kubernetes/names.ts";
import type { HTTPRoute, ParentReference } from "../kubernetes/objects.ts";
import type { Cluster } from "../load/load.ts";
import { absent } from "../references/absent.ts";
import { allowsNamespace } from "../references/namespaces.ts";
import { findParent, parentKind } from "./named-parent.ts";
import {
  missingListener,
  missingParent,
  NO_PARENTS,
  noSharedHostname,
  routeNotAllowed,
  wrongParentKind,
} from "./problems.ts";

/** A listener to which a route attaches. */
export interface ListenerAttachment {
  readonly listener: ListenerState;
  /** The hostnames that the route serves there, sorted; never empty. */
  readonly hostnames: readonly SharedHostname[];
}

/** One parentRef of a route. */
export interface ParentState {
  readonly ref: ParentReference;
  /** `namespace/name` of the Gateway; of a ListenerSet's Gateway, where the parent is a ListenerSet. */
  readonly gateway: string;
  readonly verdict:
    | { readonly kind: "attached"; readonly to: readonly ListenerAttachment[] }
    | ({ readonly kind: "detached" } & RouteRefusal);
}

/** Why a route is not accepted. */
export interface RouteRefusal {
  readonly reason: RouteReason;
  readonly message: string;
}

/** The context in which parentRefs are resolved. */
export interface ParentContext extends Gateways {
  readonly cluster: Cluster;
}

/** Resolves the parentRefs of a route, in their order. A parent that lasthop does not serve has no state. */
export function resolveParents(
  object: SourceObject<HTTPRoute>,
  context: ParentContext,
  diagnostics: Diagnostics,
): ParentState[] {
  const refs = object.value.spec.parentRefs ?? [];
  if (refs.length === 0) diagnostics.report(object, NO_PARENTS);
  const report = (problem: Problem): string => {
    diagnostics.report(object, problem);
    return explain(object, problem);
  };
  return refs.flatMap((ref, index) => attachRoute(object, { ref, at: ["spec", "parentRefs", index], report }, context));
}

/**
 * States for the parentRefs of a route that its schema refuses, or whose kind lasthop does not serve: each is detached for
 * `refusal`. parentRefs that cannot be read are left out.
 */
export function refusedParents(object: SourceObject, context: ParentContext, refusal: RouteRefusal): ParentState[] {
  const refs = field(field(object.value, "spec"), "parentRefs");
  if (!Array.isArray(refs)) return [];
  const seen = new Set<string>();
  return (refs as unknown[]).flatMap((value): ParentState[] => {
    const kind = parentKind(value);
    const name = field(value, "name");
    const namespace = field(value, "namespace") ?? object.ref.namespace;
    const text = canonicalJson(value);
    if (kind === null || typeof name !== "string" || typeof namespace !== "string" || seen.has(text)) return [];
    seen.add(text);
    const parent = findParent(kind, `${namespace}/${name}`, context);
    if (!("gateway" in parent)) return [];
    const ref = { group: GATEWAY_GROUP, kind, ...(value as Partial<ParentReference>), name };
    return [{ ref, gateway: parent.gateway, verdict: { kind: "detached", ...refusal } }];
  });
}

/** A parentRef that is being resolved. */
interface Attaching {
  readonly ref: ParentReference;
  /** Path of the parentRef. */
  readonly at: FieldPath;
  /** Reports a problem, and gives its text for a condition. */
  readonly report: (problem: Problem) => string;
}

/** The state of one parentRef; empty: lasthop does not serve the parent. */
function attachRoute(object: SourceObject<HTTPRoute>, attaching: Attaching, context: ParentContext): ParentState[] {
  const { ref, at, report } = attaching;
  const kind = parentKind(ref);
  if (kind === null) {
    // A Service as parent is for a service mesh, which is no fault.
    if (ref.kind !== "Service") report(wrongParentKind(at, ref.kind));
    return [];
  }
  const name = `${ref.namespace ?? object.ref.namespace}/${ref.name}`;
  const parent = findParent(kind, name, context);
  switch (parent.kind) {
    case "missing":
      report(missingParent(at, kind, name, absent(context.cluster, kind, name)));
      return [];
    case "foreign":
      return [];
    case "unusable": {
      const verdict = { kind: "detached", reason: "NoMatchingParent", message: parent.message } as const;
      return [{ ref, gateway: parent.gateway, verdict }];
    }
    case "listeners": {
      const { listeners } = parent;
      const verdict = attachToListeners(object, attaching, { name: `${kind} ${name}`, listeners }, context.cluster);
      return [{ ref, gateway: parent.gateway, verdict }];
    }
  }
}

/**
 * The listeners of the parent to which a route attaches. Whether they are served plays no part: "Listener or Route status does
 * not impact successful attachment" (`ListenerStatus.attachedRoutes`). emit/ leaves out listeners that are not accepted.
 */
function attachToListeners(
  object: SourceObject<HTTPRoute>,
  { ref, at, report }: Attaching,
  { name: parent, listeners }: { readonly name: string; readonly listeners: readonly ListenerState[] },
  cluster: Cluster,
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
  if (named.length === 0) return detached("NoMatchingParent", missingListener(at, ref, parent, listeners));
  const namespace = object.ref.namespace ?? "default";
  const allowing = named.filter(
    ({ takesHttpRoutes, spec, owner }) =>
      takesHttpRoutes && allowsNamespace(spec.allowedRoutes.namespaces, owner.namespace, namespace, cluster),
  );
  if (allowing.length === 0) return detached("NotAllowedByListeners", routeNotAllowed(at, parent, namespace));
  const hostnames = (object.value.spec.hostnames ?? []).map((hostname) => hostname.toLowerCase());
  const to = allowing
    .map((listener): ListenerAttachment => ({
      listener,
      hostnames: intersectHostnames(listener.hostname, hostnames),
    }))
    .filter((attachment) => attachment.hostnames.length > 0);
  if (to.length > 0) return { kind: "attached", to };
  return detached("NoMatchingListenerHostname", noSharedHostname(at, hostnames, parent, allowing));
}
