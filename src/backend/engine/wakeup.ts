/** A promise for one waiter at a time, which whoever changes something resolves. */

/**
 * Wakes one waiter. A waiter looks again at what it waits for after each wake-up, because one may come for another
 * reason:
 *
 *     while (!condition()) await wakeup.wait();
 *
 * A wake-up while nobody waits is not remembered.
 */
export class Wakeup {
  #resolve: (() => void) | null = null;

  /** Resolves at the next {@link wake}. A second waiter would replace the first. */
  wait(): Promise<void> {
    return new Promise((resolve) => (this.#resolve = resolve));
  }

  /** Wakes the waiter, if there is one. */
  wake(): void {
    const resolve = this.#resolve;
    this.#resolve = null;
    resolve?.();
  }
}
