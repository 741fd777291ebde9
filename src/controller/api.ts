/**
 * The Kubernetes API as raw JSON: credentials, TLS and kubeconfig are the client library's; the objects stay as they
 * are on the wire, because its typed models drop the fields they do not know.
 */
import { HttpMethod, type KubeConfig, RequestContext, Watch } from "@kubernetes/client-node";
import { fetch } from "undici";

/** An object as the API server has it. */
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

/** The API server answered, and it was no success. */
export class ApiError extends Error {
  readonly status: number;
  constructor(status: number, message: string) {
    super(message);
    this.name = "ApiError";
    this.status = status;
  }
}

export type WatchEvent =
  | { readonly type: "ADDED" | "MODIFIED" | "DELETED"; readonly object: KubeObject }
  | { readonly type: "BOOKMARK"; readonly resourceVersion: string };

export interface KubeApi {
  get(path: string): Promise<unknown>;
  /** `PUT`; a `resourceVersion` in the body makes it conditional (409). */
  replace(path: string, body: object): Promise<KubeObject>;
  create(path: string, body: object): Promise<KubeObject>;
  /** Resolves when the server ends the watch, rejects with an ApiError (410: relist) or a network error. */
  watch(
    path: string,
    query: Readonly<Record<string, string>>,
    onEvent: (event: WatchEvent) => void,
    signal: AbortSignal,
  ): Promise<void>;
}

/** A request that takes longer is given up: the API server is asked again, with backoff. */
const REQUEST_MS = 30_000;

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
      const over = new AbortController();
      const watched = new Promise<void>((resolve, reject) => {
        watcher
          .watch(
            path,
            { ...query, allowWatchBookmarks: true },
            (phase: string, object: unknown) => {
              if (over.signal.aborted) return;
              const event = eventOf(phase, object);
              if (event instanceof ApiError) reject(event);
              else if (event !== null) onEvent(event);
            },
            (error: unknown) => {
              // Quiet for long is no fault: the caller resumes.
              if (error === null || error === undefined || isTimeout(error) || signal.aborted) resolve();
              else reject(watchError(error));
            },
          )
          .then((started) => over.signal.addEventListener("abort", () => started.abort(), { once: true }), reject);
        signal.addEventListener("abort", () => resolve(), { once: true, signal: over.signal });
      });
      // Nothing of this watch arrives once the caller goes on.
      return watched.finally(() => over.abort());
    },
  };
}

const REMEDIES: ReadonlyMap<number, string> = new Map([
  [401, "; the API server does not accept the credentials: check the kubeconfig's user, or the Pod's ServiceAccount"],
  [403, "; deploy/kubernetes/rbac.yaml grants what the controller needs"],
]);

/** `fetch failed` says nothing; its cause does. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error.cause instanceof Error) return reasonOf(error.cause);
  // Several addresses refused: an AggregateError with no message.
  return error.message || ("code" in error ? String(error.code) : error.name);
}

/** `metav1.Status.message`, bounded. */
function messageOf(text: string): string {
  try {
    const { message } = JSON.parse(text) as { message?: unknown };
    if (typeof message === "string") return message.slice(0, 500);
  } catch {
    // Not JSON: a proxy's page, say. Its beginning will do.
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
