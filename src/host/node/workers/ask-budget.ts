/**
 * The number of connections for which a worker asks the supervisor who is to serve them. The kernel spreads connections by
 * a hash of their addresses: even for thousands, uneven for a few. So the first of a burst are spread by count, which costs
 * some 0.1 ms each, and where connections come so fast that this would matter the hash alone is even enough.
 */

/** The number of connections of a burst that are spread by count. */
export const BURST = 64;
/** The number a second after that. */
export const PER_SECOND = 10;

/** The budget of one worker. */
export class AskBudget {
  readonly #nowMs: () => number;
  #left = BURST;
  #sinceMs: number;

  constructor(nowMs: () => number = () => performance.now()) {
    this.#nowMs = nowMs;
    this.#sinceMs = nowMs();
  }

  /** Whether the supervisor is asked for this connection. */
  take(): boolean {
    const now = this.#nowMs();
    this.#left = Math.min(BURST, this.#left + ((now - this.#sinceMs) * PER_SECOND) / 1_000);
    this.#sinceMs = now;
    if (this.#left < 1) return false;
    this.#left--;
    return true;
  }
}
