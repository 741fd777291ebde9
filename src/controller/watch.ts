/**
 * One resource kept up to date: list, then watch from there; a watch that ends is resumed where it was, a version that
 * is gone (410) is listed anew, failures back off with jitter. What was read stays until something newer is read.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { ApiError, type KubeApi, type KubeObject } from "./api.ts";
import { pathOf, type Resource } from "./resources.ts";

export interface Watched {
  readonly resource: Resource;
  /** By `namespace/name` (or `name`). */
  readonly objects: ReadonlyMap<string, KubeObject>;
  /** It has been listed, or, if optional, is known not to exist. */
  readonly synced: boolean;
  /** Why it is not up to date; null: it is. */
  readonly fault: string | null;
  /** Takes what became of `before` by our write; nothing if the watch has brought something newer meanwhile. */
  replace(before: KubeObject, after: KubeObject): void;
}

export interface WatchOptions {
  readonly api: KubeApi;
  /** After every change of `objects`, `synced` or `fault`; `removed` when an object went away. */
  readonly onChange: (change: { readonly resource: Resource; readonly removed: boolean }) => void;
  /** Before a version of an object takes the place of another. */
  readonly onReplace: (before: KubeObject, after: KubeObject, resource: Resource) => void;
  readonly signal: AbortSignal;
}

const FIRST_BACKOFF_MS = 200;
const MAX_BACKOFF_MS = 15_000;
/** How often a resource that the cluster does not have is looked for. */
const ABSENT_MS = 10_000;
const PAGE = 500;

export function watchResource(resource: Resource, { api, onChange, onReplace, signal }: WatchOptions): Watched {
  const objects = new Map<string, KubeObject>();
  const path = pathOf(resource);
  const selector: Record<string, string> =
    resource.fieldSelector === undefined ? {} : { fieldSelector: resource.fieldSelector };

  const put = (object: KubeObject): void => {
    const [key, next] = [keyOf(object), stamped(object, resource)];
    const before = objects.get(key);
    if (before !== undefined) onReplace(before, next, resource);
    objects.set(key, next);
  };
  const state = {
    resource,
    objects,
    synced: false,
    fault: null as string | null,
    replace(before: KubeObject, after: KubeObject) {
      if (objects.get(keyOf(before)) === before) put(after);
    },
  };

  async function list(): Promise<string> {
    const found = new Map<string, KubeObject>();
    let version = "";
    let token = "";
    do {
      const query = new URLSearchParams({
        ...selector,
        limit: String(PAGE),
        ...(token === "" ? {} : { continue: token }),
      });
      const page = (await api.get(`${path}?${query.toString()}`)) as {
        items?: KubeObject[];
        metadata?: { resourceVersion?: string; continue?: string };
      };
      for (const item of page.items ?? []) found.set(keyOf(item), item);
      version = page.metadata?.resourceVersion ?? "";
      token = page.metadata?.continue ?? "";
    } while (token !== "");
    let removed = false;
    for (const key of objects.keys()) if (!found.has(key)) removed = objects.delete(key);
    for (const object of found.values()) put(object);
    state.synced = true;
    state.fault = null;
    onChange({ resource, removed });
    return version;
  }

  async function follow(): Promise<void> {
    let version = "";
    let failures = 0;
    while (!signal.aborted) {
      try {
        if (version === "") version = await list();
        await api.watch(
          path,
          { ...selector, resourceVersion: version },
          (event) => {
            failures = 0;
            if (event.type === "BOOKMARK") {
              version = event.resourceVersion;
              return;
            }
            version = event.object.metadata.resourceVersion ?? version;
            if (event.type === "DELETED") objects.delete(keyOf(event.object));
            else put(event.object);
            state.fault = null;
            onChange({ resource, removed: event.type === "DELETED" });
          },
          signal,
        );
      } catch (error) {
        if (signal.aborted) return;
        const status = error instanceof ApiError ? error.status : 0;
        if (status === 410) {
          version = "";
          continue;
        }
        const absent = status === 404 && resource.optional;
        // The API server's word that there is no such resource; what it had is gone with it.
        if (absent) {
          const removed = objects.size > 0;
          objects.clear();
          state.synced = true;
          state.fault = null;
          onChange({ resource, removed });
        } else {
          const message = error instanceof Error ? error.message : String(error);
          state.fault =
            status === 404 && resource.custom
              ? `${message}; install the CustomResourceDefinitions of the Gateway API (docs/kubernetes.md)`
              : message;
          onChange({ resource, removed: false });
        }
        // A 404 of a watch says as little as the list will: ask that.
        if (status === 404) version = "";
        await pause(absent ? ABSENT_MS : backoffMs(failures++), signal);
      }
    }
  }

  void follow();
  return state;
}

/** Full jitter: restarting controllers must not come back together. */
function backoffMs(failures: number): number {
  return FIRST_BACKOFF_MS + Math.random() * Math.min(MAX_BACKOFF_MS, FIRST_BACKOFF_MS * 2 ** failures);
}

/** Resolves after `ms`, or at once when aborted. */
export const pause = (ms: number, signal: AbortSignal): Promise<void> =>
  // The abort is all that it rejects for.
  sleep(ms, undefined, { signal }).catch(() => undefined);

export const keyOf = ({ metadata: { namespace, name } }: KubeObject): string =>
  namespace === undefined ? name : `${namespace}/${name}`;

/** Items of a list come without kind and apiVersion. */
function stamped(object: KubeObject, { kind, group, version }: Resource): KubeObject {
  return object.kind === undefined
    ? { ...object, kind, apiVersion: group === "" ? version : `${group}/${version}` }
    : object;
}
