/**
 * How many connections of one key are dialled at a time. Handshakes cost this process milliseconds each, so of a burst of
 * requests only a few dial, and the others take what comes free meanwhile. Where the network takes the time and not the
 * handshake, each connection that opens makes room for one more dial, as in TCP's slow start (RFC 5681 §3.1): after a few
 * round trips a peer that is far away has as many connections as are wanted.
 */
import type { Connected } from "../connect/connect.ts";
import { DIAL_LIMITS } from "../limits.ts";
import type { Dialer } from "./pooled-connection.ts";

export class DialWindow {
  readonly #monotonicMs: () => number;
  #dialling = 0;
  #size: number = DIAL_LIMITS.atOnce;

  constructor(monotonicMs: () => number) {
    this.#monotonicMs = monotonicMs;
  }

  /** Dials that may begin now. */
  get room(): number {
    return this.#size - this.#dialling;
  }

  /** A dial is let in: {@link open} or {@link giveUp} follows. */
  begin(): void {
    this.#dialling++;
  }

  async open(dial: Dialer, signal: AbortSignal, accepted: () => void): Promise<Connected> {
    const startMs = this.#monotonicMs();
    let acceptedMs = startMs;
    try {
      const connected = await dial.open(signal, () => {
        acceptedMs = this.#monotonicMs();
        accepted();
      });
      const handshakeMs = this.#monotonicMs() - acceptedMs;
      if (connected.kind === "open" && handshakeMs <= DIAL_LIMITS.roundTrips * (acceptedMs - startMs)) this.#size++;
      return connected;
    } finally {
      this.giveUp();
    }
  }

  /** What has grown for one burst is not kept for the next. */
  giveUp(): void {
    this.#dialling--;
    if (this.#dialling === 0) this.#size = DIAL_LIMITS.atOnce;
  }
}
