/** How long the supervisor waits before it starts another worker in the place of one that has ended. */

/** The delay after the second failure in a row; the first one is mended at once. */
export const FIRST_DELAY_MS = 250;
/** The longest delay. */
export const MAX_DELAY_MS = 30_000;
/** The time that a worker must have served for its end not to count as a failure in a row. */
export const STEADY_MS = 30_000;

/** The delays of one worker's place. */
export class RestartDelay {
  #failures = 0;

  /** The delay after a worker has ended that had served for `servedMs`; 0 when it never did. */
  next(servedMs: number): number {
    if (servedMs >= STEADY_MS) this.#failures = 0;
    const failures = this.#failures++;
    return failures === 0 ? 0 : Math.min(FIRST_DELAY_MS * 2 ** (failures - 1), MAX_DELAY_MS);
  }
}
