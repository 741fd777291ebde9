/**
 * The capacity that the connections of all keys share: how many may be open, and which key opens the next one when there is
 * room. Of a key, Capacity knows only which requests wait.
 */
import type { PooledConnection } from "./pooled-connection.ts";

/** One key, and its requests that have neither a connection nor a dial. */
export interface WaitingKey {
  /** Whether there are any such requests. */
  readonly isWaiting: boolean;
  /** The time at which the first waiting request came, monotonic; null when no request waits. */
  readonly oldestMs: number | null;
  /** The number of connections that the requests want, and that only the lack of room keeps from being opened. */
  readonly wanted: number;
  /** Dials for the first waiting request. */
  admitFirst(): void;
  /** Answers waiting requests while there are free connections. */
  serveWaiting(): void;
}

/** The capacity for the connections of all keys. */
export class Capacity {
  readonly #limit: number;
  readonly #longestIdle: () => PooledConnection | null;
  readonly #waiting = new Set<WaitingKey>();
  /** Keys that hold free connections back, so that these fall idle and leave their room to another key. */
  readonly #yielding = new Set<WaitingKey>();
  /** Idle connections that were closed to make room, and whose sockets are not closed yet. */
  readonly #closing = new Set<PooledConnection>();
  #open = 0;

  /**
   * `limit`: the number of connections of all keys together. `longestIdle` finds the connection that has been idle for
   * longest; null: none is idle.
   */
  constructor(limit: number, longestIdle: () => PooledConnection | null) {
    this.#limit = limit;
    this.#longestIdle = longestIdle;
  }

  /** The number of connections of all keys, with connections that are being dialled or closed. */
  get open(): number {
    return this.#open;
  }

  /** Whether no further connection may be opened. */
  get isFull(): boolean {
    return this.#open >= this.#limit;
  }

  /** Counts a connection that is about to be dialled. {@link connectionClosed} follows in any case. */
  connectionOpened(): void {
    this.#open++;
  }

  /** Counts a closed connection (null: the dial failed), and lets the key that has waited longest open the next one. */
  connectionClosed(connection: PooledConnection | null): void {
    this.#open--;
    if (connection !== null) this.#closing.delete(connection);
    this.admitWaiting();
  }

  /** Lets keys open connections while there is room, the key that has waited longest first. */
  admitWaiting(): void {
    for (let first = this.#first(null); !this.isFull && first !== null; first = this.#first(null)) first.admitFirst();
    this.#endYielding();
  }

  /** Notes that a request of a key waits. To make room, connections without exchanges are closed, the idlest first. */
  startWaiting(key: WaitingKey): void {
    this.#waiting.add(key);
    while (this.#isShort) {
      const idlest = this.#longestIdle();
      if (idlest === null) return;
      this.closeForOthers(idlest);
    }
  }

  /** Notes that a request of a key waits no longer. */
  stopWaiting(key: WaitingKey): void {
    if (!key.isWaiting) this.#waiting.delete(key);
    this.#endYielding();
  }

  /** Whether `key` must leave room to another key, a request of which has waited since before `sinceMs`. */
  mustYield(key: WaitingKey, sinceMs: number): boolean {
    return this.#isShort && (this.#first(key)?.oldestMs ?? Number.POSITIVE_INFINITY) < sinceMs;
  }

  /**
   * As {@link Capacity.mustYield}, for a key that holds free connections back meanwhile: it answers its requests with them as
   * soon as it need not yield any more.
   */
  holdsBack(key: WaitingKey, sinceMs: number): boolean {
    const mustYield = this.mustYield(key, sinceMs);
    if (mustYield) this.#yielding.add(key);
    return mustYield;
  }

  /** Closes a connection without exchanges, so that another key gets its room. */
  closeForOthers(connection: PooledConnection): void {
    this.#closing.add(connection);
    connection.keyedPool.discard(connection);
  }

  /** Lets keys that held connections back look whether they still must. */
  #endYielding(): void {
    if (this.#yielding.size === 0) return;
    const keys = [...this.#yielding];
    this.#yielding.clear();
    for (const key of keys) key.serveWaiting();
  }

  /** Whether more connections are wanted than are about to close. */
  get #isShort(): boolean {
    let wanted = 0;
    for (const each of this.#waiting) wanted += each.wanted;
    return wanted > this.#closing.size;
  }

  /** The key, other than `except`, that wants connections and has waited longest; null when there is none. */
  #first(except: WaitingKey | null): WaitingKey | null {
    let first: WaitingKey | null = null;
    for (const each of this.#waiting) {
      if (each === except || each.wanted === 0) continue;
      if (first === null || (each.oldestMs ?? 0) < (first.oldestMs ?? 0)) first = each;
    }
    return first;
  }
}
