/** The cluster as the controller has read it: the objects of every watched resource. */
import type { RawObject } from "../compile/index.ts";
import type { KubeApi, KubeObject } from "./api.ts";
import { isSameJson } from "./merge.ts";
import { type Watched, watchResource } from "./watch.ts";
import { type Resource, RESOURCES } from "./resources.ts";

/** A store of objects. `kind` must be one of {@link RESOURCES}: other kinds throw a RangeError. */
export interface Store {
  /** Whether every resource has been listed. */
  readonly synced: boolean;
  /** One message for each resource that is not up to date. */
  readonly faults: readonly string[];
  /** All objects, for the compiler. An object that has not changed for the compiler is the same one at each call. */
  objects(): readonly RawObject[];
  /** The object with the key `namespace/name`, or `name` for a cluster-scoped kind. */
  get(kind: string, key: string): KubeObject | undefined;
  all(kind: string): Iterable<KubeObject>;
  resource(kind: string): Resource;
  /** Replaces `before` by `after`, the answer to our own write, so that the next write need not wait for the watch. */
  replace(before: KubeObject, after: KubeObject): void;
}

interface StoreOptions {
  readonly api: KubeApi;
  readonly signal: AbortSignal;
  /** A callback after every change; `removed` says whether an object was deleted. */
  readonly onChange: (change: { readonly resource: Resource; readonly removed: boolean }) => void;
}

/** A store that watches {@link RESOURCES} until `signal` aborts. */
export function createStore(options: StoreOptions): Store {
  const watched = new Map<string, Watched>();
  const raws = new WeakMap<KubeObject, RawObject>();
  const onReplace = (before: KubeObject, after: KubeObject, resource: Resource): void => {
    const raw = raws.get(before);
    if (raw !== undefined && compilesAlike(before, after, resource)) raws.set(after, raw);
  };
  for (const resource of RESOURCES) watched.set(resource.kind, watchResource(resource, { ...options, onReplace }));
  const watchedOf = (kind: string): Watched => {
    const found = watched.get(kind);
    if (found === undefined) throw new RangeError(`${kind} is not watched`);
    return found;
  };
  return {
    get synced() {
      return [...watched.values()].every(({ synced }) => synced);
    },
    get faults() {
      return [...watched.values()].flatMap(({ resource, fault }) =>
        fault === null ? [] : [`${resource.kind}: ${fault}`],
      );
    },
    objects() {
      const all: RawObject[] = [];
      for (const { objects } of watched.values()) {
        for (const object of objects.values()) {
          let raw = raws.get(object);
          if (raw === undefined) raws.set(object, (raw = rawObject(object)));
          all.push(raw);
        }
      }
      return all;
    },
    get: (kind, key) => watchedOf(kind).objects.get(key),
    all: (kind) => watchedOf(kind).objects.values(),
    resource: (kind) => watchedOf(kind).resource,
    replace(before, after) {
      watchedOf(before.kind).replace(before, after);
    },
  };
}

/**
 * Whether two versions of an object are equal for the compiler, so that a status of our own does not cause a compilation
 * when the watch reports it. `generation` counts all changes but those of metadata and status. A BackendTLSPolicy is
 * never equal: the compiler reads how many ancestors its status has.
 */
function compilesAlike(before: KubeObject, after: KubeObject, { kind, custom }: Resource): boolean {
  if (!custom || kind === "BackendTLSPolicy") return false;
  const [a, b] = [before.metadata, after.metadata];
  return (
    a.uid === b.uid &&
    a.generation !== undefined &&
    a.generation === b.generation &&
    isSameJson(
      { ...a, resourceVersion: undefined, managedFields: undefined },
      { ...b, resourceVersion: undefined, managedFields: undefined },
    )
  );
}

function rawObject(object: KubeObject): RawObject {
  const { apiVersion, kind, metadata } = object;
  const slash = apiVersion.indexOf("/");
  return {
    ref: { apiVersion, kind, namespace: metadata.namespace ?? null, name: metadata.name },
    group: slash < 0 ? "" : apiVersion.slice(0, slash),
    version: apiVersion.slice(slash + 1),
    value: object as unknown as Record<string, unknown>,
    locate: () => null,
  };
}
