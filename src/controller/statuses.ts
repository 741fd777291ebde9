/**
 * Writes computed statuses: merges each into the status that the object has, and replaces it under its resourceVersion.
 * Server-side apply would erase the entries of other controllers, because the lists in a status are atomic.
 */
import { CONTROLLER_NAME, type ObjectStatus } from "../compile/index.ts";
import { ApiError, type KubeApi, type KubeObject } from "./api.ts";
import { isStale, mergeStatus } from "./merge.ts";
import { pathOf } from "./resources.ts";
import type { Serving } from "./serving.ts";
import type { Store } from "./store.ts";
import { keyOf } from "./watch.ts";

/** A writer of statuses. */
interface StatusWriter {
  /**
   * Writes the statuses that differ from the objects' own, and resolves with one message for each that could not be
   * written. The caller repeats the call in its next pass. `serving` returns the part that depends on hosts.
   */
  write(statuses: readonly ObjectStatus[], serving: (object: KubeObject) => Serving | null): Promise<readonly string[]>;
}

const CONCURRENT_WRITES = 8;
const MAX_CONFLICTS = 5;
/** Kinds whose status lists entries of several controllers, so that this controller must remove its own in the end. */
const ENTRY_KINDS = ["HTTPRoute", "GRPCRoute", "TLSRoute", "TCPRoute", "UDPRoute", "BackendTLSPolicy"] as const;

/** A status writer. `now` is the wall clock, for `lastTransitionTime`. */
export function statusWriter(api: KubeApi, store: Store, now: () => number): StatusWriter {
  return {
    async write(statuses, serving) {
      const context: WriteContext = { api, store, now, serving };
      const queue = [...statuses, ...unusedStatuses(store, statuses)];
      const failures: string[] = [];
      const work = async (): Promise<void> => {
        for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
          const { kind, metadata } = next;
          const failure = await writeOne(next, context).catch((error: unknown) =>
            failureText(kind, metadata.name, error),
          );
          if (failure !== null) failures.push(failure);
        }
      };
      await Promise.all(Array.from({ length: CONCURRENT_WRITES }, work));
      return failures;
    },
  };
}

interface WriteContext {
  readonly api: KubeApi;
  readonly store: Store;
  readonly now: () => number;
  readonly serving: (object: KubeObject) => Serving | null;
}

/** Writes one status. Null when it is written or need not be; otherwise the message. */
async function writeOne(
  { kind, metadata, status }: ObjectStatus,
  { api, store, now, serving }: WriteContext,
): Promise<string | null> {
  const key = metadata.namespace === undefined ? metadata.name : `${metadata.namespace}/${metadata.name}`;
  let object = store.get(kind, key);
  for (let conflicts = 0; conflicts < MAX_CONFLICTS; conflicts++) {
    // The object is deleted, or has a newer generation than was compiled. The watch will report it, and a pass follow.
    if (object === undefined || object.metadata.deletionTimestamp !== undefined) return null;
    if (object.metadata.generation !== metadata.generation || isStale(object)) return null;
    const merged = mergeStatus(object, status as Record<string, unknown>, serving(object), timeText(now()));
    if (merged === null) return null;
    const path = pathOf(store.resource(kind), { namespace: metadata.namespace ?? null, name: metadata.name });
    try {
      store.replace(object, await api.replace(`${path}/status`, { ...object, status: merged }));
      return null;
    } catch (error) {
      if (!(error instanceof ApiError) || (error.status !== 409 && error.status !== 404))
        return failureText(kind, key, error);
      object = await reread(api, path);
      // The object was deleted and created again. The watch will report that, and a pass follow.
      if (object?.metadata.uid !== store.get(kind, key)?.metadata.uid) return null;
    }
  }
  return `${kind} ${key}: ${MAX_CONFLICTS} conflicts in a row`;
}

/** A time in RFC 3339, in whole seconds as `metav1.Time` has it. */
const timeText = (ms: number): string => new Date(ms).toISOString().replace(/\.\d+Z$/, "Z");

async function reread(api: KubeApi, path: string): Promise<KubeObject | undefined> {
  try {
    return (await api.get(path)) as KubeObject;
  } catch (error) {
    if (error instanceof ApiError && error.status === 404) return undefined;
    throw error;
  }
}

/** Empty statuses for objects that have our entries and no computed status, because no Gateway of ours uses them now. */
function unusedStatuses(store: Store, statuses: readonly ObjectStatus[]): ObjectStatus[] {
  const computed = new Set(
    statuses.map(({ kind, metadata }) => `${kind} ${metadata.namespace ?? ""}/${metadata.name}`),
  );
  const found: ObjectStatus[] = [];
  for (const kind of ENTRY_KINDS) {
    for (const object of store.all(kind)) {
      if (computed.has(`${kind} ${keyOf(object)}`) || !hasEntry(object)) continue;
      const { name, namespace, generation } = object.metadata;
      found.push({
        apiVersion: object.apiVersion,
        kind,
        metadata: {
          name,
          ...(namespace === undefined ? {} : { namespace }),
          ...(generation === undefined ? {} : { generation }),
        },
        status: {},
      });
    }
  }
  return found;
}

function hasEntry({ status }: KubeObject): boolean {
  const { parents, ancestors } = (status ?? {}) as { parents?: unknown; ancestors?: unknown };
  return [parents, ancestors].some(
    (entries) =>
      Array.isArray(entries) &&
      entries.some((entry) => (entry as { controllerName?: unknown }).controllerName === CONTROLLER_NAME),
  );
}

const failureText = (kind: string, name: string, error: unknown): string =>
  `${kind} ${name}: ${error instanceof Error ? error.message : String(error)}`;
