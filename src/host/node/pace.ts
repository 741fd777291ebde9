/**
 * The minimum rate of bodies. A client that sent or took a byte now and then could otherwise keep a backend's connection
 * as long as it likes. Each direction is judged by itself, and only by the time in which the client was waited for.
 */
import type { FrontLimits } from "./limits.ts";

type PaceLimits = Pick<FrontLimits, "paceMs" | "paceBytesPerMs">;

/** A shorter wait for a client to take bytes of a response does not count: the backend is slow then, not the client. */
const SOON_MS = 1_000;

/** The paces of all requests on one port. */
export class Paces {
  readonly #slow = new Set<Direction>();
  readonly #limits: PaceLimits;
  readonly #nowMs: () => number;
  #sweeping: ReturnType<typeof setInterval> | null = null;

  /** `nowMs` is a monotonic clock. */
  constructor(limits: PaceLimits, nowMs: () => number = () => performance.now()) {
    this.#limits = limits;
    this.#nowMs = nowMs;
  }

  /** The pace of a request that begins; `cut` ends the request. */
  begin(cut: () => void): Pace {
    return new Pace((soonMs) => new Direction(this.#slow, cut, { ...this.#limits, soonMs, nowMs: this.#nowMs }), cut);
  }

  /** Calls `sweep` again and again, until `close`. */
  startSweeping(): void {
    this.#sweeping = setInterval(() => this.sweep(), Math.min(this.#limits.paceMs / 4, 1_000)).unref();
  }

  /** Cuts the requests whose clients have been waited for too long. */
  sweep(): void {
    for (const direction of this.#slow) direction.cutIfOver();
  }

  close(): void {
    if (this.#sweeping !== null) clearInterval(this.#sweeping);
  }
}

/** The pace of one request: of its body, and of its response's. */
export class Pace {
  readonly upload: Direction;
  readonly download: Direction;
  /** Ends the request. */
  readonly cut: () => void;

  constructor(direction: (soonMs: number) => Direction, cut: () => void) {
    this.upload = direction(0);
    this.download = direction(SOON_MS);
    this.cut = cut;
  }

  /** The time since which the client has kept a direction waiting, the earlier of both; null when neither waits for it. */
  get stalledSinceMs(): number | null {
    const since = [this.upload, this.download].map(({ stalledSinceMs }) => stalledSinceMs ?? Number.POSITIVE_INFINITY);
    const firstMs = Math.min(...since);
    return Number.isFinite(firstMs) ? firstMs : null;
  }
}

interface DirectionOptions extends PaceLimits {
  /** A wait that is shorter does not count. */
  readonly soonMs: number;
  readonly nowMs: () => number;
}

/** The pace of one body, on its way from the client or to the client. */
class Direction {
  readonly #slow: Set<Direction>;
  readonly #cut: () => void;
  readonly #options: DirectionOptions;
  /** The time waited since the body last kept the rate, and the bytes that have moved since then or wait to be taken. */
  #waitedMs = 0;
  #bytes = 0;
  /** The time since which the client is waited for; null when it is not. */
  #sinceMs: number | null = null;
  /** The number of pieces that the connection has not taken yet. */
  #unsent = 0;
  /** The time since which no piece was taken; null when all were. */
  #unsentSinceMs: number | null = null;

  constructor(slow: Set<Direction>, cut: () => void, options: DirectionOptions) {
    this.#slow = slow;
    this.#cut = cut;
    this.#options = options;
  }

  /** The time since which the client has kept the body waiting, as if all waits were one; null when it does not wait. */
  get stalledSinceMs(): number | null {
    return this.#sinceMs === null ? this.#unsentSinceMs : this.#sinceMs - this.#waitedMs;
  }

  /**
   * Notes that a piece was written; the callback says that the connection has taken it. A piece that fits into the
   * stream's buffer is not waited for, but a client that takes none of it keeps its request waiting all the same.
   */
  pieceWritten(): () => void {
    const { nowMs } = this.#options;
    if (this.#unsent++ === 0) this.#unsentSinceMs = nowMs();
    return () => {
      this.#unsentSinceMs = --this.#unsent === 0 ? null : nowMs();
    };
  }

  /** Begins to wait for the client: to send, or to take `bytes`. */
  waitBegan(bytes: number): void {
    this.#sinceMs = this.#options.nowMs();
    this.#bytes += bytes;
    this.#slow.add(this);
  }

  /** Ends the wait; `bytes` is what the client has sent. */
  waitEnded(bytes: number): void {
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

  /** Cuts the request when its client has been waited for too long. */
  cutIfOver(): void {
    const { nowMs, paceMs, paceBytesPerMs } = this.#options;
    if (this.#sinceMs === null) return;
    if (this.#waitedMs + nowMs() - this.#sinceMs <= paceMs + this.#bytes / paceBytesPerMs) return;
    this.#slow.delete(this);
    this.#cut();
  }
}
