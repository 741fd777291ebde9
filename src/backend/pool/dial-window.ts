/**
 * The number of connections of one key that are dialled at a time. A handshake costs this process milliseconds, so of a
 * burst of requests only a few dial, and the others take connections that come free meanwhile. Where the network takes
 * the time and not the handshake, each connection that opens makes room for one more dial, as in TCP's slow start
 * (RFC 5681 §3.1): after a few round trips a distant peer has as many connections as are wanted.
 */
import type { Connected } from "../connect/connect.ts";
import { DIAL_LIMITS } from "../limits.ts";
import type { Dialer } from "./pooled-connection.ts";

/** The dials of one key. */
export class DialWindow {
  readonly #monotonicMs: () => number;
  #dialling = 0;
  #size: number = DIAL_LIMITS.atOnce;

  constructor(monotonicMs: () => number) {
    this.#monotonicMs = monotonicMs;
  }

  /** The number of dials that may begin now. */
  get room(): number {
    return this.#size - this.#dialling;
  }

  /** Dials. When the network took most of the time there is room for one more dial afterwards. */
  async open(dial: Dialer, signal: AbortSignal, onAccepted: () => void): Promise<Connected> {
    this.#dialling++;
    const startMs = this.#monotonicMs();
    let acceptedMs = startMs;
    try {
      const connected = await dial.open(signal, () => {
        acceptedMs = this.#monotonicMs();
        onAccepted();
      });
      const handshakeMs = this.#monotonicMs() - acceptedMs;
      if (connected.kind === "open" && handshakeMs <= DIAL_LIMITS.roundTrips * (acceptedMs - startMs)) this.#size++;
      return connected;
    } finally {
      this.#dialling--;
      // After the last dial the window has its first size again, for the next burst.
      if (this.#dialling === 0) this.#size = DIAL_LIMITS.atOnce;
    }
  }
}
