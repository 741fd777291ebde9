/** A request that waits for a connection, and its answer. */
import type { RequestClient } from "../exchange.ts";
import type { PendingDial } from "./pending-dial.ts";
import type { Dialer, Obtained } from "./pooled-connection.ts";

/** A request for a connection. */
export interface ConnectionRequest {
  /** The dial of the request, should the request have to dial. */
  readonly dialer: Dialer;
  /** A callback for the moment when the peer of the request's dial has accepted, before any handshake. */
  readonly onAccepted: () => void;
  /** Whether the request takes a connection that was used before only while there is no dial for it. */
  readonly isFresh: boolean;
  /** The client of the request, where the host knows it. */
  readonly client: RequestClient | undefined;
  /** Aborts when the request waits no longer. */
  readonly signal: AbortSignal;
}

/** A request that waits. */
export class Waiter {
  readonly request: ConnectionRequest;
  /** When the request came; monotonic. */
  readonly sinceMs: number;
  /**
   * Resolves with a connection, which the request releases when it has left meanwhile; with the failure of its dial; or
   * with null after the request has left.
   */
  readonly answer: Promise<Obtained | null>;
  /** The dial whose outcome answers the request, unless another connection comes free first; null: none yet. */
  dial: PendingDial | null = null;
  /** Whether the request is in the queue. */
  isQueued = false;
  readonly #answered = Promise.withResolvers<Obtained | null>();
  readonly #onAbort: () => void;
  /** Ends the count of the request, or of its dial, towards its client's share. */
  #endShare: (() => void) | null = null;

  /** `onLeft` is called when the request leaves without an answer. */
  constructor(request: ConnectionRequest, sinceMs: number, onLeft: (waiter: Waiter) => void) {
    this.request = request;
    this.sinceMs = sinceMs;
    this.answer = this.#answered.promise;
    this.#onAbort = () => onLeft(this);
    request.signal.addEventListener("abort", this.#onAbort, { once: true });
  }

  /** Counts the request differently towards its client's share: `endShare` ends the new count; null: it has none. */
  countShare(endShare: (() => void) | null): void {
    this.#endShare?.();
    this.#endShare = endShare;
  }

  /** Answers the request. A promise that rejects says that there is a bug of ours. */
  settle(answer: Obtained | null | Promise<null>): void {
    this.request.signal.removeEventListener("abort", this.#onAbort);
    this.countShare(null);
    this.#answered.resolve(answer);
  }
}
