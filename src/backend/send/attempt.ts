/** One attempt at a backend: a connection from the pool or a new one, the exchange, and what it says of the endpoint. */
import { abandonedBy, connect, type Connected } from "../connect/connect.ts";
import type { Connection } from "../engine/connection.ts";
import { codeOf } from "../events.ts";
import { type ExchangeRequest, isIdempotent } from "../exchange.ts";
import type { BackendFailure } from "../failure.ts";
import { RETRY_LIMITS } from "../limits.ts";
import type { KeyedPool } from "../pool/keyed-pool.ts";
import type { Dialer, PooledConnection } from "../pool/pooled-connection.ts";
import { acquire, type Acquired, type DialCandidate } from "./acquire.ts";
import type { Endpoint } from "./endpoints.ts";
import type { Conclusion, DialOutcome } from "./refused-peer.ts";
import type { BackendState } from "./registry.ts";
import type { Replay } from "./replay.ts";
import { isRepeatable, isStale, isUnprocessed } from "./retries.ts";
import { exchangeOn, type OnOptions } from "./send-on.ts";
import type { ConnectionFacts, Sender, Sent } from "./sent.ts";

export interface AttemptOptions {
  readonly body: Replay | null;
  /** Another attempt may follow. */
  readonly keepsBody: boolean;
  /** As in SendOptions. */
  readonly backendRequestMs: number | null;
}

/** Pooled connections tried that turn out to be closed, before one is dialled. */
const MAX_STALE = 2;
/** Connections tried after one whose peer says that it has not processed the request. */
const MAX_UNPROCESSED = 2;

/** Begins with the endpoint `first`; another may have answered. */
export async function attempt(
  sender: Sender,
  state: BackendState,
  first: Endpoint,
  request: ExchangeRequest,
  { body, keepsBody, backendRequestMs }: AttemptOptions,
): Promise<Sent> {
  const { runtime, timeouts, lasting, onEvent } = sender;
  const { pool } = lasting;
  // An upgrade begins where a request ends, so one with a body is none; where nothing can be upgraded it is dropped.
  const upgrade = request.body === null && first.upgrades !== null ? request.upgrade : null;
  let next = first;
  let unprocessed = 0;
  for (let stale = 0; ; stale++) {
    const begun = next;
    const isFresh = stale >= MAX_STALE;
    const taken = isFresh ? null : keyedPoolOf(begun, upgrade).take(request.client);
    let acquired: Acquired;
    if (taken === null) {
      begun.inFlight++;
      const candidates = candidatesFor(sender, state, begun, upgrade);
      const stillMs = (): number => runtime.monotonicMs() - pool.freedMs;
      const patience = { connectMs: timeouts.connectMs, roomMs: pool.limits.roomMs, stillMs };
      const acquiring = acquire(candidates, patience, request.signal, isFresh, request.client);
      acquired = await acquiring.finally(() => begun.inFlight--);
    } else {
      acquired = { kind: "open", endpoint: begun, pooled: taken, isReused: true };
    }
    if (acquired.kind === "failed") return attemptFailed(acquired.failure, acquired.endpoint);
    const { endpoint, pooled, isReused } = acquired;
    if (isReused) {
      if (isDelicate(request) && (await isGone(pooled, pool.clock.monotonicMs()))) continue;
      onEvent?.({ backend: state.id, endpoint: endpoint.address, kind: "reused" });
    }
    endpoint.inFlight++;
    pool.inFlight++;
    const unhold = request.client === undefined ? null : pooled.keyedPool.hold(request.client);
    const over = Promise.withResolvers<void>();
    runtime.keep?.(over.promise);
    const isHttp2 = pooled.connection.protocol !== "http/1.1";
    const result = await exchangeOn(pooled.connection, request, {
      body: body?.source(keepsBody || isReused || isHttp2) ?? null,
      upgrade,
      bodyIdleMs: timeouts.bodyIdleMs,
      limit: limitOf(backendRequestMs, timeouts.responseMs),
      release() {
        endpoint.inFlight--;
        pool.inFlight--;
        unhold?.();
        pooled.keyedPool.release(pooled);
        over.resolve();
      },
    });
    if (!("kind" in result)) {
      if (endpoint.succeeded()) onEvent?.({ backend: state.id, endpoint: endpoint.address, kind: "recovered" });
      return { kind: "response", response: result, endpoint: endpoint.address, connection: facts(pooled.connection) };
    }
    // Maybe only this request was slow, maybe nothing comes through any more: the next one does not wait to see.
    if (result.kind === "transport" && result.code === "response-timeout") pooled.keyedPool.discard(pooled);
    const sent = attemptFailed(result, endpoint);
    if (isReused && stale <= MAX_STALE && isStale(result) && isRepeatable(sent, request, body)) continue;
    blame(sender, state, endpoint, result);
    const mayRepeat = isHttp2 && isUnprocessed(result) && isRepeatable(sent, request, body);
    if (!mayRepeat || unprocessed++ >= MAX_UNPROCESSED) return sent;
    onEvent?.({ backend: state.id, endpoint: endpoint.address, kind: "retried", code: codeOf(result) });
    next = state.endpoints.pick(runtime.monotonicMs(), new Set([endpoint.address])) ?? next;
  }
}

