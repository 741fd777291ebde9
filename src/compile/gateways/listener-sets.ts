/** ListenerSets: which Gateway each asks, and whether that lets it in (`AllowedListeners`, GEP-1713). */
import { absent } from "../references/absent.ts";
import type { NamespacedName } from "../../bundle/types.ts";
import type { ListenerSetReason } from "../diagnostics/conditions.ts";
import {
  causeOf,
  type Diagnostics,
  explain,
  type Problem,
  show,
  type SourceObject,
} from "../diagnostics/diagnostics.ts";
import type { ListenerState } from "./listeners.ts";
import type { Cluster, Entry } from "../load/load.ts";
import { GATEWAY_GROUP } from "../kubernetes/names.ts";
import { allowsNamespace } from "../references/namespaces.ts";
import type { Gateway, ListenerSet } from "../kubernetes/objects.ts";
import { field } from "../kubernetes/kinds.ts";
import { compareSeniority, seniorityOf } from "../kubernetes/seniority.ts";

export interface ListenerSetState {
  readonly name: NamespacedName;
  readonly object: SourceObject;
  /** Its parent. */
  readonly gateway: NamespacedName;
  readonly verdict:
    | { readonly kind: "accepted" }
    | { readonly kind: "refused"; readonly reason: ListenerSetReason; readonly message: string };
  /** Merged into the Gateway's; empty when the Gateway does not let the set in. */
  readonly listeners: readonly ListenerState[];
}

/** A ListenerSet that names a Gateway. */
export interface Applicant {
  readonly name: NamespacedName;
  readonly entry: Entry<ListenerSet>;
}

/** By Gateway, in order of precedence: "ordered by creation time (oldest first)", then by name. */
export function applicantsByGateway(cluster: Cluster, diagnostics: Diagnostics): Map<NamespacedName, Applicant[]> {
  const byGateway = new Map<NamespacedName, Applicant[]>();
  for (const [name, entry] of cluster.ListenerSet) {
    const parent = parentOf(entry.object, cluster, diagnostics);
    if (parent === null) continue;
    const known = byGateway.get(parent) ?? [];
    byGateway.set(parent, [...known, { name, entry }]);
  }
  const seniority = ({ name, entry }: Applicant) => seniorityOf(name, entry.object.value);
  for (const applicants of byGateway.values()) applicants.sort((a, b) => compareSeniority(seniority(a), seniority(b)));
  return byGateway;
}

/** Null: no Gateway of the inputs. */
function parentOf(object: SourceObject, cluster: Cluster, diagnostics: Diagnostics): NamespacedName | null {
  const ref = field(field(object.value, "spec"), "parentRef");
  const { group = GATEWAY_GROUP, kind = "Gateway", namespace = object.ref.namespace, name } = readRef(ref);
  const gateway = `${String(namespace)}/${String(name)}`;
  const isGateway = group === GATEWAY_GROUP && kind === "Gateway";
  if (isGateway && cluster.Gateway.has(gateway)) return gateway;
  diagnostics.report(object, {
    code: "listener-set-parent-not-found",
    path: ["spec", "parentRef", isGateway ? "name" : "kind"],
    message: isGateway ? absent(cluster, "Gateway", gateway).message : "the parent of a ListenerSet is a Gateway",
    expected: "a Gateway",
    found: show(isGateway ? name : kind),
    remedy: isGateway ? absent(cluster, "Gateway", gateway).remedy : "correct parentRef",
    ...(isGateway ? { cause: causeOf("Gateway", gateway) } : {}),
  });
  return null;
}

const readRef = (ref: unknown): Record<string, unknown> =>
  Object.fromEntries(
    ["group", "kind", "namespace", "name"].flatMap((key) => {
      const value = field(ref, key);
      return value === undefined ? [] : [[key, value]];
    }),
  );

/** Why a Gateway does not let a set in; null: it does. */
export function refuseApplicant(
  { entry }: Applicant,
  gateway: SourceObject<Gateway>,
  cluster: Cluster,
  diagnostics: Diagnostics,
): { reason: ListenerSetReason; message: string } | null {
  const { object } = entry;
  if (entry.kind === "refused") return { reason: "Invalid", message: explain(object, entry.problem) };
  // "The default value is to allow no ListenerSets."
  const rule = gateway.value.spec.allowedListeners?.namespaces ?? { from: "None" };
  const home = gateway.ref.namespace ?? "default";
  const namespace = object.ref.namespace ?? "default";
  if (allowsNamespace(rule, home, namespace, cluster)) return null;
  const problem: Problem = {
    code: "listener-set-not-allowed",
    path: ["spec", "parentRef"],
    message: `Gateway ${home}/${gateway.ref.name} takes no ListenerSets from namespace ${namespace}`,
    expected: "a Gateway whose allowedListeners lets the ListenerSet in",
    found: show(namespace),
    remedy: "change allowedListeners of the Gateway, or move the ListenerSet",
  };
  diagnostics.report(object, problem);
  return { reason: "NotAllowed", message: explain(object, problem) };
}

/** "Accepted … depending on whether the listener being invalid causes the entire ListenerSet to not be accepted". */
export function judgeListeners(listeners: readonly ListenerState[]): ListenerSetState["verdict"] {
  if (listeners.some(({ verdict }) => verdict.kind === "accepted")) return { kind: "accepted" };
  return { kind: "refused", reason: "ListenersNotValid", message: listenerFaults(listeners) };
}

/** One sentence a listener that is not served. */
export const listenerFaults = (listeners: readonly ListenerState[]): string =>
  listeners
    .flatMap(({ spec, verdict }) => (verdict.kind === "accepted" ? [] : [`listener ${spec.name}: ${verdict.message}`]))
    .join("; ");
