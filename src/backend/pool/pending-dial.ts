/** One dial under way. The requests that wait for it come and go, so it has a time limit of its own. */
import type { AbandonReason, Connected } from "../connect/connect.ts";
import type { DialWindow } from "./dial-window.ts";
import type { Dialer } from "./pooled-connection.ts";

/** How a dial ends: as {@link Connected} says, or with an error, which is a bug of ours. */
export type DialEnd = Connected | { readonly kind: "error"; readonly error: unknown };

/** What a dial is made of. */
export interface PendingDialOptions {
  readonly dialer: Dialer;
  readonly window: DialWindow;
  /** Whether all requests of the key wait for this dial, and not only the request for which it is begun. */
  readonly isShared: boolean;
  /** Called when the peer has accepted, before any handshake. */
  readonly onAccepted: (dial: PendingDial) => void;
  readonly onEnd: (dial: PendingDial, end: DialEnd) => void;
}

/** A dial under way. */
export class PendingDial {
  readonly isShared: boolean;
  /** Whether the peer has accepted. */
  isAccepted = false;
  readonly #abort = new AbortController();
  readonly #ended: Promise<void>;

  /** Begins the dial. */
  constructor(options: PendingDialOptions) {
    this.isShared = options.isShared;
    this.#ended = this.#run(options);
  }

  /** Gives the dial up, because no request waits for it any more; resolves when it has ended. */
  abandon(): Promise<void> {
    this.#abort.abort("lost" satisfies AbandonReason);
    return this.#ended;
  }

  async #run({ dialer, window, onAccepted, onEnd }: PendingDialOptions): Promise<void> {
    const timer = setTimeout(() => this.#abort.abort("timeout" satisfies AbandonReason), dialer.connectMs);
    const accept = (): void => {
      this.isAccepted = true;
      onAccepted(this);
    };
    const opening = window.open(dialer, this.#abort.signal, accept);
    const end = await opening.catch((error: unknown): DialEnd => ({ kind: "error", error }));
    clearTimeout(timer);
    onEnd(this, end);
  }
}
