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
import type { KeyedPool } from "../pool/keyed-pool.ts";
import type { Dialer, PooledConnection } from "../pool/pooled-connection.ts";
import type { QueueEntry } from "../pool/queue.ts";
import type { Endpoint } from "./endpoints.ts";

/** One endpoint, and how a connection to it is made. */
export interface DialCandidate extends Dialer {
  readonly endpoint: Endpoint;
  readonly keyedPool: KeyedPool;
}

/** A connection to one of the candidates, verified; or why there is none. */
export type Acquired =
  | {
      readonly kind: "open";
      readonly endpoint: Endpoint;
      readonly pooled: PooledConnection;
      readonly isReused: boolean;
    }
  | { readonly kind: "failed"; readonly endpoint: Endpoint; readonly failure: BackendFailure };

/** How long a request waits. `connectMs` is for a connection, `roomMs`, a part of it, for room in the pool. */
export interface Patience {
  readonly connectMs: number;
  readonly roomMs: number;
  /** How long ago a connection of the pool last came free. */
  readonly stillMs: () => number;
}

/** A request gives up after this many times `roomMs`, although connections come free that others get. */
const MAX_ROOM_WAITS = 8;

/**
 * Dials, or takes what comes free in the pool meanwhile. `candidates` is never empty. With `isFresh` a connection from the
 * pool will not do. `signal` aborts when the client has left.
 */
export function acquire(
  candidates: readonly DialCandidate[],
  { connectMs, roomMs, stillMs }: Patience,
  signal: AbortSignal,
  isFresh: boolean,
  client?: RequestClient,
): Promise<Acquired> {
  const [first] = candidates;
  if (first === undefined) throw new RangeError("no candidate to dial");
  return new Promise((resolve, reject) => {
    const over = new AbortController();
    const pending = new Set<QueueEntry>();
    const dials: Promise<Acquired>[] = [];
    let next = 0;
    let delay: ReturnType<typeof setTimeout> | undefined;
    const finish = (reason: AbandonReason): void => {
      clearTimeout(delay);
      clearTimeout(deadline);
      clearInterval(crowding);
      signal.removeEventListener("abort", gone);
      over.abort(reason);
    };
    const giveUp = (reason: AbandonReason): void => {
      const { endpoint, keyedPool } = first;
      finish(reason);
      const isCrowded = reason === "timeout" && isWaiting();
      const whose = keyedPool.isFull ? "to this endpoint" : "of the pool";
      const crowded = transportFailure("connection-limit", `all connections ${whose} stayed in use`, "nothing");
      const given: Acquired = { kind: "failed", endpoint, failure: isCrowded ? crowded : abandonedBy(reason) };
      // The dials of a client that has left count as its own until they have ended, and it does not wait for this answer.
      if (reason === "gone") void Promise.allSettled(dials).then(() => resolve(given));
      else resolve(given);
    };
    // A request that only waits for its turn to dial does not lack room in the pool.
    const isWaiting = (): boolean => first.keyedPool.isShort && [...pending].every((entry) => entry.isWaiting);
    const gone = (): void => giveUp("gone");
    const deadline = setTimeout(() => giveUp("timeout"), connectMs);
    // A pool whose connections come free is worth waiting for, and one whose connections are all held is not. A request
    // that dials has its room already.
    let waits = 0;
    const look = (): void => {
      if (isWaiting() && (stillMs() >= roomMs || ++waits >= MAX_ROOM_WAITS)) giveUp("timeout");
    };
    const crowding = roomMs < connectMs ? setInterval(look, roomMs) : undefined;
    const ended = (entry: QueueEntry, result: Acquired): void => {
      if (over.signal.aborted) {
        if (result.kind === "open") result.pooled.keyedPool.release(result.pooled);
        return;
      }
      pending.delete(entry);
      // A refused chain is an answer: it is reported, not hidden behind another endpoint.
      const isAnswer = result.kind === "open" || !isUndialled(result.failure);
      if (!isAnswer && next < candidates.length) return launch();
      if (!isAnswer && pending.size > 0) return;
      finish("lost");
      resolve(result);
    };
    const launch = (): void => {
      clearTimeout(delay);
      const candidate = candidates[next++];
      if (candidate === undefined) return;
      const entry = candidate.keyedPool.newEntry(client);
      pending.add(entry);
      if (next < candidates.length) delay = setTimeout(launch, DIAL_LIMITS.delayMs);
      const reaching = reach(candidate, entry, over.signal, isFresh, () => clearTimeout(delay));
      dials.push(reaching);
      const failed = (error: unknown): void => {
        finish("lost");
        reject(error);
      };
      reaching.then((result) => ended(entry, result), failed);
    };
    signal.addEventListener("abort", gone, { once: true });
    if (signal.aborted) gone();
    else launch();
  });
}

/** One endpoint: what others leave, or a dial. */
async function reach(
  candidate: DialCandidate,
  entry: QueueEntry,
  signal: AbortSignal,
  isFresh: boolean,
  accepted: () => void,
): Promise<Acquired> {
  const { endpoint, keyedPool } = candidate;
  for (let mayTake = !isFresh; !signal.aborted; mayTake = true) {
    const pooled = mayTake ? keyedPool.take(entry.client) : null;
    if (pooled !== null) return { kind: "open", endpoint, pooled, isReused: true };
    const obtained = await keyedPool.obtain(candidate, entry, signal, accepted);
    if (obtained?.kind === "open") return { ...obtained, endpoint, isReused: false };
    if (obtained !== null) return { ...obtained, endpoint };
  }
  return { kind: "failed", endpoint, failure: abandonedBy(signal.reason) };
}

/** No connection came about, so another endpoint may answer. */
export function isUndialled(failure: BackendFailure): boolean {
  return (
    failure.kind === "transport" && (failure.code === "connection-refused" || failure.code === "connection-unreachable")
  );
}
