/**
 * The queue of requests that wait for a connection of one key. Requests are answered in the order in which they came, but
 * a client with a smaller share of the connections comes before clients with larger shares.
 */
import type { RequestClient } from "../exchange.ts";
import type { PendingDial } from "./pending-dial.ts";
import type { Waiter } from "./waiter.ts";

/**
 * A function that answers how much of its share of the connections a client holds, in shares. The client that holds less
 * comes first; a client that holds 1 or more must wait while others hold less.
 */
export type ShareOf = (client: RequestClient) => number;

/** The number of requests, and of different clients, that one look for the next request sees, which bounds its cost. */
const MAX_LOOKED_AT = 4_096;
const MAX_ASKED = 64;

/** The queue of one key. */
export class Queue {
  readonly #waiting: Waiter[] = [];
  readonly #shareOf: ShareOf;
  /** The number of requests without a dial. */
  #undialled = 0;

  constructor(shareOf: ShareOf) {
    this.#shareOf = shareOf;
  }

  /** The number of requests without a dial. */
  get undialled(): number {
    return this.#undialled;
  }

  /** The first request without a dial; null when there is none. */
  get oldestUndialled(): Waiter | null {
    return this.#undialled === 0 ? null : (this.#waiting.find(({ dial }) => dial === null) ?? null);
  }

  /** Puts a request without a dial at its place. */
  add(waiter: Waiter): void {
    const before = this.#waiting.findLastIndex(({ sinceMs }) => sinceMs <= waiter.sinceMs);
    this.#waiting.splice(before + 1, 0, waiter);
    waiter.isQueued = true;
    this.#undialled++;
  }

  /** Removes a request. */
  remove(waiter: Waiter): void {
    this.#waiting.splice(this.#waiting.indexOf(waiter), 1);
    waiter.isQueued = false;
    if (waiter.dial === null) this.#undialled--;
  }

  /** Says for which dial a request waits; null: for none. */
  setDial(waiter: Waiter, dial: PendingDial | null): void {
    this.#undialled += Number(dial === null) - Number(waiter.dial === null);
    waiter.dial = dial;
  }

  /**
   * The requests that wait for a dial; null: the requests that wait for none. What the caller does to one may answer
   * others, which are left out.
   */
  *waitersOf(dial: PendingDial | null): Generator<Waiter> {
    for (const waiter of this.#waiting.filter((each) => each.dial === dial)) {
      if (waiter.isQueued && waiter.dial === dial) yield waiter;
    }
  }

  /** Whether a request waits for the dial. */
  isWanted(dial: PendingDial): boolean {
    return this.#waiting.some((waiter) => waiter.dial === dial);
  }

  /**
   * The first request, of those that `isMeant`, of the client that holds least. Where every client holds its share, the
   * first request of all, or null when `onlyBelowShare`.
   */
  next(isMeant: (waiter: Waiter) => boolean, onlyBelowShare: boolean): Waiter | null {
    // Many requests of one client may wait, and its share is asked for once.
    const asked = new Set<object>();
    let first: Waiter | null = null;
    let next: Waiter | null = null;
    let least = 1;
    for (const [at, waiter] of this.#waiting.entries()) {
      if (at >= MAX_LOOKED_AT || asked.size >= MAX_ASKED) break;
      if (!isMeant(waiter)) continue;
      first ??= waiter;
      const { client } = waiter.request;
      if (client === undefined) return next ?? waiter;
      if (asked.has(client.connection)) continue;
      asked.add(client.connection);
      const share = this.#shareOf(client);
      if (share === 0) return waiter;
      if (share >= least) continue;
      next = waiter;
      least = share;
    }
    return next ?? (onlyBelowShare ? null : first);
  }
}
