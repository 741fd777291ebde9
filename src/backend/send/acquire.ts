/**
 * A connection when none waits in the pool: endpoints are dialled one after the other, and beside each other when one
 * is slow to accept (RFC 8305 §5, with endpoints for addresses). Only the TCP connect is raced: a handshake that takes
 * its time on a busy host would otherwise cause more handshakes. The first verified connection wins, the others close.
 */
import { type Leave, left } from "../connect/connect.ts";
import type { RequestClient } from "../exchange.ts";
import { type BackendFailure, transportFailure } from "../failure.ts";
import { DIAL_LIMITS } from "../limits.ts";
import type { Dialling, Held } from "../pool/held.ts";
import type { Lane } from "../pool/lane.ts";
import type { Turn } from "../pool/queue.ts";
import type { Endpoint } from "./endpoints.ts";

/** One endpoint, and how a connection to it is made. */
export interface Way extends Dialling {
  readonly endpoint: Endpoint;
  readonly lane: Lane;
}

export type Acquired =
  | { readonly kind: "open"; readonly endpoint: Endpoint; readonly held: Held; readonly isReused: boolean }
  | { readonly kind: "failed"; readonly endpoint: Endpoint; readonly failure: BackendFailure };

/** How long the caller waits for a connection at all, and of that for room in the pool. */
export interface Patience {
  readonly connectMs: number;
  readonly roomMs: number;
  /** For how long no connection of the pool has come free. */
  readonly stillMs: () => number;
}

/** A request that waits this many times `roomMs` gives up although connections come free: others get them. */
const MAX_ROOM_WAITS = 8;

/** `ways` is never empty. `isFresh`: one from the pool would not do. `signal` aborts when the client has left. */
export function acquire(
  ways: readonly Way[],
  { connectMs, roomMs, stillMs }: Patience,
  signal: AbortSignal,
  isFresh: boolean,
  client?: RequestClient,
): Promise<Acquired> {
  const [first] = ways;
  if (first === undefined) throw new RangeError("no way to dial");
  return new Promise((resolve, reject) => {
    const over = new AbortController();
    const pending = new Set<Turn>();
    const dials: Promise<Acquired>[] = [];
    let next = 0;
    let delay: ReturnType<typeof setTimeout> | undefined;
    const finish = (reason: Leave): void => {
      clearTimeout(delay);
      clearTimeout(deadline);
      clearInterval(crowding);
      signal.removeEventListener("abort", gone);
      over.abort(reason);
    };
    const giveUp = (reason: Leave): void => {
      const { endpoint, lane } = first;
      finish(reason);
      const isCrowded = reason === "timeout" && isWaiting();
      const whose = lane.isFull ? "to this endpoint" : "of the pool";
      const crowded = transportFailure("connection-limit", `all connections ${whose} stayed in use`, "nothing");
      const given: Acquired = { kind: "failed", endpoint, failure: isCrowded ? crowded : left(reason) };
      // A client that has left is not waiting for an answer, and answers for its dials until they have ended.
      if (reason === "gone") void Promise.allSettled(dials).then(() => resolve(given));
      else resolve(given);
    };
    // A request that waits for a dial's turn has no reason to complain of the pool.
    const isWaiting = (): boolean => first.lane.isShort && [...pending].every((turn) => turn.isWaiting);
    const gone = (): void => giveUp("gone");
    const deadline = setTimeout(() => giveUp("timeout"), connectMs);
    // A busy pool is worth waiting for, one whose connections are all held is not. A request that dials has its room.
    let waits = 0;
    const look = (): void => {
      if (isWaiting() && (stillMs() >= roomMs || ++waits >= MAX_ROOM_WAITS)) giveUp("timeout");
    };
    const crowding = roomMs < connectMs ? setInterval(look, roomMs) : undefined;
    const ended = (turn: Turn, result: Acquired): void => {
      if (over.signal.aborted) {
        if (result.kind === "open") result.held.lane.release(result.held);
        return;
      }
      pending.delete(turn);
      // A refused chain is an answer: it is reported, not hidden behind another endpoint.
      const isAnswer = result.kind === "open" || !isUndialled(result.failure);
      if (!isAnswer && next < ways.length) return launch();
      if (!isAnswer && pending.size > 0) return;
      finish("lost");
      resolve(result);
    };
    const launch = (): void => {
      clearTimeout(delay);
      const way = ways[next++];
      if (way === undefined) return;
      const turn = way.lane.arrive(client);
      pending.add(turn);
      if (next < ways.length) delay = setTimeout(launch, DIAL_LIMITS.delayMs);
      const reaching = reach(way, turn, over.signal, isFresh, () => clearTimeout(delay));
      dials.push(reaching);
      const failed = (error: unknown): void => {
        finish("lost");
        reject(error);
      };
      reaching.then((result) => ended(turn, result), failed);
    };
    signal.addEventListener("abort", gone, { once: true });
    if (signal.aborted) gone();
    else launch();
  });
}

/** One endpoint: what others leave, or a dial. */
async function reach(
  way: Way,
  turn: Turn,
  signal: AbortSignal,
  isFresh: boolean,
  accepted: () => void,
): Promise<Acquired> {
  const { endpoint, lane } = way;
  for (let mayTake = !isFresh; !signal.aborted; mayTake = true) {
    const held = mayTake ? lane.take(turn.client) : null;
    if (held !== null) return { kind: "open", endpoint, held, isReused: true };
    const obtained = await lane.obtain(way, turn, signal, accepted);
    if (obtained?.kind === "open") return { ...obtained, endpoint, isReused: false };
    if (obtained !== null) return { ...obtained, endpoint };
  }
  return { kind: "failed", endpoint, failure: left(signal.reason) };
}

/** No connection came about, so another endpoint may answer. */
export function isUndialled(failure: BackendFailure): boolean {
  return (
    failure.kind === "transport" && (failure.code === "connection-refused" || failure.code === "connection-unreachable")
  );
}
