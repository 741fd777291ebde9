/** Who waits for a connection of one key: first come, first served, and who has left is not called. */

import type { RequestClient } from "./shares.ts";

/** A request's place among those that wait, which it keeps when it was called in vain. */
export interface Turn {
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

/** Whom it is not yet the turn of, as others have less; asked of a few at a time. */
export type Passes = (client: RequestClient) => boolean;

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

  async wait(turn: Turn, signal: AbortSignal): Promise<Call> {
    turn.isWaiting = true;
    const call = await new Promise<Call>((resolve) => {
      const gone = (): void => {
        const at = this.#waiting.indexOf(waiter);
        if (at >= 0) this.#waiting.splice(at, 1);
        resolve("gone");
      };
      const waiter: Waiter = {
        sinceMs: turn.sinceMs,
        client: turn.client,
        answer: (called) => {
          signal.removeEventListener("abort", gone);
          resolve(called);
        },
      };
      const behind = this.#waiting.findLastIndex(({ sinceMs }) => sinceMs <= turn.sinceMs);
      this.#waiting.splice(behind + 1, 0, waiter);
      signal.addEventListener("abort", gone, { once: true });
    });
    turn.isWaiting = false;
    return call;
  }

  /** Calls the first that `passes` does not leave behind; where it leaves all behind, the first, or with `only` nobody. */
  call(why: Call, passes: Passes | null = null, only = false): void {
    const at = passes === null ? 0 : this.#next(passes, only);
    if (at !== null) this.#waiting.splice(at, 1)[0]?.answer(why);
  }

  /** Whether `call` with the same arguments would find a waiting request. */
  has(passes: Passes | null, only: boolean): boolean {
    return this.#waiting.length > 0 && (passes === null || this.#next(passes, only) !== null);
  }

  #next(passes: Passes, only: boolean): number | null {
    // Many requests of one client may stand here: it is asked of once.
    const left = new Set<object>();
    for (const [at, { client }] of this.#waiting.entries()) {
      if (at >= MAX_LOOKED_AT || left.size >= MAX_ASKED) break;
      if (client === undefined) return at;
      if (left.has(client.connection)) continue;
      if (!passes(client)) return at;
      left.add(client.connection);
    }
    return only ? null : 0;
  }

  callAll(why: Call): void {
    for (const { answer } of this.#waiting.splice(0)) answer(why);
  }
}
