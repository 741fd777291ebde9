/** The Gateway or ListenerSet that a parentRef names, and whether lasthop answers for it. */
import type { Gateways } from "../gateways/gateways.ts";
import type { ListenerState } from "../gateways/listener-state.ts";
import { field } from "../kubernetes/kinds.ts";
import { EXPERIMENTAL_GROUP, GATEWAY_GROUP } from "../kubernetes/names.ts";
import type { Cluster } from "../load/load.ts";

/** The kinds of parents to which lasthop attaches routes. */
type ParentKind = "Gateway" | "ListenerSet";

/** The kind of parent that a parentRef names; null: lasthop attaches no route to it. */
export function parentKind(ref: unknown): ParentKind | null {
  const kind = field(ref, "kind") ?? "Gateway";
  const group = field(ref, "group") ?? GATEWAY_GROUP;
  // load/ reads an XListenerSet as a ListenerSet.
  if (group === EXPERIMENTAL_GROUP && kind === "XListenerSet") return "ListenerSet";
  return group === GATEWAY_GROUP && (kind === "Gateway" || kind === "ListenerSet") ? kind : null;
}

/** The objects among which parents are looked up. */
interface ParentLookup extends Pick<Gateways, "gateways" | "listenerSets"> {
  readonly cluster: Cluster;
}

/** The parent that a parentRef names. `unusable`: lasthop answers for it, and no route can attach to it. */
type NamedParent =
  | { readonly kind: "missing" }
  /** A Gateway or ListenerSet of another controller, or of none. */
  | { readonly kind: "foreign" }
  | { readonly kind: "unusable"; readonly gateway: string; readonly message: string }
  /** A parent with its own listeners: those of ListenerSets are not its Gateway's (GEP-1713). */
  | { readonly kind: "listeners"; readonly gateway: string; readonly listeners: readonly ListenerState[] };

/** The parent of the kind `kind` and of the name `namespace/name`. */
export function findParent(
  kind: ParentKind,
  name: string,
  { cluster, gateways, listenerSets }: ParentLookup,
): NamedParent {
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
  if (gateway.kind === "valid") {
    const listeners = gateway.listeners.filter(({ owner }) => owner.kind === kind);
    return { kind: "listeners", gateway: name, listeners };
  }
  return gateway.ours
    ? { kind: "unusable", gateway: name, message: `Gateway ${name} is refused: ${gateway.message}` }
    : { kind: "foreign" };
}
