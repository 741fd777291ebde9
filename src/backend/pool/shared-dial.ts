/** One dial for which several requests wait, so that N requests at once do not open N connections to a peer of HTTP/2. */
import type { AbandonReason } from "../connect/connect.ts";
import type { DialResult, PooledConnection } from "./pooled-connection.ts";

export interface SharedDialOptions {
  /** Dials. `accepted` is called when the peer has accepted, before any handshake. */
  readonly open: (signal: AbortSignal, accepted: () => void) => Promise<DialResult>;
  /** The dial's own time limit. Requests come and go while it lasts, so that their limits would never end it. */
  readonly connectMs: number;
  /** Takes back a connection for which no request waits any more. */
  readonly abandoned: (pooled: PooledConnection) => void;
  /** The dial has ended, or no request waits for it. */
  readonly over: () => void;
}

export class SharedDial {
  readonly #abort = new AbortController();
  readonly #options: SharedDialOptions;
  readonly #result: Promise<DialResult>;
  readonly #listeners: (() => void)[] = [];
  #accepted = false;
  #waiting = 0;
  /** The connection, while no request has it yet. */
  #held: PooledConnection | null = null;

  constructor(options: SharedDialOptions) {
    this.#options = options;
    const { open, connectMs, over } = options;
    const timer = setTimeout(() => this.#abort.abort("timeout" satisfies AbandonReason), connectMs);
    this.#result = open(this.#abort.signal, () => this.#accept())
      .then((obtained) => {
        if (obtained.kind === "open") this.#held = obtained.pooled;
        this.#abandonIfUnwanted();
        return obtained;
      })
      .finally(() => {
        clearTimeout(timer);
        over();
      });
  }

  /** The first to join gets the connection, the others null, as after an abort. Every request gets a failure. */
  join(signal: AbortSignal, accepted: () => void): Promise<DialResult | null> {
    this.#waiting++;
    if (this.#accepted) accepted();
    else this.#listeners.push(accepted);
    return new Promise((resolve, reject) => {
      const leave = (): void => {
        resolve(null);
        if (--this.#waiting > 0) return;
        this.#options.over();
        this.#abort.abort("lost" satisfies AbandonReason);
        this.#abandonIfUnwanted();
      };
      signal.addEventListener("abort", leave, { once: true });
      this.#result.then((obtained) => {
        if (signal.aborted) return;
        signal.removeEventListener("abort", leave);
        resolve(obtained.kind === "open" && this.#held === null ? null : obtained);
        this.#held = null;
      }, reject);
    });
  }

  #abandonIfUnwanted(): void {
    if (this.#waiting > 0 || this.#held === null) return;
    this.#options.abandoned(this.#held);
    this.#held = null;
  }

  #accept(): void {
    this.#accepted = true;
    for (const listener of this.#listeners) listener();
  }
}
