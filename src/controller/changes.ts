/** Changes of the cluster since the last pass, debounced: a rollout changes many objects at once, and needs one pass. */
import { pause } from "./watch.ts";

/** The time without a further change after which a pass begins. */
const QUIET_MS = 25;
/** The longest time that further changes can delay a pass. */
const MAX_DELAY_MS = 250;

/** A debouncer of changes. After `signal` has aborted, {@link Changes.settled} resolves at once. */
export class Changes {
  readonly #signal: AbortSignal;
  #pending = false;
  #wake: (() => void) | null = null;
  #lastMs = 0;

  constructor(signal: AbortSignal) {
    this.#signal = signal;
    signal.addEventListener("abort", () => this.#wake?.(), { once: true });
  }

  /** Notes that something changed, and that a pass is needed. */
  add(): void {
    this.#pending = true;
    this.#lastMs = performance.now();
    this.#wake?.();
  }

  /** Waits for a change, and then until no further one comes for a moment. */
  async settled(): Promise<void> {
    while (!this.#pending && !this.#signal.aborted) {
      await new Promise<void>((resolve) => (this.#wake = resolve));
      this.#wake = null;
    }
    const startMs = performance.now();
    for (;;) {
      const quietMs = performance.now() - this.#lastMs;
      if (quietMs >= QUIET_MS || performance.now() - startMs >= MAX_DELAY_MS || this.#signal.aborted) break;
      await pause(QUIET_MS - quietMs, this.#signal);
    }
    this.#pending = false;
  }
}
