/**
 * The room that the connections of all keys share: how many may be open, and whose is the next when there is none left.
 * Room knows of a key only which of its requests wait.
 */
import type { PooledConnection } from "./pooled-connection.ts";

/** The requests of one key that wait for a connection. */
export interface Waiting {
  /** Since when the first of them waits, monotonic; null when none does. */
  readonly oldestMs: number | null;
  /** Connections that would serve them and may be opened but for the room. */
  readonly wanted: number;
  /** There is a connection that one of them could take now. */
  readonly hasFreeConnection: boolean;
  /** Lets the first of them open a connection. */
  admit(): void;
  /** Has all of them look for a connection again. */
  retryWaiters(): void;
}

export class Room {
  readonly #limit: number;
  readonly #idlest: () => PooledConnection | null;
  readonly #waiting = new Set<Waiting>();
  /** Idle connections that were closed to make room, and whose sockets are not closed yet. */
  readonly #closing = new Set<PooledConnection>();
  #open = 0;

  /** `limit`: connections of all keys together. `idlest` finds the one that has been idle for longest; null: none is. */
  constructor(limit: number, idlest: () => PooledConnection | null) {
    this.#limit = limit;
    this.#idlest = idlest;
  }

  /** Connections of all keys, those still to be dialled and those that close too. */
  get open(): number {
    return this.#open;
  }

  get isFull(): boolean {
    return this.#open >= this.#limit;
  }

  /** A connection is about to be dialled. {@link connectionClosed} follows, whatever becomes of it. */
  connectionOpened(): void {
    this.#open++;
  }

  /** A connection has closed (null: it never came about): who has waited longest opens the next. */
  connectionClosed(connection: PooledConnection | null): void {
    this.#open--;
    if (connection !== null) this.#closing.delete(connection);
    this.admitWaiting();
  }

  /** Lets who has waited longest open connections, as many as there is room for. */
  admitWaiting(): void {
    for (let first = this.#first(null); !this.isFull && first !== null; first = this.#first(null)) first.admit();
  }

  /** A request waits. To make room, connections that nobody uses are closed, the idlest first. */
  startWaiting(who: Waiting): void {
    this.#waiting.add(who);
    while (this.#isShort) {
      const idlest = this.#idlest();
      if (idlest === null) return;
      this.closeForOthers(idlest);
    }
  }

  /**
   * A request of `who` waits no longer. When it was the last, those who stood back for it need not any more. Only waiting
   * requests that will find a connection are called: others would wait again, which calls these, and so on without end.
   */
  stopWaiting(who: Waiting): void {
    if (who.oldestMs !== null || !this.#waiting.delete(who) || !this.isFull) return;
    for (const each of this.#waiting) if (each.hasFreeConnection) each.retryWaiters();
  }

  /** Whether requests of another key than `of` have waited for room since before `sinceMs`. */
  mustYield(of: Waiting, sinceMs: number): boolean {
    return this.#isShort && (this.#first(of)?.oldestMs ?? Number.POSITIVE_INFINITY) < sinceMs;
  }

  /** Closes a connection that nobody uses, so that another key has its room. */
  closeForOthers(connection: PooledConnection): void {
    this.#closing.add(connection);
    connection.keyedPool.discard(connection);
  }

  /** More connections are wanted than are closing. */
  get #isShort(): boolean {
    let wanted = 0;
    for (const each of this.#waiting) wanted += each.wanted;
    return wanted > this.#closing.size;
  }

  /** Whose requests have waited longest for room. */
  #first(but: Waiting | null): Waiting | null {
    let first: Waiting | null = null;
    for (const each of this.#waiting) {
      if (each === but || each.wanted === 0) continue;
      if (first === null || (each.oldestMs ?? 0) < (first.oldestMs ?? 0)) first = each;
    }
    return first;
  }
}