const attemptFailed = (failure: BackendFailure, { address }: Endpoint): Sent => ({
  kind: "failed",
  failure,
  endpoint: address,
});

const keyedPoolOf = ({ keyedPool, upgrades }: Endpoint, upgrade: string | null): KeyedPool =>
  upgrade === null || upgrades === null ? keyedPool : upgrades;

function candidatesFor(
  sender: Sender,
  state: BackendState,
  first: Endpoint,
  upgrade: string | null,
): readonly DialCandidate[] {
  const { runtime, lasting, registry, timeouts, onEvent } = sender;
  const { id: backend, endpoints } = state;
  return endpoints.inOrder(first, runtime.monotonicMs()).map((endpoint) => {
    const keyedPool = keyedPoolOf(endpoint, upgrade);
    const open: Dialer["open"] = async (signal, accepted) => {
      const permit = await endpoint.refusedPeer.permit(runtime.monotonicMs, signal);
      if (permit.kind === "aborted") return { kind: "failed", failure: abandonedBy(signal.reason), leavesOut: false };
      if (permit.kind === "refused") return { kind: "failed", failure: permit.failure, leavesOut: true };
      const startMs = runtime.monotonicMs();
      let outcome: DialOutcome = { kind: "unknown" };
      let connected: Connected;
      try {
        connected = await connect({
          backend: state.backend,
          endpoint: endpoint.address,
          protocols: keyedPool === endpoint.keyedPool ? "any" : "http/1.1",
          policies: registry.policies,
          runtime,
          signal,
          accepted,
        });
        if (connected.kind === "open") outcome = { kind: "verified" };
        else if (connected.leavesOut) outcome = { kind: "refused", failure: connected.failure };
      } finally {
        const conclusion = permit.conclude(outcome, lasting.random());
        tellOfRefusal(sender, state, endpoint, outcome, conclusion);
      }
      if (connected.kind === "open") {
        const { protocol, security, closed } = connected.connection;
        runtime.keep?.(closed);
        const durationMs = runtime.monotonicMs() - startMs;
        const resumed = security.kind === "tls" ? security.resumed : null;
        onEvent?.({ backend, endpoint: endpoint.address, kind: "connected", protocol, resumed, durationMs });
      } else if (codeOf(connected.failure) !== "client-gone") {
        const code = codeOf(connected.failure);
        onEvent?.({ backend, endpoint: endpoint.address, kind: "connect-failed", code });
        // A refused peer is left out already.
        if (outcome.kind !== "refused") blame(sender, state, endpoint, connected.failure);
      }
      return connected;
    };
    return {
      endpoint,
      keyedPool,
      connectMs: timeouts.connectMs,
      open(...dialling) {
        const opening = open(...dialling);
        runtime.keep?.(opening);
        return opening;
      },
    };
  });
}

/** Says that the endpoint is left out for its handshake, or is back. */
function tellOfRefusal(
  { onEvent }: Sender,
  { id: backend }: BackendState,
  { address: endpoint }: Endpoint,
  outcome: DialOutcome,
  conclusion: Conclusion,
): void {
  if (conclusion.kind === "recovered") onEvent?.({ backend, endpoint, kind: "recovered" });
  if (conclusion.kind !== "left-out" || outcome.kind !== "refused") return;
  onEvent?.({ backend, endpoint, kind: "ejected", code: codeOf(outcome.failure), durationMs: conclusion.durationMs });
}

/** Puts a failure on the endpoint's record. */
function blame(
  { runtime, lasting, onEvent }: Sender,
  state: BackendState,
  endpoint: Endpoint,
  failure: BackendFailure,
): void {
  const durationMs = endpoint.failed(failure, runtime.monotonicMs(), lasting.random());
  if (durationMs === 0) return;
  const code = codeOf(failure);
  onEvent?.({ backend: state.id, endpoint: endpoint.address, kind: "ejected", code, durationMs });
}

/** `HTTPRouteTimeouts.backendRequest` covers the whole response; our own default only a backend's silence. */
function limitOf(backendRequestMs: number | null, responseMs: number): OnOptions["limit"] {
  if (backendRequestMs === null) return { ms: responseMs, to: "head" };
  return backendRequestMs === 0 ? null : { ms: backendRequestMs, to: "end" };
}

/** Cannot simply be sent again when the connection turns out to be closed. */
const isDelicate = ({ method, body }: ExchangeRequest): boolean => body !== null || !isIdempotent(method);

/**
 * Whether a connection that lay idle for long was closed meanwhile: the runtime tells only once it has looked at its
 * sockets again, which it does between two timers; the first may come before.
 */
async function isGone({ connection, idleSinceMs }: PooledConnection, nowMs: number): Promise<boolean> {
  if (connection.inflight > 0 || nowMs - idleSinceMs < RETRY_LIMITS.idleMs) return false;
  for (let turn = 0; turn < 2; turn++) await new Promise((resolve) => void setTimeout(resolve));
  if (connection.alive) return false;
  connection.close();
  return true;
}

function facts({ protocol, security }: Connection): ConnectionFacts {
  if (security.kind === "plaintext") return { protocol, tls: null };
  const { presented } = security.peer.path.matched;
  return {
    protocol,
    tls: { version: security.version, sni: security.sni, resumed: security.resumed, matched: presented },
  };
}
