/** One attempt at a backend: a connection from the pool or a new one, the exchange, and the endpoint's record. */
import { codeOf } from "../events.ts";
import { type ExchangeRequest, isIdempotent, type Sent } from "../exchange.ts";
import type { BackendFailure } from "../failure.ts";
import { RETRY_LIMITS } from "../limits.ts";
import type { PooledConnection } from "../pool/pooled-connection.ts";
import { keepInvocation } from "../runtime.ts";
import { acquire, type Acquired } from "./acquire.ts";
import { dialCandidates } from "./candidates.ts";
import type { Endpoint } from "./endpoints.ts";
import { recordFailure, recordResponse } from "./endpoint-record.ts";
import type { BackendRegistry, BackendState } from "./backend-registry.ts";
import type { Replay } from "./replay.ts";
import { isRepeatable, isStale, isUnprocessed } from "./retries.ts";
import { type RequestSending, sendRequest } from "./send-request.ts";

/** What one attempt sends. */
export interface AttemptOptions {
  readonly request: ExchangeRequest;
  /** The request's body; null where it has none. */
  readonly body: Replay | null;
  /** Whether another attempt may follow, which would need the body again. */
  readonly keepsBody: boolean;
  /** As in SendOptions. */
  readonly backendRequestMs: number | null;
}

/**
 * Why a request is sent again on another connection within one attempt. `closed-while-idle`: before the request, the
 * pooled connection turned out to be closed; `stale`: a reused connection ended before it took the request;
 * `unprocessed`: the peer said that it has not processed the request.
 */
type RepeatReason = "closed-while-idle" | "stale" | "unprocessed";

/** Connections used before one from the pool will not do any more. */
const MAX_POOLED = 2;
/** Repeats after a peer said that it has not processed the request. */
const MAX_UNPROCESSED = 2;
const NO_REPEATS: readonly RepeatReason[] = [];

/** Sends the request once, beginning with the endpoint `first`; another may have answered. */
export async function attempt(
  registry: BackendRegistry,
  state: BackendState,
  first: Endpoint,
  { request, body, keepsBody, backendRequestMs }: AttemptOptions,
): Promise<Sent> {
  const { context } = registry;
  const { runtime, timeouts, pool, onEvent } = context;
  // Only a request without a body can be upgraded. Where nothing can be upgraded, the backend gets a plain request.
  const upgrade = request.body === null && first.upgrades !== null ? request.upgrade : null;
  let begun = first;
  let repeats = NO_REPEATS;
  for (;;) {
    const isFresh = repeats.length >= MAX_POOLED;
    const taken = isFresh ? null : begun.poolFor(upgrade).take(request.client);
    const acquired: Acquired =
      taken === null
        ? await dialOrWait(registry, state, begun, { request, upgrade, isFresh })
        : { kind: "open", endpoint: begun, lease: taken };
    const { endpoint } = acquired;
    if (acquired.kind === "failed") return { kind: "failed", failure: acquired.failure, endpoint: endpoint.address };
    const { lease } = acquired;
    const { pooled, isReused } = lease;
    if (isReused) {
      if (!canRepeatAnyway(request) && (await wasClosedWhileIdle(pooled, runtime.monotonicMs()))) {
        lease.release();
        repeats = [...repeats, "closed-while-idle"];
        continue;
      }
      onEvent?.({ backend: state.id, endpoint: endpoint.address, kind: "reused" });
    }
    endpoint.inFlight++;
    pool.inFlight++;
    const releaseInvocation = keepInvocation(runtime);
    const isHttp2 = pooled.connection.protocol !== "http/1.1";
    const sent = await sendRequest(pooled.connection, request, {
      endpoint: endpoint.address,
      body: body?.reader(keepsBody || isReused || isHttp2) ?? null,
      upgrade,
      bodyIdleMs: timeouts.bodyIdleMs,
      limit: limitOf(backendRequestMs, timeouts.responseMs),
      onEnd() {
        endpoint.inFlight--;
        pool.inFlight--;
        lease.release();
        releaseInvocation?.();
      },
    });
    if (sent.kind === "response") {
      recordResponse(context, state, endpoint);
      return sent;
    }
    const { failure } = sent;
    // Maybe only this request was slow, maybe the connection is dead: no further request finds out.
    if (failure.kind === "transport" && failure.code === "response-timeout") pooled.keyedPool.discard(pooled);
    const repeat = isRepeatable(sent, request, body)
      ? repeatAfter(failure, { isReused, isHttp2, repeats, begun, endpoint, state, nowMs: runtime.monotonicMs() })
      : null;
    // An endpoint is not to blame for a connection that ended between two requests.
    if (repeat?.reason !== "stale") recordFailure(context, state, endpoint, failure);
    if (repeat === null) return sent;
    if (repeat.reason === "unprocessed")
      onEvent?.({ backend: state.id, endpoint: endpoint.address, kind: "retried", code: codeOf(failure) });
    begun = repeat.endpoint;
    repeats = [...repeats, repeat.reason];
  }
}

