/** The signal of a request's end from its client's side, without the cost of an AbortController for each request. */

/** Says that nobody waits for a response any more. An AbortSignal is one. */
export interface RequestSignal {
  readonly aborted: boolean;
  addEventListener(type: "abort", listener: () => void, options?: { readonly once?: boolean }): void;
  removeEventListener(type: "abort", listener: () => void): void;
}

/** A signal that its owner aborts. Each listener is called once at most. */
export class RequestAbort implements RequestSignal {
  #aborted = false;
  /** Most requests have one listener or none. */
  #listeners: (() => void)[] = NO_LISTENERS;

  get aborted(): boolean {
    return this.#aborted;
  }

  addEventListener(_type: "abort", listener: () => void): void {
    if (!this.#aborted) this.#listeners = [...this.#listeners, listener];
  }

  removeEventListener(_type: "abort", listener: () => void): void {
    const [first, ...others] = this.#listeners;
    if (first === listener && others.length === 0) this.#listeners = NO_LISTENERS;
    else this.#listeners = this.#listeners.filter((each) => each !== listener);
  }

  /** Calls the listeners. A second call does nothing. */
  abort(): void {
    if (this.#aborted) return;
    this.#aborted = true;
    const listeners = this.#listeners;
    this.#listeners = NO_LISTENERS;
    for (const listener of listeners) listener();
  }
}

const NO_LISTENERS: (() => void)[] = [];
