/** Services that a reference to a missing Service may have meant: its name in other namespaces, and similar names. */
import { compareStrings, type Diagnostics, namespacedName, type SourceObject } from "../diagnostics/diagnostics.ts";
import type { Service } from "../kubernetes/core-objects.ts";
import { isNear } from "../kubernetes/spelling.ts";
import type { Cluster } from "../load/load.ts";
import type { Group } from "../memory/groups.ts";
import type { Memory } from "../memory/memory.ts";

/** The valid Services of the cluster, by name and by namespace. */
export interface ServiceIndex {
  readonly byName: ReadonlyMap<string, Group<SourceObject<Service>>>;
  readonly byNamespace: ReadonlyMap<string, Group<SourceObject<Service>>>;
}

/** Groups the valid Services of the cluster. */
export function indexServices(cluster: Cluster, memory: Memory, diagnostics: Diagnostics): ServiceIndex {
  const services = memory.once("valid services", [], diagnostics, () =>
    [...cluster.Service.values()].flatMap((entry) => (entry.kind === "valid" ? [entry.object] : [])),
  );
  const by = (name: string, keyOf: (service: SourceObject<Service>) => string): ServiceIndex["byName"] =>
    memory.source(
      name,
      memory.group(name, services, (service) => [keyOf(service)], byNamespacedName),
    );
  return {
    byName: by("services by name", ({ ref }) => ref.name),
    byNamespace: by("services by namespace", ({ ref }) => ref.namespace ?? ""),
  };
}

const byNamespacedName = (a: SourceObject, b: SourceObject): number =>
  compareStrings(namespacedName(a.ref), namespacedName(b.ref));

/** The Services of that name in other namespaces. */
export const sameNameElsewhere = (
  { byName }: ServiceIndex,
  namespace: string,
  name: string,
): readonly SourceObject<Service>[] => (byName.get(name)?.items ?? []).filter(({ ref }) => ref.namespace !== namespace);

/**
 * Bounds on the Services that one reference is compared with, and on those that it may mean: the cost of a reference must
 * not grow with the cluster.
 */
const MAX_COMPARED_SERVICES = 1_000;
const MAX_LIKELY = 100;

/**
 * The Services that a reference to `namespace/name` may mean, as `namespace/name`, the likeliest first. A similar name counts
 * only in the same namespace, unless that was `assumed` because the manifest names none.
 */
export function likelyServices(
  index: ServiceIndex,
  namespace: string,
  name: string,
  assumed = false,
): readonly string[] {
  const elsewhere = sameNameElsewhere(index, namespace, name);
  const others = assumed
    ? [...index.byNamespace.values()].flatMap(({ items }) => items).filter(({ ref }) => ref.name !== name)
    : (index.byNamespace.get(namespace)?.items ?? []);
  const near = others.slice(0, MAX_COMPARED_SERVICES).filter(({ ref }) => isNear(name, ref.name));
  return [...elsewhere, ...near].slice(0, MAX_LIKELY).map(({ ref }) => namespacedName(ref));
}

/** A list of Services for a message: `Service shop/app`, `Services a/app, b/app, c/app and 3 more`. */
export function nameServices(names: readonly string[]): string {
  const shown = names.slice(0, 3);
  const more = names.length > shown.length ? ` and ${names.length - shown.length} more` : "";
  return `${names.length === 1 ? "Service" : "Services"} ${shown.join(", ")}${more}`;
}
