/**
 * How a client gets on with the bodies of its request: a byte now and then would keep a backend's connection for as long
 * as a client likes. Each direction is judged by itself, and only by the time that the client is waited for.
 */
import type { FrontLimits } from "./limits.ts";

export type PaceLimits = Pick<FrontLimits, "paceMs" | "paceBytesPerMs">;

/** An answer's bytes that are taken so soon were not waited for: what is slow then is the backend that sends so few. */
const SOON_MS = 1_000;

/** All of a port's that wait for their client. */
export class Paces {
  readonly #slow = new Set<Direction>();
  readonly #limits: PaceLimits;
  readonly #nowMs: () => number;
  #sweeping: ReturnType<typeof setInterval> | null = null;

  /** `nowMs`: monotonic. */
  constructor(limits: PaceLimits, nowMs: () => number = () => performance.now()) {
    this.#limits = limits;
    this.#nowMs = nowMs;
  }

  /** Of one request; `cut` ends it. */
  begin(cut: () => void): Pace {
    return new Pace((soonMs) => new Direction(this.#slow, cut, { ...this.#limits, soonMs, nowMs: this.#nowMs }), cut);
  }

  /** Until `close`. */
  watch(): void {
    this.#sweeping = setInterval(() => this.sweep(), Math.min(this.#limits.paceMs / 4, 1_000)).unref();
  }

  /** Cuts whoever has been waited for too long. */
  sweep(): void {
    for (const direction of this.#slow) direction.cutIfOver();
  }

  close(): void {
    if (this.#sweeping !== null) clearInterval(this.#sweeping);
  }
}

/** Of one request. */
export class Pace {
  readonly upload: Direction;
  readonly answer: Direction;
  /** Ends the request. */
  readonly cut: () => void;

  constructor(direction: (soonMs: number) => Direction, cut: () => void) {
    this.upload = direction(0);
    this.answer = direction(SOON_MS);
    this.cut = cut;
  }

  /** Since when the client keeps either direction from going on, the longer one; null: something else is waited for. */
  get stalledSinceMs(): number | null {
    const since = [this.upload, this.answer].map(({ stalledSinceMs }) => stalledSinceMs ?? Number.POSITIVE_INFINITY);
    const firstMs = Math.min(...since);
    return Number.isFinite(firstMs) ? firstMs : null;
  }
}

interface DirectionOptions extends PaceLimits {
  /** A wait that is shorter counts for nothing. */
  readonly soonMs: number;
  readonly nowMs: () => number;
}

/** One body on its way from the client, or to it. */
export class Direction {
  readonly #slow: Set<Direction>;
  readonly #cut: () => void;
  readonly #options: DirectionOptions;
  /** How long it was waited for since it last kept the rate, and the bytes that have moved since or are about to. */
  #waitedMs = 0;
  #bytes = 0;
  /** Since when it is waited for now; null: it is not. */
  #sinceMs: number | null = null;
  /** Pieces that the connection has not taken yet. */
  #unsent = 0;
  /** Since when none of them has left; null: all have. */
  #unsentSinceMs: number | null = null;

  constructor(slow: Set<Direction>, cut: () => void, options: DirectionOptions) {
    this.#slow = slow;
    this.#cut = cut;
    this.#options = options;
  }

  /** Since when the client keeps it from going on, as if it had been waited for without a pause; null: it does not. */
  get stalledSinceMs(): number | null {
    return this.#sinceMs === null ? this.#unsentSinceMs : this.#sinceMs - this.#waitedMs;
  }

  /**
   * A piece is on its way; the callback says that it has left. What fits into the stream's buffer is not waited for, but
   * a client that takes none of it keeps its request from going on all the same.
   */
  handed(): () => void {
    const { nowMs } = this.#options;
    if (this.#unsent++ === 0) this.#unsentSinceMs = nowMs();
    return () => {
      this.#unsentSinceMs = --this.#unsent === 0 ? null : nowMs();
    };
  }

  /** From now on the client is waited for: to send, or to take `bytes`. */
  wait(bytes: number): void {
    this.#sinceMs = this.#options.nowMs();
    this.#bytes += bytes;
    this.#slow.add(this);
  }

  /** It has; `bytes` that it sent. */
  moved(bytes: number): void {
    const { nowMs, soonMs, paceBytesPerMs } = this.#options;
    this.#slow.delete(this);
    const waitedMs = this.#sinceMs === null ? 0 : nowMs() - this.#sinceMs;
    this.#sinceMs = null;
    if (waitedMs >= soonMs) this.#waitedMs += waitedMs;
    this.#bytes += bytes;
    if (this.#bytes < this.#waitedMs * paceBytesPerMs) return;
    this.#waitedMs = 0;
    this.#bytes = 0;
  }

  /** Once: its request ends. */
  cutIfOver(): void {
    const { nowMs, paceMs, paceBytesPerMs } = this.#options;
    if (this.#sinceMs === null) return;
    if (this.#waitedMs + nowMs() - this.#sinceMs <= paceMs + this.#bytes / paceBytesPerMs) return;
    this.#slow.delete(this);
    this.#cut();
  }
}
