/**
 * The Kubernetes API as raw JSON. The client library does credentials, TLS and kubeconfig; objects do not pass through
 * its typed models, which drop the fields that they do not know.
 */
import { HttpMethod, type KubeConfig, RequestContext, Watch } from "@kubernetes/client-node";
import { fetch } from "undici";

/** An object as the API server sends it. */
export interface KubeObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly uid?: string;
    readonly resourceVersion?: string;
    readonly generation?: number;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
    readonly deletionTimestamp?: string;
    readonly ownerReferences?: readonly object[];
  };
  readonly spec?: unknown;
  readonly status?: unknown;
}

/** A response of the API server that is not a success. `status` is the HTTP status, or 0 when there is none. */
export class ApiError extends Error {
  readonly status: number;
  constructor(status: number, message: string) {
    super(message);
    this.name = "ApiError";
    this.status = status;
  }
}

/** An event of a watch. A bookmark says from which `resourceVersion` the watch can be resumed. */
export type WatchEvent =
  | { readonly type: "ADDED" | "MODIFIED" | "DELETED"; readonly object: KubeObject }
  | { readonly type: "BOOKMARK"; readonly resourceVersion: string };

/** A client of one API server. Paths begin with `/api/` or `/apis/`. Promises reject with an ApiError or a network error. */
export interface KubeApi {
  get(path: string): Promise<unknown>;
  /** Replaces an object (PUT). A `resourceVersion` in the body makes the request conditional: 409 on a conflict. */
  replace(path: string, body: object): Promise<KubeObject>;
  /** Creates an object (POST) in the collection at `path`. */
  create(path: string, body: object): Promise<KubeObject>;
  /**
   * Watches the collection at `path`. The promise resolves when the server ends the watch, and rejects with status 410
   * when the `resourceVersion` of the query is too old, so that the collection must be listed again.
   */
  watch(
    path: string,
    query: Readonly<Record<string, string>>,
    onEvent: (event: WatchEvent) => void,
    signal: AbortSignal,
  ): Promise<void>;
}

/** The time limit of one request; callers repeat it with backoff. */
const REQUEST_MS = 30_000;

/** A client of the current cluster of `config`. */
export function kubeApi(config: KubeConfig): KubeApi {
  const watcher = new Watch(config);

  async function request(method: HttpMethod, path: string, body: object | null): Promise<unknown> {
    const server = config.getCurrentCluster()?.server;
    if (server === undefined) throw new ApiError(0, "the kubeconfig names no cluster");
    const context = new RequestContext(new URL(path, `${server}/`).href, method);
    await config.applySecurityAuthentication(context);
    const dispatcher = context.getDispatcher();
    const response = await fetch(context.getUrl(), {
      method,
      headers: { ...context.getHeaders(), accept: "application/json", "content-type": "application/json" },
      body: body === null ? null : JSON.stringify(body),
      signal: AbortSignal.timeout(REQUEST_MS),
      ...(dispatcher === undefined ? {} : { dispatcher }),
    }).catch((error: unknown) => {
      throw new Error(`${server} cannot be reached: ${reasonOf(error)}`, { cause: error });
    });
    const text = await response.text();
    if (response.ok) return text === "" ? null : JSON.parse(text);
    const remedy = REMEDIES.get(response.status) ?? "";
    throw new ApiError(response.status, `${method} ${path}: ${response.status} ${messageOf(text)}${remedy}`);
  }

  return {
    get: (path) => request(HttpMethod.GET, path, null),
    replace: async (path, body) => (await request(HttpMethod.PUT, path, body)) as KubeObject,
    create: async (path, body) => (await request(HttpMethod.POST, path, body)) as KubeObject,
    watch: (path, query, onEvent, signal) => {
      const ended = new AbortController();
      const watch = new Promise<void>((resolve, reject) => {
        watcher
          .watch(
            path,
            { ...query, allowWatchBookmarks: true },
            (phase: string, object: unknown) => {
              if (ended.signal.aborted) return;
              const event = eventOf(phase, object);
              if (event instanceof ApiError) reject(event);
              else if (event !== null) onEvent(event);
            },
            (error: unknown) => {
              // A watch without events for a long time times out. That is no fault: the caller resumes the watch.
              if (error === null || error === undefined || isTimeout(error) || signal.aborted) resolve();
              else reject(watchError(error));
            },
          )
          .then((started) => ended.signal.addEventListener("abort", () => started.abort(), { once: true }), reject);
        signal.addEventListener("abort", () => resolve(), { once: true, signal: ended.signal });
      });
      // Events that arrive after the promise has settled must not reach the caller, which may have begun another watch.
      return watch.finally(() => ended.abort());
    },
  };
}

const REMEDIES: ReadonlyMap<number, string> = new Map([
  [401, "; the API server does not accept the credentials: check the kubeconfig's user, or the Pod's ServiceAccount"],
  [403, "; deploy/kubernetes/rbac.yaml grants what the controller needs"],
]);

/** The reason of a network error: the message of fetch's own error is only `fetch failed`, that of its cause says more. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error.cause instanceof Error) return reasonOf(error.cause);
  // When several addresses refuse, the error is an AggregateError, whose message is empty.
  return error.message || ("code" in error ? String(error.code) : error.name);
}

/** The message of an error response (`metav1.Status.message`), shortened. */
function messageOf(text: string): string {
  try {
    const { message } = JSON.parse(text) as { message?: unknown };
    if (typeof message === "string") return message.slice(0, 500);
  } catch {
    // The body is not JSON (a proxy's error page, for example): its beginning is the message.
  }
  return text.slice(0, 200);
}

function eventOf(phase: string, object: unknown): WatchEvent | ApiError | null {
  const value = object as KubeObject & { code?: number; message?: string };
  switch (phase) {
    case "ADDED":
    case "MODIFIED":
    case "DELETED":
      return { type: phase, object: value };
    case "BOOKMARK":
      return { type: "BOOKMARK", resourceVersion: value.metadata.resourceVersion ?? "" };
    case "ERROR":
      return new ApiError(value.code ?? 0, value.message ?? "the watch failed");
    default:
      return null;
  }
}

const isTimeout = (error: unknown): boolean => error instanceof Error && error.name === "TimeoutError";

function watchError(error: unknown): Error {
  const status = error instanceof Error && "statusCode" in error ? error.statusCode : null;
  if (typeof status === "number") return new ApiError(status, error instanceof Error ? error.message : "");
  return error instanceof Error ? error : new Error(String(error));
}
