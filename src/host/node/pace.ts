/**
 * The minimum rate of bodies. A client that sent or took a byte now and then could otherwise keep a backend's connection
 * as long as it likes. Each direction is judged by itself, and only by the time in which the client was waited for.
 */
import type { RequestClient } from "../../backend/index.ts";
import type { Client } from "./clients.ts";
import type { FrontLimits } from "./limits.ts";

type PaceLimits = Pick<FrontLimits, "paceMs" | "paceBytesPerMs">;

/** A shorter wait for a client to take bytes of a response does not count: the backend is slow then, not the client. */
const UNCOUNTED_WAIT_MS = 1_000;

/** The paces of all requests on one port. */
export class Paces {
  /** Bodies that a client is waited for with. */
  readonly slow = new Set<Direction>();
  readonly limits: PaceLimits;
  readonly nowMs: () => number;
  #sweeping: ReturnType<typeof setInterval> | null = null;

  /** `nowMs` is a monotonic clock. */
  constructor(limits: PaceLimits, nowMs: () => number = () => performance.now()) {
    this.limits = limits;
    this.nowMs = nowMs;
  }

  /** The pace of a request of `client` that begins; `cut` ends the request. */
  begin(client: Pick<Client, "front">, cut: () => void): Pace {
    return new Pace(this, client, cut);
  }

  /** Calls `sweep` again and again, until `close`. */
  startSweeping(): void {
    this.#sweeping = setInterval(() => this.sweep(), Math.min(this.limits.paceMs / 4, 1_000)).unref();
  }

  /** Cuts the requests whose clients have been waited for too long. */
  sweep(): void {
    for (const direction of this.slow) direction.cutIfOver();
  }

  close(): void {
    if (this.#sweeping !== null) clearInterval(this.#sweeping);
  }
}

/**
 * The pace of one request, of its body and of its response's: for the pool, how the request's client gets on. Most
 * requests have no body and most responses fit into the socket, so each direction is made when it is asked for.
 */
export class Pace implements RequestClient {
  readonly connection: object;
  readonly address: string | null;
  /** Ends the request. */
  readonly cut: () => void;
  readonly #paces: Paces;
  #upload: Direction | null = null;
  #download: Direction | null = null;

  constructor(paces: Paces, client: Pick<Client, "front">, cut: () => void) {
    this.connection = client;
    this.address = client.front.clientAddress;
    this.cut = cut;
    this.#paces = paces;
  }

  /** Says that both bodies have ended. */
  end(): void {
    this.#upload?.waitEnded(0);
    this.#download?.waitEnded(0);
  }

  /** The time since which the client has taken nothing that waits for it; null when nothing does. */
  get untakenSinceMs(): number | null {
    return this.#download?.waitingSinceMs ?? null;
  }

  get upload(): Direction {
    return (this.#upload ??= new Direction(this.#paces, this.cut, 0));
  }

  get download(): Direction {
    return (this.#download ??= new Direction(this.#paces, this.cut, UNCOUNTED_WAIT_MS));
  }

  /** The time since which the client has kept a direction waiting, the earlier of both; null when neither waits for it. */
  get stalledSinceMs(): number | null {
    const since = [this.#upload, this.#download].map((each) => each?.stalledSinceMs ?? Number.POSITIVE_INFINITY);
    const firstMs = Math.min(...since);
    return Number.isFinite(firstMs) ? firstMs : null;
  }
}

/** The pace of one body, on its way from the client or to the client. */
class Direction {
  readonly #paces: Paces;
  readonly #cut: () => void;
  /** A wait that is shorter does not count. */
  readonly #uncountedMs: number;
  /** The time waited since the body last kept the rate, and the bytes that have moved since then or wait to be taken. */
  #waitedMs = 0;
  #bytes = 0;
  /** The time since which the client is waited for; null when it is not. */
  #sinceMs: number | null = null;
  /** The number of pieces that the connection has not taken yet. */
  #unsent = 0;
  /** The time since which no piece was taken; null when all were. */
  #unsentSinceMs: number | null = null;

  constructor(paces: Paces, cut: () => void, uncountedMs: number) {
    this.#paces = paces;
    this.#cut = cut;
    this.#uncountedMs = uncountedMs;
  }

  /** The time since which the client is waited for; null when it is not. */
  get waitingSinceMs(): number | null {
    return this.#sinceMs;
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
    if (this.#unsent++ === 0) this.#unsentSinceMs = this.#paces.nowMs();
    return this.#pieceTaken;
  }

  readonly #pieceTaken = (): void => {
    this.#unsentSinceMs = --this.#unsent === 0 ? null : this.#paces.nowMs();
  };

  /** Begins to wait for the client: to send, or to take `bytes`. */
  waitBegan(bytes: number): void {
    this.#sinceMs = this.#paces.nowMs();
    this.#bytes += bytes;
    this.#paces.slow.add(this);
  }

  /** Ends the wait; `bytes` is what the client has sent. */
  waitEnded(bytes: number): void {
    this.#paces.slow.delete(this);
    const waitedMs = this.#sinceMs === null ? 0 : this.#paces.nowMs() - this.#sinceMs;
    this.#sinceMs = null;
    if (waitedMs >= this.#uncountedMs) this.#waitedMs += waitedMs;
    this.#bytes += bytes;
    if (this.#bytes < this.#waitedMs * this.#paces.limits.paceBytesPerMs) return;
    this.#waitedMs = 0;
    this.#bytes = 0;
  }

  /** Cuts the request when its client has been waited for too long. */
  cutIfOver(): void {
    const { paceMs, paceBytesPerMs } = this.#paces.limits;
    if (this.#sinceMs === null) return;
    if (this.#waitedMs + this.#paces.nowMs() - this.#sinceMs <= paceMs + this.#bytes / paceBytesPerMs) return;
    this.#paces.slow.delete(this);
    this.#cut();
  }
}
