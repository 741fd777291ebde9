/** The hop from the worker to the Durable Object that pools connections, and the ways round an object that is full or lost. */
import { isIdempotent, transportFailure } from "../../backend/index.ts";
import { BundleError } from "../../bundle/refusal.ts";
import { type Background, failureOf, failureResponse } from "../../gateway/index.ts";
import { cloudflareRuntime } from "./runtime.ts";
import { POOL_FULL_FIELD, respond } from "./respond.ts";
import type { SourceEnv } from "./source.ts";

/** The variables of a deployment that configure its pool. */
export interface PoolEnv {
  /** The namespace of the pool's objects. Without it each request gets a backend connection of its own. */
  readonly LASTHOP_POOL?: DurableObjectNamespace;
  /**
   * The number of objects per data centre, 1 by default. An object is one thread with few connections, so a busy data
   * centre needs several.
   */
  readonly LASTHOP_POOL_OBJECTS?: string;
  /** The number of connections that an object may have open at a time, to all backends together; see {@link connectionsOf}. */
  readonly LASTHOP_POOL_CONNECTIONS?: string;
}

/**
 * The number of connections that Cloudflare allows an invocation; all requests of an object are one. Its page on limits
 * counts a socket only while it opens, its page on sockets as long as it is open. The second is kept here, which is safe
 * in both cases.
 */
const PLATFORM_CONNECTIONS = 6;

/**
 * The number of connections in an object's pool: those that the platform allows, less one for reading bundles from
 * Workers KV. Throws a BundleError when LASTHOP_POOL_CONNECTIONS is no whole number above 0.
 */
export function connectionsOf({
  LASTHOP_POOL_CONNECTIONS: asked,
  LASTHOP_BUNDLES: bundles,
}: Pick<PoolEnv & SourceEnv, "LASTHOP_POOL_CONNECTIONS" | "LASTHOP_BUNDLES">): number {
  if (asked === undefined) return bundles === undefined ? PLATFORM_CONNECTIONS : PLATFORM_CONNECTIONS - 1;
  if (/^[1-9]\d{0,5}$/.test(asked)) return Number(asked);
  const detail = `expected a whole number from 1 to 999999, found ${JSON.stringify(asked)}`;
  throw new BundleError("wrong-type", "LASTHOP_POOL_CONNECTIONS", detail);
}

/** The time that a request waits for room in a full object before it is sent another way. */
export const POOL_ROOM_MS = 250;
/** The time for which requests avoid an object that was full, without waiting for room in it. */
const FULL_MS = 1_000;
/** The longest body that goes to an object. A longer one, or one of unknown length, goes over a connection of the worker's. */
const MAX_POOLED_BODY_BYTES = 64 * 1024;

/** The outcome of asking an object. */
export type Pooled =
  | { readonly kind: "answered"; readonly response: Response }
  /** No object has taken the request (none is bound, or it is full or lost, or may not take it): the worker sends it itself. */
  | { readonly kind: "own"; readonly request: Request };

/** The hop to the objects. It remembers for a moment which objects were full. */
export class PoolHop {
  readonly #fullUntilMs = new Map<string, number>();

  /**
   * Asks an object to answer the request. An object has few connections, so it gets only requests that end soon: no
   * upgrades, and only small bodies that have come whole. So a client that sends its body slowly occupies no connection
   * that others wait for.
   */
  async ask(env: PoolEnv, request: Request, background: Background): Promise<Pooled> {
    const { LASTHOP_POOL: pool, LASTHOP_POOL_OBJECTS: objects } = env;
    const own = { kind: "own", request } as const;
    // A request whose Host makes no URL cannot be passed to an object; the worker refuses it.
    if (pool === undefined || !isPoolable(request) || !URL.canParse(request.url)) return own;
    const name = this.#nameWithRoom(request, Number(objects ?? 1));
    if (name === null) return own;
    const body = request.body === null ? null : await request.arrayBuffer();
    const again = (): Request => (body === null ? request : new Request(request, { method: request.method, body }));
    let response: Response;
    try {
      response = await pool.getByName(name).fetch(again());
    } catch (error) {
      if (request.signal.aborted) throw error;
      const detail = `the pool object is lost: ${error instanceof Error ? error.message : String(error)}`;
      console.warn(JSON.stringify({ code: "pool-lost", detail }));
      if (isIdempotent(request.method)) return { kind: "own", request: again() };
      const failure = failureOf(transportFailure("connection-terminated", detail, "maybe"));
      return { kind: "answered", response: respond(failureResponse(failure), request, background) };
    }
    if (!response.headers.has(POOL_FULL_FIELD)) return { kind: "answered", response };
    this.#fullUntilMs.set(name, cloudflareRuntime.monotonicMs() + FULL_MS);
    return { kind: "own", request: again() };
  }

  /** The name of an object in the client's data centre, so that the hop stays short; null when all objects are full. */
  #nameWithRoom({ cf }: Request, objects: number): string | null {
    const colo = typeof cf?.["colo"] === "string" ? cf["colo"] : "local";
    const nowMs = cloudflareRuntime.monotonicMs();
    const names =
      objects > 1 ? Array.from({ length: objects }, (_, index) => `lasthop-${colo}-${index}`) : [`lasthop-${colo}`];
    const free = names.filter((name) => nowMs >= (this.#fullUntilMs.get(name) ?? 0));
    return free[Math.floor(Math.random() * free.length)] ?? null;
  }
}

function isPoolable({ headers, body }: Request): boolean {
  if (headers.get("upgrade")?.toLowerCase() === "websocket") return false;
  // NaN stands for a missing length; no comparison with NaN holds, so such a body is too long.
  return body === null || Number(headers.get("content-length") ?? Number.NaN) <= MAX_POOLED_BODY_BYTES;
}
