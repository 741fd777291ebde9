/**
 * The requests that wait for a connection of one key. They are called in the order in which they came, those of clients that
 * have less before those of clients that have more; a request that was given up is not called.
 */
import type { RequestClient } from "../exchange.ts";

/** A request's place among those that wait, which it keeps when it was called in vain. */
export interface QueueEntry {
  /** Monotonic. */
  readonly sinceMs: number;
  /** For others to be done; false while it takes or dials. */
  isWaiting: boolean;
  /** Whose it is, where the host tells. */
  readonly client?: RequestClient | undefined;
}

/**
 * Why somebody who waited is called. `room`: a connection may be opened, and counts as open already; `look`: there may
 * be one to take; `gone`: the signal has aborted.
 */
export type Call = "room" | "look" | "gone";

/** How much of its share a client has: the one with less comes first, and from 1 on it is not its turn. Asked of a few at a time. */
export type Taken = (client: RequestClient) => number;

interface Waiter {
  readonly sinceMs: number;
  readonly client: RequestClient | undefined;
  readonly answer: (call: Call) => void;
}

/** Requests and clients looked at for one call: a bound for what one event costs. */
const MAX_LOOKED_AT = 4_096;
const MAX_ASKED = 64;

export class Queue {
  readonly #waiting: Waiter[] = [];

  get length(): number {
    return this.#waiting.length;
  }

  /** Since when the first one waits; null: nobody does. */
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

  /** Calls the first of the client that has least; where all have their share, the first, or with `only` nobody. Answers whose it is. */
  call(why: Call, taken: Taken | null = null, only = false): RequestClient | undefined {
    const at = taken === null ? 0 : this.#next(taken, only);
    const called = at === null ? undefined : this.#waiting.splice(at, 1)[0];
    called?.answer(why);
    return called?.client;
  }

  /** Whether `call` with the same arguments would find a waiting request. */
  has(taken: Taken | null, only: boolean): boolean {
    return this.#waiting.length > 0 && (taken === null || this.#next(taken, only) !== null);
  }

  #next(taken: Taken, only: boolean): number | null {
    // Many requests of one client may stand here: it is asked of once.
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
