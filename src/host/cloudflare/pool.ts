/** The hop from the worker to the object that pools connections, and what happens when the object is not there. */
import { isIdempotent } from "../../backend/exchange.ts";
import { transportFailure } from "../../backend/failure.ts";
import { failureOf, failureResponse } from "../../gateway/failures.ts";
import type { Front } from "../../gateway/headers.ts";
import { respond } from "./respond.ts";

/** Carries the front to the object. The worker sets it on every request, so a client's own never arrives. */
const FRONT_FIELD = "lasthop-front";

/**
 * The object's answer. Null when the object is lost or overloaded and the request may safely be sent again: the caller
 * then opens a connection of its own.
 */
export async function askPool(pool: DurableObjectNamespace, request: Request, front: Front): Promise<Response | null> {
  const headers = new Headers(request.headers);
  headers.set(FRONT_FIELD, JSON.stringify(front));
  try {
    return await pool.getByName(poolName(request)).fetch(new Request(request, { headers }));
  } catch (error) {
    if (request.signal.aborted) throw error;
    const detail = `the pool object is lost: ${error instanceof Error ? error.message : String(error)}`;
    console.warn(JSON.stringify({ code: "pool-lost", detail }));
    if (request.body === null && isIdempotent(request.method)) return null;
    return respond(failureResponse(failureOf(transportFailure("connection-terminated", detail, "maybe"))), request);
  }
}

/** One object a data centre: the hop stays short. */
function poolName({ cf }: Request): string {
  return `lasthop-${typeof cf?.["colo"] === "string" ? cf["colo"] : "local"}`;
}

/** What {@link askPool} sent: the front, and the fields without it. */
export function frontOfPooled(request: Request): { front: Front; headers: Headers } {
  const headers = new Headers(request.headers);
  const front = JSON.parse(headers.get(FRONT_FIELD) ?? "") as Front;
  headers.delete(FRONT_FIELD);
  return { front, headers };
}