/** The exchange that failed. */
interface FailedExchange {
  readonly state: BackendState;
  /** The endpoint with which the attempt had begun. */
  readonly begun: Endpoint;
  /** The endpoint that failed. */
  readonly endpoint: Endpoint;
  readonly isReused: boolean;
  readonly isHttp2: boolean;
  readonly repeats: readonly RepeatReason[];
  readonly nowMs: number;
}

/** Why a repeatable request is sent again, and to which endpoint; null when the failure stands. */
function repeatAfter(
  failure: BackendFailure,
  { state, begun, endpoint, isReused, isHttp2, repeats, nowMs }: FailedExchange,
): { readonly reason: RepeatReason; readonly endpoint: Endpoint } | null {
  if (isReused && repeats.length <= MAX_POOLED && isStale(failure)) return { reason: "stale", endpoint: begun };
  if (!isHttp2 || !isUnprocessed(failure)) return null;
  if (repeats.filter((reason) => reason === "unprocessed").length >= MAX_UNPROCESSED) return null;
  const other = state.endpoints.pick(nowMs, new Set([endpoint.address]));
  return { reason: "unprocessed", endpoint: other ?? begun };
}

interface Wanted {
  readonly request: ExchangeRequest;
  readonly upgrade: string | null;
  readonly isFresh: boolean;
}

/** A connection for a request that finds none in the pool. Meanwhile the request counts as in flight on its endpoint. */
function dialOrWait(
  registry: BackendRegistry,
  state: BackendState,
  endpoint: Endpoint,
  { request: { signal, client }, upgrade, isFresh }: Wanted,
): Promise<Acquired> {
  const { runtime, timeouts, pool } = registry.context;
  endpoint.inFlight++;
  const acquiring = acquire(dialCandidates(registry, state, endpoint, upgrade), {
    connectMs: timeouts.connectMs,
    roomMs: pool.limits.roomMs,
    sinceFreedMs: () => runtime.monotonicMs() - pool.freedMs,
    signal,
    isFresh,
    client,
  });
  return acquiring.finally(() => endpoint.inFlight--);
}

/** `HTTPRouteTimeouts.backendRequest` covers the whole response, our own default only the time until its head. */
function limitOf(backendRequestMs: number | null, responseMs: number): RequestSending["limit"] {
  if (backendRequestMs === null) return { ms: responseMs, to: "head" };
  return backendRequestMs === 0 ? null : { ms: backendRequestMs, to: "end" };
}

/** Whether a request can be sent again, whatever became of the connection it was sent on. */
const canRepeatAnyway = ({ method, body }: ExchangeRequest): boolean => body === null && isIdempotent(method);

/**
 * Whether a connection that was idle for long is closed by now: the runtime tells only once it has looked at its sockets
 * again, which it does between two timers. The first of the two may come before it has.
 */
async function wasClosedWhileIdle({ connection, idleSinceMs }: PooledConnection, nowMs: number): Promise<boolean> {
  if (connection.inflight > 0 || nowMs - idleSinceMs < RETRY_LIMITS.idleMs) return false;
  for (let turn = 0; turn < 2; turn++) await new Promise((resolve) => void setTimeout(resolve));
  if (connection.alive) return false;
  connection.close();
  return true;
}
