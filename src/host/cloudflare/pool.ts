/** The hop from the worker to the object that pools connections, and what happens when the object is not there. */
import { isIdempotent } from "../../backend/exchange.ts";
import { transportFailure } from "../../backend/failure.ts";
import { BundleError } from "../../bundle/refusal.ts";
import { failureOf, failureResponse } from "../../gateway/failures.ts";
import { respond } from "./respond.ts";
import type { Background } from "./serving.ts";
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

/**
 * The object's answer. Null where there is no object, and when it is lost or overloaded and the request may safely be
 * sent again: the caller then opens a connection of its own.
 */
export async function askPool(
  { LASTHOP_POOL: pool, LASTHOP_POOL_OBJECTS: objects }: PoolEnv,
  request: Request,
  background: Background,
): Promise<Response | null> {
  // No object is asked for a Host that makes no URL: the caller refuses it.
  if (pool === undefined || !URL.canParse(request.url)) return null;
  try {
    return await pool.getByName(poolName(request, Number(objects ?? 1))).fetch(request);
  } catch (error) {
    if (request.signal.aborted) throw error;
    const detail = `the pool object is lost: ${error instanceof Error ? error.message : String(error)}`;
    console.warn(JSON.stringify({ code: "pool-lost", detail }));
    if (request.body === null && isIdempotent(request.method)) return null;
    const failure = failureOf(transportFailure("connection-terminated", detail, "maybe"));
    return respond(failureResponse(failure), request, background);
  }
}

/** Of the client's data centre: the hop stays short. */
function poolName({ cf }: Request, objects: number): string {
  const colo = typeof cf?.["colo"] === "string" ? cf["colo"] : "local";
  return objects > 1 ? `lasthop-${colo}-${Math.floor(Math.random() * objects)}` : `lasthop-${colo}`;
}
