/** Which Services a BackendTLSPolicy may have meant whose target is none: those of its name elsewhere, and those whose names are near. */
import { compareStrings, type Diagnostics, namespacedName, type SourceObject } from "../diagnostics/diagnostics.ts";
import type { Cluster } from "../load/load.ts";
import type { Group, Memory } from "../memory.ts";
import type { Service } from "../kubernetes/objects.ts";
import { isNear } from "../kubernetes/spelling.ts";

/** The cluster's Services that are valid, by name and by namespace. */
export interface ServiceIndex {
  readonly byName: ReadonlyMap<string, Group<SourceObject<Service>>>;
  readonly byNamespace: ReadonlyMap<string, Group<SourceObject<Service>>>;
}

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

/** Services of that name in other namespaces. */
export const sameNameElsewhere = (
  { byName }: ServiceIndex,
  namespace: string,
  name: string,
): readonly SourceObject<Service>[] => (byName.get(name)?.items ?? []).filter(({ ref }) => ref.namespace !== namespace);

/** More are neither compared nor named: the work for one reference is bounded. */
const MAX_COMPARED = 1_000;
const MAX_MEANT = 100;

/**
 * `namespace/name` of the Services that `namespace/name` may stand for, the likeliest first. With an `assumed` namespace a name
 * in any other may be near too.
 */
export function meantServices(
  index: ServiceIndex,
  namespace: string,
  name: string,
  assumed = false,
): readonly string[] {
  const elsewhere = sameNameElsewhere(index, namespace, name);
  const others = assumed
    ? [...index.byNamespace.values()].flatMap(({ items }) => items).filter(({ ref }) => ref.name !== name)
    : (index.byNamespace.get(namespace)?.items ?? []);
  const near = others.slice(0, MAX_COMPARED).filter(({ ref }) => isNear(name, ref.name));
  return [...elsewhere, ...near].slice(0, MAX_MEANT).map(({ ref }) => namespacedName(ref));
}

/** `Service shop/app`, `Services a/app, b/app and 3 more`. */
export function nameServices(names: readonly string[]): string {
  const shown = names.slice(0, 3);
  const more = names.length > shown.length ? ` and ${names.length - shown.length} more` : "";
  return `${names.length === 1 ? "Service" : "Services"} ${shown.join(", ")}${more}`;
}
