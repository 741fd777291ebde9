/**
 * ListenerSets: the Gateway to which each wants to attach, and whether the Gateway allows the attachment
 * (`AllowedListeners`, GEP-1713).
 */
import type { NamespacedName } from "../../bundle/types.ts";
import type { ListenerSetReason } from "../diagnostics/conditions.ts";
import { type Diagnostics, explain, type SourceObject } from "../diagnostics/diagnostics.ts";
import { field } from "../kubernetes/kinds.ts";
import { GATEWAY_GROUP } from "../kubernetes/names.ts";
import type { Gateway, ListenerSet } from "../kubernetes/objects.ts";
import { compareSeniority, seniorityOf } from "../kubernetes/seniority.ts";
import type { Cluster, Entry } from "../load/load.ts";
import { absent } from "../references/absent.ts";
import { allowsNamespace } from "../references/namespaces.ts";
import type { ListenerState } from "./listener-state.ts";
import { missingSetParent, setNotAllowed, wrongSetParent } from "./problems.ts";

/** A ListenerSet whose parent is a Gateway that lasthop serves. */
export interface ListenerSetState {
  readonly name: NamespacedName;
  readonly object: SourceObject;
  /** The parent of the ListenerSet. */
  readonly gateway: NamespacedName;
  readonly verdict: { readonly kind: "accepted" } | ({ readonly kind: "refused" } & SetRefusal);
  /** Listeners of the set, which are also among those of the Gateway; empty when the set is not attached. */
  readonly listeners: readonly ListenerState[];
}

/** Why a ListenerSet is not accepted. */
export interface SetRefusal {
  readonly reason: ListenerSetReason;
  readonly message: string;
}

/** A ListenerSet, valid or refused, before it is known whether its Gateway allows it. */
export interface NamedSet {
  readonly name: NamespacedName;
  readonly entry: Entry<ListenerSet>;
}

/** The ListenerSets by their Gateway, in order of precedence: "ordered by creation time (oldest first)", then by name. */
export function setsByGateway(cluster: Cluster, diagnostics: Diagnostics): Map<NamespacedName, NamedSet[]> {
  const byGateway = new Map<NamespacedName, NamedSet[]>();
  for (const [name, entry] of cluster.ListenerSet) {
    const parent = parentOf(entry.object, cluster, diagnostics);
    if (parent === null) continue;
    const known = byGateway.get(parent) ?? [];
    byGateway.set(parent, [...known, { name, entry }]);
  }
  const seniority = ({ name, entry }: NamedSet) => seniorityOf(name, entry.object.value);
  for (const sets of byGateway.values()) sets.sort((a, b) => compareSeniority(seniority(a), seniority(b)));
  return byGateway;
}

/** The Gateway that a ListenerSet names; null: there is none of that name, which is reported. */
function parentOf(object: SourceObject, cluster: Cluster, diagnostics: Diagnostics): NamespacedName | null {
  const ref = field(field(object.value, "spec"), "parentRef");
  const read = (key: string, absentValue: unknown): unknown => field(ref, key) ?? absentValue;
  const [group, kind] = [read("group", GATEWAY_GROUP), read("kind", "Gateway")];
  const [namespace, name] = [read("namespace", object.ref.namespace), read("name", undefined)];
  if (group !== GATEWAY_GROUP || kind !== "Gateway") {
    diagnostics.report(object, wrongSetParent(kind));
    return null;
  }
  const gateway = `${String(namespace)}/${String(name)}`;
  if (cluster.Gateway.has(gateway)) return gateway;
  diagnostics.report(object, missingSetParent(gateway, name, absent(cluster, "Gateway", gateway)));
  return null;
}

/** Why a Gateway does not let a ListenerSet attach; null: it does. */
export function refuseSet(
  { entry }: NamedSet,
  gateway: SourceObject<Gateway>,
  cluster: Cluster,
  diagnostics: Diagnostics,
): SetRefusal | null {
  const { object } = entry;
  if (entry.kind === "refused") return { reason: "Invalid", message: explain(object, entry.problem) };
  // "The default value is to allow no ListenerSets."
  const rule = gateway.value.spec.allowedListeners?.namespaces ?? { from: "None" };
  const home = gateway.ref.namespace ?? "default";
  const namespace = object.ref.namespace ?? "default";
  if (allowsNamespace(rule, home, namespace, cluster)) return null;
  const problem = setNotAllowed(`${home}/${gateway.ref.name}`, namespace);
  diagnostics.report(object, problem);
  return { reason: "NotAllowed", message: explain(object, problem) };
}

/**
 * The verdict on a ListenerSet because of its listeners: "Accepted … depending on whether the listener being invalid
 * causes the entire ListenerSet to not be accepted".
 */
export function judgeListeners(listeners: readonly ListenerState[]): ListenerSetState["verdict"] {
  if (listeners.some(({ verdict }) => verdict.kind === "accepted")) return { kind: "accepted" };
  return { kind: "refused", reason: "ListenersNotValid", message: listenerFaults(listeners) };
}

/** Text for a condition: one sentence for each listener that is not served. */
export const listenerFaults = (listeners: readonly ListenerState[]): string =>
  listeners
    .flatMap(({ spec, verdict }) => (verdict.kind === "accepted" ? [] : [`listener ${spec.name}: ${verdict.message}`]))
    .join("; ");
