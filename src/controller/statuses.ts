/**
 * Writes computed statuses: read, merge, write under resourceVersion. The lists in a status are atomic, so that
 * server-side apply would erase the entries of other controllers.
 */
import { CONTROLLER_NAME, type ObjectStatus } from "../compile/index.ts";
import { ApiError, type KubeApi, type KubeObject } from "./api.ts";
import { isStale, mergeStatus, type Serving } from "./merge.ts";
import { pathOf } from "./resources.ts";
import type { Store } from "./store.ts";
import { keyOf } from "./watch.ts";

export interface StatusWriter {
  /**
   * Writes what differs. Resolves with what could not be written, which the next call tries again: the cluster may have
   * moved on meanwhile, and then a new status is on its way.
   */
  write(statuses: readonly ObjectStatus[], serving: (object: KubeObject) => Serving | null): Promise<readonly string[]>;
}

const CONCURRENT_WRITES = 8;
const MAX_CONFLICTS = 5;
/** Kinds whose entries of ours are taken back when we have nothing more to say. */
const ENTRY_KINDS = ["HTTPRoute", "GRPCRoute", "TLSRoute", "TCPRoute", "UDPRoute", "BackendTLSPolicy"] as const;

export function statusWriter(api: KubeApi, store: Store, now: () => number): StatusWriter {
  const time = (): string => new Date(now()).toISOString().replace(/\.\d+Z$/, "Z");

  /** Null, or why it was not written. */
  async function writeOne(
    { kind, metadata, status }: ObjectStatus,
    serving: (object: KubeObject) => Serving | null,
  ): Promise<string | null> {
    const key = metadata.namespace === undefined ? metadata.name : `${metadata.namespace}/${metadata.name}`;
    let object = store.get(kind, key);
    for (let conflicts = 0; conflicts < MAX_CONFLICTS; conflicts++) {
      // It went away, or has a newer generation, of which we know nothing yet: its own event is under way.
      if (object === undefined || object.metadata.deletionTimestamp !== undefined) return null;
      if (object.metadata.generation !== metadata.generation || isStale(object)) return null;
      const merged = mergeStatus(object, status as Record<string, unknown>, serving(object), time());
      if (merged === null) return null;
      const path = pathOf(store.resource(kind), { namespace: metadata.namespace ?? null, name: metadata.name });
      try {
        store.replace(object, await api.replace(`${path}/status`, { ...object, status: merged }));
        return null;
      } catch (error) {
        if (!(error instanceof ApiError) || (error.status !== 409 && error.status !== 404))
          return describe(kind, key, error);
        object = await reread(path);
        // Another life of the same name: its own event is under way.
        if (object?.metadata.uid !== store.get(kind, key)?.metadata.uid) return null;
      }
    }
    return `${kind} ${key}: ${MAX_CONFLICTS} conflicts in a row`;
  }

  async function reread(path: string): Promise<KubeObject | undefined> {
    try {
      return (await api.get(path)) as KubeObject;
    } catch (error) {
      if (error instanceof ApiError && error.status === 404) return undefined;
      throw error;
    }
  }

  /** Objects that carry entries of ours and have no status computed: the Gateway is another's now, or gone. */
  function abandoned(statuses: readonly ObjectStatus[]): ObjectStatus[] {
    const told = new Set(statuses.map(({ kind, metadata }) => `${kind} ${metadata.namespace ?? ""}/${metadata.name}`));
    const found: ObjectStatus[] = [];
    for (const kind of ENTRY_KINDS) {
      for (const object of store.all(kind)) {
        if (told.has(`${kind} ${keyOf(object)}`) || !hasEntry(object)) continue;
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

  return {
    async write(statuses, serving) {
      const queue = [...statuses, ...abandoned(statuses)];
      const failures: string[] = [];
      const work = async (): Promise<void> => {
        for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
          const { kind, metadata } = next;
          const failure = await writeOne(next, serving).catch((error: unknown) => describe(kind, metadata.name, error));
          if (failure !== null) failures.push(failure);
        }
      };
      await Promise.all(Array.from({ length: CONCURRENT_WRITES }, work));
      return failures;
    },
  };
}

function hasEntry({ status }: KubeObject): boolean {
  const { parents, ancestors } = (status ?? {}) as { parents?: unknown; ancestors?: unknown };
  return [parents, ancestors].some(
    (entries) =>
      Array.isArray(entries) &&
      entries.some((entry) => (entry as { controllerName?: unknown }).controllerName === CONTROLLER_NAME),
  );
}

const describe = (kind: string, name: string, error: unknown): string =>
  `${kind} ${name}: ${error instanceof Error ? error.message : String(error)}`;
