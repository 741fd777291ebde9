/** The open connections of one key on which an exchange may begin, and how long each is kept. */
import type { Connection } from "../engine/connection.ts";
import type { PoolLimits } from "../limits.ts";
import type { ConnectionOwner, PooledConnection } from "./pooled-connection.ts";

/** What decides how long a connection is kept. */
export interface ConnectionLimits {
  readonly limits: PoolLimits;
  readonly clock: { monotonicMs(): number; now(): number };
  /** Answers a number in [0, 1), so that connections that were opened together do not all end together. */
  readonly random: () => number;
  /** Whether a connection serves more than one exchange. */
  readonly reuses: boolean;
}

/** The connections of one key. */
export class Connections {
  readonly #pool: ConnectionLimits;
  /** HTTP/1.1 connections without an exchange, the one used last at the end. Connections at the front are closed by age. */
  readonly #idle: PooledConnection[] = [];
  /** HTTP/2 connections, each of which carries several exchanges. The first with room is used. */
  readonly #shared = new Set<PooledConnection>();
  #isWithdrawn = false;

  constructor(pool: ConnectionLimits) {
    this.#pool = pool;
  }

  /** The number of connections without an exchange. */
  get idle(): number {
    return this.#idle.length + [...this.#shared].filter(({ connection }) => connection.inflight === 0).length;
  }

  /** The connections without exchanges, none of which is about to begin. */
  get unused(): readonly PooledConnection[] {
    return this.#all.filter(({ users }) => users === 0);
  }

  /** A live connection whose verdict still holds, with one more user; null when there is none. */
  take(mayShare: () => boolean): PooledConnection | null {
    for (const pooled of this.#shared) {
      if (!this.isUsable(pooled)) this.discard(pooled);
      else if (this.#hasRoom(pooled) && mayShare()) return use(pooled);
    }
    for (let pooled = this.#idle.pop(); pooled !== undefined; pooled = this.#idle.pop()) {
      if (this.isUsable(pooled) && pooled.connection.ready) return use(pooled);
      pooled.connection.close();
    }
    return null;
  }

  /** Adds a new connection, which the caller uses. On one of HTTP/2 others may begin exchanges beside that. */
  add(connection: Connection, keyedPool: ConnectionOwner): PooledConnection {
    const { limits, clock, random, reuses } = this.#pool;
    const nowMs = clock.monotonicMs();
    const untilMs = nowMs + limits.lifetimeMs * (0.8 + 0.4 * random());
    const pooled: PooledConnection = { connection, keyedPool, untilMs, idleSinceMs: nowMs, users: 1 };
    if (multiplexes(connection) && reuses && !this.#isWithdrawn) this.#shared.add(pooled);
    return pooled;
  }

  /** Keeps a connection on which an exchange has ended; answers whether there is room on it for another exchange. */
  putBack(pooled: PooledConnection): boolean {
    if (!this.isUsable(pooled)) return false;
    if (multiplexes(pooled.connection)) return this.#shared.has(pooled);
    if (this.#idle.length >= this.#pool.limits.idlePerKey) this.#idle.shift()?.connection.close();
    this.#idle.push(pooled);
    return true;
  }

  /** Takes the connection off the lists. */
  remove(pooled: PooledConnection): void {
    this.#shared.delete(pooled);
    const at = this.#idle.indexOf(pooled);
    if (at >= 0) this.#idle.splice(at, 1);
  }

  /**
   * Takes the connection off the lists: no further exchange begins on it, and exchanges in flight finish, after a GOAWAY
   * too (RFC 9113 §6.8).
   */
  discard(pooled: PooledConnection): void {
    this.remove(pooled);
    if (pooled.users === 0) pooled.connection.close();
  }

  /** Discards all connections, and keeps none from now on. */
  withdraw(): void {
    this.#isWithdrawn = true;
    for (const pooled of this.#all) this.discard(pooled);
  }

  /** Discards connections on which no exchange may begin any more; answers how many were closed at once. */
  sweep(): number {
    const unusable = this.#all.filter((pooled) => !this.isUsable(pooled));
    for (const pooled of unusable) this.discard(pooled);
    return unusable.filter(({ users }) => users === 0).length;
  }

  get #all(): readonly PooledConnection[] {
    return [...this.#idle, ...this.#shared];
  }

  /** Whether another exchange fits on an HTTP/2 connection, beside those that are about to begin. */
  #hasRoom({ connection, users }: PooledConnection): boolean {
    return connection.ready && users < connection.maxConcurrent;
  }

  /** Whether another exchange may begin on the connection. */
  isUsable({ connection, untilMs, idleSinceMs }: PooledConnection): boolean {
    const { limits, clock, reuses } = this.#pool;
    if (!reuses || this.#isWithdrawn || !connection.alive) return false;
    const nowMs = clock.monotonicMs();
    if (nowMs >= untilMs || (connection.inflight === 0 && nowMs - idleSinceMs >= limits.idleMs)) return false;
    // A verdict is never used past the earliest notAfter of its path.
    const { security } = connection;
    return security.kind === "plaintext" || security.peer.path.notAfterMs > clock.now();
  }
}

/** Whether a connection carries several exchanges at a time. */
export const multiplexes = ({ protocol }: Connection): boolean => protocol !== "http/1.1";

/** The connection, which has one more exchange now. */
function use(pooled: PooledConnection): PooledConnection {
  pooled.users++;
  return pooled;
}
