/** Which Services a BackendTLSPolicy may have meant whose target is none: those of its name elsewhere, and those whose names are near. */
import { compareStrings, type Diagnostics, namespacedName, type SourceObject } from "./diagnostics.ts";
import type { Cluster } from "./load.ts";
import type { Group, Memory } from "./memory.ts";
import type { Service } from "./objects.ts";

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

/** `namespace/name` of the Services that `namespace/name` may stand for, the likeliest first. */
export function meantServices(index: ServiceIndex, namespace: string, name: string): readonly string[] {
  const elsewhere = sameNameElsewhere(index, namespace, name);
  const own = (index.byNamespace.get(namespace)?.items ?? []).slice(0, MAX_COMPARED);
  const near = own.filter(({ ref }) => isNear(name, ref.name));
  return [...elsewhere, ...near].slice(0, MAX_MEANT).map(({ ref }) => namespacedName(ref));
}

/** Of `known`, what `name` may stand for. */
export const nearNames = (name: string, known: readonly string[]): readonly string[] =>
  known.filter((other) => isNear(name, other));

/**
 * Whether one name may be the other misspelt: upper case, a suffix or prefix too many or too few (`app`, `app-svc`,
 * `app.shop.svc`), or one edit in up to 4 characters, two in more.
 */
export function isNear(a: string, b: string): boolean {
  const [one, other] = [a.toLowerCase(), b.toLowerCase()];
  const [short, long] = one.length <= other.length ? [one, other] : [other, one];
  // RFC 1035 §2.3.4: a Service's name is a label.
  if (short === "" || short.length > 63) return false;
  if (long.startsWith(`${short}-`) || long.startsWith(`${short}.`) || long.endsWith(`-${short}`)) return true;
  const most = short.length <= 4 ? 1 : 2;
  return long.length - short.length <= most && isWithin(short, long, most);
}

/** Optimal string alignment distance: insertions, deletions, substitutions, and swaps of neighbours. */
function isWithin(a: string, b: string, most: number): boolean {
  let [beforeLast, last]: [number[], number[]] = [[], Array.from({ length: b.length + 1 }, (_, index) => index)];
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const swap =
        i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1] ? (beforeLast[j - 2] ?? 0) + 1 : Infinity;
      const change = (last[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      row.push(Math.min(change, swap, (last[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1));
    }
    // A swap reaches back two rows.
    if (Math.min(...row) > most && Math.min(...last) > most) return false;
    [beforeLast, last] = [last, row];
  }
  return (last[b.length] ?? Infinity) <= most;
}

/** `Service shop/app`, `Services a/app, b/app and 3 more`. */
export function nameServices(names: readonly string[]): string {
  const shown = names.slice(0, 3);
  const more = names.length > shown.length ? ` and ${names.length - shown.length} more` : "";
  return `${names.length === 1 ? "Service" : "Services"} ${shown.join(", ")}${more}`;
}
