/**
 * The objects of one resource, kept up to date: lists them, then watches from that version. A watch that ends is resumed;
 * when its version is too old (410), the objects are listed again. Failures are retried with backoff and jitter, and the
 * objects read before stay until newer ones are read.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { ApiError, type KubeApi, type KubeObject, type WatchEvent } from "./api.ts";
import { pathOf, type Resource } from "./resources.ts";

/** A watched resource. */
export interface Watched {
  readonly resource: Resource;
  /** The objects by {@link keyOf}. */
  readonly objects: ReadonlyMap<string, KubeObject>;
  /** Whether the objects have been listed, or the resource is optional and does not exist. */
  readonly synced: boolean;
  /** Why the objects are not up to date; null when they are. */
  readonly fault: string | null;
  /** Replaces `before` by `after`. Does nothing when the watch has replaced `before` already. */
  replace(before: KubeObject, after: KubeObject): void;
}

interface WatchOptions {
  readonly api: KubeApi;
  /** A callback after every change of `objects`, `synced` or `fault`; `removed` says whether an object was deleted. */
  readonly onChange: (change: { readonly resource: Resource; readonly removed: boolean }) => void;
  /** A callback before one version of an object replaces another. */
  readonly onReplace: (before: KubeObject, after: KubeObject, resource: Resource) => void;
  readonly signal: AbortSignal;
}

const FIRST_BACKOFF_MS = 200;
const MAX_BACKOFF_MS = 15_000;
/** The interval at which an optional resource that does not exist is asked for again. */
const ABSENT_MS = 10_000;
const PAGE_SIZE = 500;

/** Watches a resource until `signal` aborts. */
export function watchResource(resource: Resource, options: WatchOptions): Watched {
  const watch = new ResourceWatch(resource, options);
  void watch.run();
  return watch;
}

class ResourceWatch implements Watched {
  readonly resource: Resource;
  readonly objects = new Map<string, KubeObject>();
  synced = false;
  fault: string | null = null;
  readonly #options: WatchOptions;
  readonly #path: string;
  readonly #selector: Readonly<Record<string, string>>;

  constructor(resource: Resource, options: WatchOptions) {
    this.resource = resource;
    this.#options = options;
    this.#path = pathOf(resource);
    this.#selector = resource.fieldSelector === undefined ? {} : { fieldSelector: resource.fieldSelector };
  }

  replace(before: KubeObject, after: KubeObject): void {
    if (this.objects.get(keyOf(before)) === before) this.#put(after);
  }

  async run(): Promise<void> {
    const { api, signal } = this.#options;
    let version = "";
    let failures = 0;
    while (!signal.aborted) {
      try {
        if (version === "") version = await this.#list();
        const onEvent = (event: WatchEvent): void => {
          failures = 0;
          version = this.#apply(event, version);
        };
        await api.watch(this.#path, { ...this.#selector, resourceVersion: version }, onEvent, signal);
      } catch (error) {
        if (signal.aborted) return;
        const status = error instanceof ApiError ? error.status : 0;
        if (status === 410) {
          version = "";
          continue;
        }
        const isAbsent = status === 404 && this.resource.optional;
        if (isAbsent) this.#clear();
        else this.#fail(error, status);
        // After a 404 the version means nothing: the resource, once it exists, is listed again.
        if (status === 404) version = "";
        await pause(isAbsent ? ABSENT_MS : backoffMs(failures++), signal);
      }
    }
  }

  async #list(): Promise<string> {
    const { found, version } = await listPages(this.#options.api, this.#path, this.#selector);
    let removed = false;
    for (const key of this.objects.keys()) if (!found.has(key)) removed = this.objects.delete(key);
    for (const object of found.values()) this.#put(object);
    this.#changed(removed);
    return version;
  }

  /** Applies one event, and returns the version to resume the watch from. */
  #apply(event: WatchEvent, version: string): string {
    if (event.type === "BOOKMARK") return event.resourceVersion;
    if (event.type === "DELETED") this.objects.delete(keyOf(event.object));
    else this.#put(event.object);
    this.#changed(event.type === "DELETED");
    return event.object.metadata.resourceVersion ?? version;
  }

  /** Removes all objects, because the API server says that the resource does not exist. */
  #clear(): void {
    const removed = this.objects.size > 0;
    this.objects.clear();
    this.#changed(removed);
  }

  #put(object: KubeObject): void {
    const [key, next] = [keyOf(object), withKind(object, this.resource)];
    const previous = this.objects.get(key);
    if (previous !== undefined) this.#options.onReplace(previous, next, this.resource);
    this.objects.set(key, next);
  }

  #changed(removed: boolean): void {
    this.synced = true;
    this.fault = null;
    this.#options.onChange({ resource: this.resource, removed });
  }

  #fail(error: unknown, status: number): void {
    const message = error instanceof Error ? error.message : String(error);
    this.fault =
      status === 404 && this.resource.custom
        ? `${message}; install the CustomResourceDefinitions of the Gateway API (docs/kubernetes.md)`
        : message;
    this.#options.onChange({ resource: this.resource, removed: false });
  }
}

/** All objects of a resource by key, read in pages, and the version to watch from. */
async function listPages(
  api: KubeApi,
  path: string,
  selector: Readonly<Record<string, string>>,
): Promise<{ found: Map<string, KubeObject>; version: string }> {
  const found = new Map<string, KubeObject>();
  let version = "";
  let token = "";
  do {
    const query = new URLSearchParams({
      ...selector,
      limit: String(PAGE_SIZE),
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
  return { found, version };
}

/** The delay before the next attempt, with full jitter, so that controllers that lost a server do not return at once. */
function backoffMs(failures: number): number {
  return FIRST_BACKOFF_MS + Math.random() * Math.min(MAX_BACKOFF_MS, FIRST_BACKOFF_MS * 2 ** failures);
}

/** A pause of `ms`, which ends at once when `signal` aborts. The promise never rejects. */
export const pause = (ms: number, signal: AbortSignal): Promise<void> =>
  // The only rejection of `sleep` is that of the abort.
  sleep(ms, undefined, { signal }).catch(() => undefined);

/** The key of an object in a store: `namespace/name`, or `name` of a cluster-scoped object. */
export const keyOf = ({ metadata: { namespace, name } }: KubeObject): string =>
  namespace === undefined ? name : `${namespace}/${name}`;

/** The object with its kind and apiVersion, which the API server leaves out of items of a list. */
function withKind(object: KubeObject, { kind, group, version }: Resource): KubeObject {
  return object.kind === undefined
    ? { ...object, kind, apiVersion: group === "" ? version : `${group}/${version}` }
    : object;
}
