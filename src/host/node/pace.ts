/**
 * How a client gets on with the bodies of its request: a byte now and then would keep a backend's connection for as long
 * as a client likes. Only the time that the client is waited for counts.
 */

/** As Apache's mod_reqtimeout has it: so much time, and more by what has moved. */
const GRACE_MS = 20_000;
const BYTES_PER_MS = 0.5;

/** All of a port's that wait for their client. */
export class Paces {
  readonly #slow = new Set<Pace>();
  #sweeping: ReturnType<typeof setInterval> | null = null;

  begin(cut: () => void): Pace {
    return new Pace(this.#slow, cut);
  }

  /** Until `close`. */
  watch(): void {
    this.#sweeping = setInterval(() => {
      const nowMs = performance.now();
      for (const pace of this.#slow) if (pace.isOver(nowMs)) pace.cut();
    }, 1_000).unref();
  }

  close(): void {
    if (this.#sweeping !== null) clearInterval(this.#sweeping);
  }
}

/** Of one request. */
export class Pace {
  readonly #slow: Set<Pace>;
  readonly #cut: () => void;
  /** Since when it has not kept the rate; null: it has. */
  #sinceMs: number | null = null;
  /** That have moved since, or are about to. */
  #bytes = 0;
  #isWaiting = false;
  /** Pieces of the answer that its connection has not taken yet. */
  #unsent = 0;
  /** Since when none of them has left; null: all have. */
  #unsentSinceMs: number | null = null;

  constructor(slow: Set<Pace>, cut: () => void) {
    this.#slow = slow;
    this.#cut = cut;
  }

  /** Null while something else is waited for. */
  get stalledSinceMs(): number | null {
    return this.#isWaiting ? this.#sinceMs : this.#unsentSinceMs;
  }

  /**
   * A piece of the answer is on its way; the callback says that it has left. What fits into the stream's buffer is not
   * waited for, but a client that takes none of it keeps its request from going on all the same.
   */
  handed(): () => void {
    if (this.#unsent++ === 0) this.#unsentSinceMs = performance.now();
    return () => {
      this.#unsentSinceMs = --this.#unsent === 0 ? null : performance.now();
    };
  }

  /** From now on for the client: to send, or to take `bytes`. */
  wait(bytes: number): void {
    this.#isWaiting = true;
    if (this.#sinceMs === null) {
      this.#sinceMs = performance.now();
      this.#bytes = 0;
    }
    this.#bytes += bytes;
    this.#slow.add(this);
  }

  /** It has; `bytes` that it sent. */
  moved(bytes: number): void {
    this.#isWaiting = false;
    this.#slow.delete(this);
    this.#bytes += bytes;
    if (this.#sinceMs !== null && this.#bytes >= (performance.now() - this.#sinceMs) * BYTES_PER_MS)
      this.#sinceMs = null;
  }

  isOver(nowMs: number): boolean {
    return this.#sinceMs !== null && nowMs - this.#sinceMs > GRACE_MS + this.#bytes / BYTES_PER_MS;
  }

  /** Once: its request ends. */
  cut(): void {
    this.#slow.delete(this);
    this.#cut();
  }
}
