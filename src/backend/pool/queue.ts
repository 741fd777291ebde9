/**
 * The requests that wait for a connection of one key. They are called in the order in which they came, those of clients that
 * have less before those of clients that have more; a request that was given up is not called.
 */
import type { RequestClient } from "../exchange.ts";

/** The place of one request in the queue. A request that was called and found no connection keeps its place. */
export interface QueueEntry {
  /** When the request came; monotonic. */
  readonly sinceMs: number;
  /** The request waits in the queue; false while it takes a connection or dials one. */
  isWaiting: boolean;
  /** The client of the request, where the host knows it. */
  readonly client?: RequestClient | undefined;
}

/**
 * Why a waiting request is called. `room`: the request may open a connection, which counts as open already; `look`: there
 * may be a connection to take; `gone`: the request's signal has aborted.
 */
export type Call = "room" | "look" | "gone";

/**
 * How much of its share of the connections a client holds, in shares. The client that holds less comes first; a client
 * that holds 1 or more must wait while others hold less.
 */
export type ShareOf = (client: RequestClient) => number;

interface Waiter {
  readonly sinceMs: number;
  readonly client: RequestClient | undefined;
  readonly answer: (call: Call) => void;
}

/** Requests, and clients among them, that one call looks at: the bound of what one event costs. */
const MAX_LOOKED_AT = 4_096;
const MAX_ASKED = 64;

export class Queue {
  readonly #waiting: Waiter[] = [];

  get length(): number {
    return this.#waiting.length;
  }

  /** When the first waiting request came, monotonic; null when none waits. */
  get oldestMs(): number | null {
    return this.#waiting[0]?.sinceMs ?? null;
  }

  async wait(entry: QueueEntry, signal: AbortSignal): Promise<Call> {
    entry.isWaiting = true;
    const call = await new Promise<Call>((resolve) => {
      const gone = (): void => {
        const at = this.#waiting.indexOf(waiter);
        if (at >= 0) this.#waiting.splice(at, 1);
        resolve("gone");
      };
      const waiter: Waiter = {
        sinceMs: entry.sinceMs,
        client: entry.client,
        answer: (called) => {
          signal.removeEventListener("abort", gone);
          resolve(called);
        },
      };
      const behind = this.#waiting.findLastIndex(({ sinceMs }) => sinceMs <= entry.sinceMs);
      this.#waiting.splice(behind + 1, 0, waiter);
      signal.addEventListener("abort", gone, { once: true });
    });
    entry.isWaiting = false;
    return call;
  }

  /**
   * Calls the first request of the client that holds least. Where every client holds its share, the first request of all
   * is called, or none with `only`. Answers the client of the request that was called.
   */
  call(why: Call, taken: ShareOf | null = null, only = false): RequestClient | undefined {
    const at = taken === null ? 0 : this.#next(taken, only);
    const called = at === null ? undefined : this.#waiting.splice(at, 1)[0];
    called?.answer(why);
    return called?.client;
  }

  /** Whether `call` with the same arguments would find a waiting request. */
  has(taken: ShareOf | null, only: boolean): boolean {
    return this.#waiting.length > 0 && (taken === null || this.#next(taken, only) !== null);
  }

  #next(taken: ShareOf, only: boolean): number | null {
    // Many requests of one client may wait; the client's share is asked for once.
    const asked = new Set<object>();
    let next: number | null = null;
    let least = 1;
    for (const [at, { client }] of this.#waiting.entries()) {
      if (at >= MAX_LOOKED_AT || asked.size >= MAX_ASKED) break;
      if (client === undefined) return next ?? at;
      if (asked.has(client.connection)) continue;
      asked.add(client.connection);
      const its = taken(client);
      if (its === 0) return at;
      if (its >= least) continue;
      next = at;
      least = its;
    }
    return next ?? (only ? null : 0);
  }

  callAll(why: Call): void {
    for (const { answer } of this.#waiting.splice(0)) answer(why);
  }
}
