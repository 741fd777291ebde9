/** ReferenceGrants: which references may cross from one namespace into another. */
import {
  type DiagnosticCode,
  type Diagnostics,
  type FieldPath,
  type Problem,
  show,
} from "../diagnostics/diagnostics.ts";
import type { Cluster } from "../load/load.ts";
import type { Memory } from "../memory.ts";
import { EXPERIMENTAL_GROUP, GATEWAY_GROUP } from "../kubernetes/names.ts";

export interface Reference {
  readonly group: string;
  readonly kind: string;
  readonly namespace: string;
}

/** Whether `from` may name the object `to`. A reference within one namespace needs no grant. */
export type Grants = (from: Reference, to: Reference & { readonly name: string }) => boolean;

export function resolveGrants(cluster: Cluster, memory: Memory, diagnostics: Diagnostics): Grants {
  const allowed = memory.source(
    "grants",
    memory.once("grants", [], diagnostics, () => allowedBy(cluster)),
  );
  return (from, to) =>
    from.namespace === to.namespace || allowed.has(key(from, to)) || allowed.has(key(from, { ...to, name: "" }));
}

/** Every pair that some grant names. */
function allowedBy(cluster: Cluster): Map<string, true> {
  const allowed = new Map<string, true>();
  for (const entry of cluster.ReferenceGrant.values()) {
    if (entry.kind !== "valid") continue;
    const namespace = entry.object.ref.namespace ?? "default";
    for (const named of entry.object.value.spec.from) {
      const from = asConverted(named);
      // "When unspecified, this policy refers to all resources of the specified Group and Kind": the empty name here.
      for (const to of entry.object.value.spec.to)
        allowed.set(key(from, { ...to, namespace, name: to.name ?? "" }), true);
    }
  }
  return allowed;
}

/** A grant to XListenerSets is one to what seed.ts reads them as. */
const asConverted = (from: Reference): Reference =>
  from.group === EXPERIMENTAL_GROUP && from.kind === "XListenerSet"
    ? { ...from, group: GATEWAY_GROUP, kind: "ListenerSet" }
    : from;

const key = (from: Reference, to: Reference & { readonly name: string }): string =>
  [from.group, from.kind, from.namespace, to.group, to.kind, to.namespace, to.name].join("\0");

/** Why an object of the Gateway API may not name another; null: it may. */
export function notPermitted<Code extends DiagnosticCode>(
  from: { readonly kind: string; readonly namespace: string },
  to: Reference & { readonly name: string },
  path: FieldPath,
  code: Code,
  grants: Grants,
): Problem<Code> | null {
  if (grants({ ...from, group: GATEWAY_GROUP }, to)) return null;
  return {
    code,
    path: [...path, "namespace"],
    message: `no ReferenceGrant in ${to.namespace} lets ${from.kind}s of ${from.namespace} name ${to.kind} ${to.name}`,
    expected: `a ReferenceGrant in namespace ${to.namespace}`,
    found: show(to.namespace),
    remedy: "add the ReferenceGrant, or move one of the two",
  };
}

/** Who names a backend: ReferenceGrants go by it. */
export interface Referrer {
  readonly kind: "Gateway" | "HTTPRoute" | "ListenerSet";
  readonly namespace: string;
}
