/** One dial for which several requests wait, so that N requests at once do not open N connections to an HTTP/2 peer. */
import type { AbandonReason } from "../connect/connect.ts";
import type { DialResult, PooledConnection } from "./pooled-connection.ts";

/** What a shared dial is made of. */
export interface SharedDialOptions {
  /** Opens the connection. `onAccepted` is called when the peer has accepted, before any handshake. */
  readonly open: (signal: AbortSignal, onAccepted: () => void) => Promise<DialResult>;
  /** The dial's own time limit. Requests come and go while it lasts, so the limits of the requests would never end it. */
  readonly connectMs: number;
  /** A callback that gets the connection when no request waits for it any more. */
  readonly onAbandoned: (pooled: PooledConnection) => void;
  /** A callback for the end of the dial, or of the last request that waited for it. */
  readonly onEnd: () => void;
}

/** A dial under way. */
export class SharedDial {
  readonly #abort = new AbortController();
  readonly #options: SharedDialOptions;
  readonly #result: Promise<DialResult>;
  readonly #listeners: (() => void)[] = [];
  #accepted = false;
  #waiting = 0;
  /** The connection, until a request gets it. */
  #unclaimed: PooledConnection | null = null;

  constructor(options: SharedDialOptions) {
    this.#options = options;
    const { open, connectMs, onEnd } = options;
    const timer = setTimeout(() => this.#abort.abort("timeout" satisfies AbandonReason), connectMs);
    this.#result = open(this.#abort.signal, () => this.#accept())
      .then((result) => {
        if (result.kind === "open") this.#unclaimed = result.pooled;
        this.#abandonIfUnwanted();
        return result;
      })
      .finally(() => {
        clearTimeout(timer);
        onEnd();
      });
  }

  /**
   * Waits for the dial. The first request to join gets the connection, the others get null, as after an abort; a failure
   * goes to all of them.
   */
  join(signal: AbortSignal, onAccepted: () => void): Promise<DialResult | null> {
    this.#waiting++;
    if (this.#accepted) onAccepted();
    else this.#listeners.push(onAccepted);
    return new Promise((resolve, reject) => {
      const leave = (): void => {
        resolve(null);
        if (--this.#waiting > 0) return;
        this.#options.onEnd();
        this.#abort.abort("lost" satisfies AbandonReason);
        this.#abandonIfUnwanted();
      };
      signal.addEventListener("abort", leave, { once: true });
      this.#result.then((result) => {
        if (signal.aborted) return;
        signal.removeEventListener("abort", leave);
        resolve(result.kind === "open" && this.#unclaimed === null ? null : result);
        this.#unclaimed = null;
      }, reject);
    });
  }

  #abandonIfUnwanted(): void {
    if (this.#waiting > 0 || this.#unclaimed === null) return;
    this.#options.onAbandoned(this.#unclaimed);
    this.#unclaimed = null;
  }

  #accept(): void {
    this.#accepted = true;
    for (const listener of this.#listeners) listener();
  }
}
