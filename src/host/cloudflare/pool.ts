/** The hop from the worker to the object that pools connections, and what happens when the object is not there. */
import { isIdempotent, transportFailure } from "../../backend/index.ts";
import { BundleError } from "../../bundle/refusal.ts";
import { type Background, failureOf, failureResponse } from "../../gateway/index.ts";
import { cloudflareRuntime } from "./runtime.ts";
import { POOL_FULL_FIELD, respond } from "./respond.ts";
import type { SourceEnv } from "./source.ts";

export interface PoolEnv {
  /** The object that keeps backend connections; without it each request has one of its own. */
  readonly LASTHOP_POOL?: DurableObjectNamespace;
  /**
   * Objects a data centre, 1 by default. An object is one thread, and what the platform lets it connect to at a time is
   * little: a busy data centre wants several.
   */
  readonly LASTHOP_POOL_OBJECTS?: string;
  /** Connections that an object may have open at a time, to all backends together; see {@link connectionsOf}. */
  readonly LASTHOP_POOL_CONNECTIONS?: string;
}

/**
 * What Cloudflare documents of an invocation; those of an object share one. Its page on limits counts a socket while it
 * opens, its page on sockets as long as it is open: the latter is meant here, and so is right in both cases.
 */
const PLATFORM_CONNECTIONS = 6;

/**
 * The limit for an object's pool: what the platform allows, less one for reading bundles from Workers KV, which counts
 * too. Throws a BundleError when LASTHOP_POOL_CONNECTIONS is no whole number above 0.
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

/** How long a request waits for room in a full object before it is sent another way. */
export const POOL_ROOM_MS = 250;
/** After an object was full, its requests go another way for so long, without waiting for room first. */
const FULL_MS = 1_000;
/** A longer body, or one of unknown length, is sent over a connection of the worker's own. */
const MAX_POOLED_BODY_BYTES = 64 * 1024;

/** What became of a request on its way to the object. */
export type Pooled =
  | { readonly kind: "answered"; readonly response: Response }
  /** There is no object, or it is full or lost, or the request is not for it: the worker sends it itself. */
  | { readonly kind: "own"; readonly request: Request };

/** The way to the objects. It remembers for a moment which of them were full. */
export class PoolHop {
  readonly #fullUntilMs = new Map<string, number>();

  /**
   * An object has few connections, so it gets only what leaves soon: no upgrades, and bodies that are small and there.
   * A client that sends its body slowly then holds nothing that others wait for.
   */
  async ask(env: PoolEnv, request: Request, background: Background): Promise<Pooled> {
    const { LASTHOP_POOL: pool, LASTHOP_POOL_OBJECTS: objects } = env;
    const own = { kind: "own", request } as const;
    // No object is asked for a Host that makes no URL: the worker refuses it.
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

  /** The name of an object of the client's data centre, so that the hop stays short. Null: all of them are full. */
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
  // A negated comparison, so that no length and one that is no number are too long.
  return body === null || Number(headers.get("content-length") ?? Number.NaN) <= MAX_POOLED_BODY_BYTES;
}
