/**
 * A connection for a request that finds none in the pool. Endpoints are dialled one after the other, and a second one
 * beside the first when that is slow to accept (RFC 8305 §5, with endpoints in place of addresses). Only the TCP connect
 * is raced, because a handshake that is slow on a busy host would otherwise cause more handshakes. The first verified
 * connection is used, the others are closed.
 */
import { abandonedBy, type AbandonReason } from "../connect/connect.ts";
import type { RequestClient } from "../exchange.ts";
import { type BackendFailure, transportFailure } from "../failure.ts";
import { DIAL_LIMITS } from "../limits.ts";
import type { RequestSignal } from "../request-signal.ts";
import type { KeyedPool } from "../pool/keyed-pool.ts";
import type { Dialer, Lease, Obtained } from "../pool/pooled-connection.ts";
import type { Waiter } from "../pool/waiter.ts";
import type { Endpoint } from "./endpoints.ts";

/** One endpoint that may be dialled, and how. */
export interface DialCandidate extends Dialer {
  readonly endpoint: Endpoint;
  readonly keyedPool: KeyedPool;
}

/** The outcome: a verified connection to one of the candidates, or why there is none. */
export type Acquired =
  | { readonly kind: "open"; readonly endpoint: Endpoint; readonly lease: Lease }
  | { readonly kind: "failed"; readonly endpoint: Endpoint; readonly failure: BackendFailure };

/** What a request waits for, and how long. */
export interface AcquireOptions {
  /** The longest wait for a connection. */
  readonly connectMs: number;
  /** The longest wait for room in the pool, as in PoolLimits. */
  readonly roomMs: number;
  /** How long ago an exchange last ended. */
  readonly sinceFreedMs: () => number;
  /** Aborts when the client has left. */
  readonly signal: RequestSignal;
  /** Whether a connection from the pool will not do. */
  readonly isFresh: boolean;
  readonly client: RequestClient | undefined;
}

/** A request gives up after this many times `roomMs`, although connections come free that others get. */
const MAX_ROOM_WAITS = 8;

/** Dials a connection, or takes one that comes free in the pool meanwhile. `candidates` is never empty. */
export function acquire(
  candidates: readonly DialCandidate[],
  { connectMs, roomMs, sinceFreedMs, signal, isFresh, client }: AcquireOptions,
): Promise<Acquired> {
  const [first] = candidates;
  if (first === undefined) throw new RangeError("no candidate to dial");
  return new Promise((resolve, reject) => {
    const over = new AbortController();
    const pending = new Set<Waiter>();
    let next = 0;
    let delay: ReturnType<typeof setTimeout> | undefined;
    const finish = (reason: AbandonReason): void => {
      clearTimeout(delay);
      clearTimeout(deadline);
      clearInterval(roomCheck);
      signal.removeEventListener("abort", onClientGone);
      over.abort(reason);
    };
    const giveUp = (reason: AbandonReason): void => {
      const { endpoint, keyedPool } = first;
      finish(reason);
      const lacksRoom = reason === "timeout" && waitsForRoom();
      const whose = keyedPool.isFull ? "to this endpoint" : "of the pool";
      const noRoom = transportFailure("connection-limit", `all connections ${whose} stayed in use`, "nothing");
      const failed: Acquired = { kind: "failed", endpoint, failure: lacksRoom ? noRoom : abandonedBy(reason) };
      // The dials of a client that has left count as that client's until they have ended; it waits for no answer.
      if (reason === "gone")
        void Promise.allSettled([...pending].map(({ answer }) => answer)).then(() => resolve(failed));
      else resolve(failed);
    };
    // A request that only waits for its turn to dial does not lack room in the pool.
    const waitsForRoom = (): boolean => first.keyedPool.isShort && [...pending].every(({ dial }) => dial === null);
    const onClientGone = (): void => giveUp("gone");
    const deadline = setTimeout(() => giveUp("timeout"), connectMs);
    // A pool whose connections come free is worth waiting for longer than one whose connections are all held. A request
    // that dials has its room already.
    let roomWaits = 0;
    const checkRoom = (): void => {
      if (waitsForRoom() && (sinceFreedMs() >= roomMs || ++roomWaits >= MAX_ROOM_WAITS)) giveUp("timeout");
    };
    const roomCheck = roomMs < connectMs ? setInterval(checkRoom, roomMs) : undefined;
    const onAnswer = (endpoint: Endpoint, answer: Obtained | null): void => {
      if (over.signal.aborted) {
        if (answer?.kind === "open") answer.lease.release();
        return;
      }
      if (answer === null) return;
      // A refused chain is an answer: it is reported, not hidden behind another endpoint.
      const isFinal = answer.kind === "open" || !isUndialled(answer.failure);
      if (!isFinal && next < candidates.length) return launch();
      if (!isFinal && pending.size > 0) return;
      finish("lost");
      resolve({ ...answer, endpoint });
    };
    const onError = (error: unknown): void => {
      finish("lost");
      reject(error);
    };
    const launch = (): void => {
      clearTimeout(delay);
      const candidate = candidates[next++];
      if (candidate === undefined) return;
      const { endpoint, keyedPool } = candidate;
      const lease = isFresh ? null : keyedPool.take(client);
      if (lease !== null) return onAnswer(endpoint, { kind: "open", lease });
      if (next < candidates.length) delay = setTimeout(launch, DIAL_LIMITS.delayMs);
      const onAccepted = (): void => clearTimeout(delay);
      const waiter = keyedPool.wait({ dialer: candidate, onAccepted, isFresh, client, signal: over.signal });
      pending.add(waiter);
      waiter.answer.then((answer) => {
        pending.delete(waiter);
        onAnswer(endpoint, answer);
      }, onError);
    };
    signal.addEventListener("abort", onClientGone, { once: true });
    if (signal.aborted) onClientGone();
    else launch();
  });
}

/** Whether no connection came about, so that another endpoint may answer. */
function isUndialled(failure: BackendFailure): boolean {
  return (
    failure.kind === "transport" && (failure.code === "connection-refused" || failure.code === "connection-unreachable")
  );
}
