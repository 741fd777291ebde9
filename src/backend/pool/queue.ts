/**
 * The queue of requests that wait for a connection of one key. Requests are called in the order in which they came, but a
 * client with a smaller share of the connections comes before clients with larger shares.
 */
import type { RequestClient } from "../exchange.ts";

/** The place of one request in the queue. A request that was called and found no connection keeps its place. */
export interface QueueEntry {
  /** When the request came; monotonic. */
  readonly sinceMs: number;
  /** Whether the request waits in the queue, and does not take or dial a connection. */
  isWaiting: boolean;
  /** The client of the request, where the host knows it. */
  readonly client?: RequestClient | undefined;
}

/**
 * Why a waiting request is called. `dial`: the request may open a connection, which counts as open already; `retry`: there
 * may be a connection to take; `aborted`: the request's signal has aborted.
 */
export type Call = "dial" | "retry" | "aborted";

/**
 * A function that answers how much of its share of the connections a client holds, in shares. The client that holds less
 * comes first; a client that holds 1 or more must wait while others hold less.
 */
export type ShareOf = (client: RequestClient) => number;

/** A waiting request. */
interface Waiter {
  readonly sinceMs: number;
  readonly client: RequestClient | undefined;
  readonly answer: (call: Call) => void;
}

/** The number of requests, and of different clients, that one call looks at, which bounds what one event costs. */
const MAX_LOOKED_AT = 4_096;
const MAX_ASKED = 64;

/** The queue of one key. */
export class Queue {
  readonly #waiting: Waiter[] = [];

  get length(): number {
    return this.#waiting.length;
  }

  /** The time at which the first waiting request came, monotonic; null when no request waits. */
  get oldestMs(): number | null {
    return this.#waiting[0]?.sinceMs ?? null;
  }

  /** Waits until the request is called. */
  async wait(entry: QueueEntry, signal: AbortSignal): Promise<Call> {
    entry.isWaiting = true;
    const call = await new Promise<Call>((resolve) => {
      const onAbort = (): void => {
        const at = this.#waiting.indexOf(waiter);
        if (at >= 0) this.#waiting.splice(at, 1);
        resolve("aborted");
      };
      const waiter: Waiter = {
        sinceMs: entry.sinceMs,
        client: entry.client,
        answer: (called) => {
          signal.removeEventListener("abort", onAbort);
          resolve(called);
        },
      };
      const behind = this.#waiting.findLastIndex(({ sinceMs }) => sinceMs <= entry.sinceMs);
      this.#waiting.splice(behind + 1, 0, waiter);
      signal.addEventListener("abort", onAbort, { once: true });
    });
    entry.isWaiting = false;
    return call;
  }

  /**
   * Calls the first request of the client that holds least. Where every client holds its share, the first request of all
   * is called, or none when `onlyBelowShare`. Answers the client of the request that was called.
   */
  call(why: Call, taken: ShareOf | null = null, onlyBelowShare = false): RequestClient | undefined {
    const at = taken === null ? 0 : this.#next(taken, onlyBelowShare);
    const called = at === null ? undefined : this.#waiting.splice(at, 1)[0];
    called?.answer(why);
    return called?.client;
  }

  /** Whether `call` with the same arguments would find a waiting request. */
  has(taken: ShareOf | null, onlyBelowShare: boolean): boolean {
    return this.#waiting.length > 0 && (taken === null || this.#next(taken, onlyBelowShare) !== null);
  }

  /** The place of the request that is called next; null when none may be. */
  #next(taken: ShareOf, onlyBelowShare: boolean): number | null {
    // Many requests of one client may wait, and its share is asked for once.
    const asked = new Set<object>();
    let next: number | null = null;
    let least = 1;
    for (const [at, { client }] of this.#waiting.entries()) {
      if (at >= MAX_LOOKED_AT || asked.size >= MAX_ASKED) break;
      if (client === undefined) return next ?? at;
      if (asked.has(client.connection)) continue;
      asked.add(client.connection);
      const share = taken(client);
      if (share === 0) return at;
      if (share >= least) continue;
      next = at;
      least = share;
    }
    return next ?? (onlyBelowShare ? null : 0);
  }

  /** Calls all waiting requests. */
  callAll(why: Call): void {
    for (const { answer } of this.#waiting.splice(0)) answer(why);
  }
}
