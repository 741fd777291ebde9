/** Who waits for a connection of one key: first come, first served, and who has left is not called. */

/** A request's place among those that wait, which it keeps when it was called in vain. */
export interface Turn {
  /** Monotonic. */
  readonly sinceMs: number;
  /** For others to be done; false while it takes or dials. */
  isWaiting: boolean;
}

/**
 * Why somebody who waited is called. `room`: a connection may be opened, and counts as open already; `look`: there may
 * be one to take; `gone`: the signal has aborted.
 */
export type Call = "room" | "look" | "gone";

interface Waiter {
  readonly sinceMs: number;
  readonly answer: (call: Call) => void;
}

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

  /** Calls the first. */
  call(why: Call): void {
    this.#waiting.shift()?.answer(why);
  }

  callAll(why: Call): void {
    for (const { answer } of this.#waiting.splice(0)) answer(why);
  }
}
