/** ReferenceGrants: which references may cross from one namespace into another. */
import type { DiagnosticCode } from "../diagnostics/codes.ts";
import type { Diagnostics, Problem } from "../diagnostics/diagnostics.ts";
import type { Cluster } from "../load/load.ts";
import type { Memory } from "../memory/memory.ts";
import { EXPERIMENTAL_GROUP, GATEWAY_GROUP } from "../kubernetes/names.ts";
import { noGrant, type ReferencePlace } from "./problems.ts";

/** A kind of objects in one namespace. */
interface ObjectKind {
  readonly group: string;
  readonly kind: string;
  readonly namespace: string;
}

/** Whether objects of a kind may refer to the object `to`. A reference within one namespace needs no grant. */
export type Grants = (from: ObjectKind, to: ObjectKind & { readonly name: string }) => boolean;

/** Reads every ReferenceGrant of the cluster. */
export function resolveGrants(cluster: Cluster, memory: Memory, diagnostics: Diagnostics): Grants {
  const allowed = memory.source(
    "grants",
    memory.once("grants", [], diagnostics, () => allowedBy(cluster)),
  );
  return (from, to) =>
    from.namespace === to.namespace ||
    allowed.has(grantKey(from, to)) ||
    allowed.has(grantKey(from, { ...to, name: "" }));
}

/** Every pair of kind and object that some grant allows, by {@link grantKey}. */
function allowedBy(cluster: Cluster): Map<string, true> {
  const allowed = new Map<string, true>();
  for (const entry of cluster.ReferenceGrant.values()) {
    if (entry.kind !== "valid") continue;
    const namespace = entry.object.ref.namespace ?? "default";
    for (const named of entry.object.value.spec.from) {
      const from = asConverted(named);
      // "When unspecified, this policy refers to all resources of the specified Group and Kind": they have the empty name.
      for (const to of entry.object.value.spec.to)
        allowed.set(grantKey(from, { ...to, namespace, name: to.name ?? "" }), true);
    }
  }
  return allowed;
}

/**
 * The referring kind of a grant, converted as load/ converts objects of this kind: an XListenerSet becomes a
 * ListenerSet.
 */
const asConverted = (from: ObjectKind): ObjectKind =>
  from.group === EXPERIMENTAL_GROUP && from.kind === "XListenerSet"
    ? { ...from, group: GATEWAY_GROUP, kind: "ListenerSet" }
    : from;

const grantKey = (from: ObjectKind, to: ObjectKind & { readonly name: string }): string =>
  [from.group, from.kind, from.namespace, to.group, to.kind, to.namespace, to.name].join("\0");

/** The problem of a reference that no ReferenceGrant allows; null: it is allowed. */
export function notPermitted<Code extends DiagnosticCode>(
  referrer: Referrer,
  to: ObjectKind & { readonly name: string },
  place: ReferencePlace<Code>,
  grants: Grants,
): Problem<Code> | null {
  const isGranted = grants({ group: GATEWAY_GROUP, kind: referrer.kind, namespace: referrer.namespace }, to);
  return isGranted ? null : noGrant(referrer, to, place);
}

/** The object of the Gateway API that contains a reference. */
export interface Referrer {
  readonly kind: "Gateway" | "HTTPRoute" | "ListenerSet";
  readonly namespace: string;
}
