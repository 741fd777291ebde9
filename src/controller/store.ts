/** The cluster as the controller has read it: every watched resource, and whether that is all and up to date. */
import type { RawObject } from "../compile/index.ts";
import type { KubeApi, KubeObject } from "./api.ts";
import { same } from "./merge.ts";
import { type Watched, watchResource } from "./watch.ts";
import { type Resource, RESOURCES } from "./resources.ts";

export interface Store {
  /** Every resource has been listed. */
  readonly synced: boolean;
  /** Resources that are not up to date, with why. */
  readonly faults: readonly string[];
  /** For the compiler: the same object again until something changes that it looks at. */
  objects(): readonly RawObject[];
  get(kind: string, key: string): KubeObject | undefined;
  all(kind: string): Iterable<KubeObject>;
  resource(kind: string): Resource;
  /** What we wrote over `before`, until the watch brings it: the next write builds on it. */
  replace(before: KubeObject, after: KubeObject): void;
}

export interface StoreOptions {
  readonly api: KubeApi;
  readonly signal: AbortSignal;
  readonly onChange: (change: { readonly resource: Resource; readonly removed: boolean }) => void;
}

export function createStore(options: StoreOptions): Store {
  const watched = new Map<string, Watched>();
  const raws = new WeakMap<KubeObject, RawObject>();
  const onReplace = (before: KubeObject, after: KubeObject, resource: Resource): void => {
    const raw = raws.get(before);
    if (raw !== undefined && compilesAlike(before, after, resource)) raws.set(after, raw);
  };
  for (const resource of RESOURCES) watched.set(resource.kind, watchResource(resource, { ...options, onReplace }));
  const of = (kind: string): Watched => {
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
    get: (kind, key) => of(kind).objects.get(key),
    all: (kind) => of(kind).objects.values(),
    resource: (kind) => of(kind).resource,
    replace(before, after) {
      of(before.kind).replace(before, after);
    },
  };
}

/**
 * Whether a newer version says nothing new to the compiler: our own statuses come back by the watch, and must not have
 * everything compiled anew. `generation` counts changes of all but metadata and status where the kind has both. A
 * policy's status is read: it says how many ancestors it has.
 */
function compilesAlike(before: KubeObject, after: KubeObject, { kind, custom }: Resource): boolean {
  if (!custom || kind === "BackendTLSPolicy") return false;
  const [a, b] = [before.metadata, after.metadata];
  return (
    a.uid === b.uid &&
    a.generation !== undefined &&
    a.generation === b.generation &&
    same(
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
