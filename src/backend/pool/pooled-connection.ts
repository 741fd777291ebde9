/** The pool's view of an open connection, of its use by one exchange, and of its dial. */
import type { Connected } from "../connect/connect.ts";
import type { Connection } from "../engine/connection.ts";

/** An open connection in the pool. */
export interface PooledConnection {
  readonly connection: Connection;
  readonly keyedPool: ConnectionOwner;
  /** The time after which no exchange begins on the connection; monotonic. */
  readonly untilMs: number;
  /** The time at which the last exchange ended; monotonic. */
  idleSinceMs: number;
  /** The number of exchanges on the connection, with exchanges that are about to begin. */
  users: number;
}

/** The keyed pool that a connection belongs to: what the user of a connection calls. */
export interface ConnectionOwner {
  /** Gives the connection back when an exchange on it has ended. */
  release(connection: PooledConnection): void;
  /** Takes the connection out of the pool: no further exchange begins on it, and exchanges in flight finish. */
  discard(connection: PooledConnection): void;
}

/** The use of a connection by one exchange, which ends with {@link Lease.release}. */
export class Lease {
  readonly pooled: PooledConnection;
  /** Whether an exchange was on the connection before. */
  readonly isReused: boolean;
  readonly #endShare: (() => void) | null;

  /** `endShare` ends the count of the connection towards its client's share; null: it counts towards none. */
  constructor(pooled: PooledConnection, isReused: boolean, endShare: (() => void) | null) {
    this.pooled = pooled;
    this.isReused = isReused;
    this.#endShare = endShare;
  }

  /** Gives the connection back. Called once. */
  release(): void {
    this.#endShare?.();
    this.pooled.keyedPool.release(this.pooled);
  }
}

/** The dial of one endpoint. */
export interface Dialer {
  /** Opens a connection. `onAccepted` is called when the peer has accepted, before any handshake. */
  open(signal: AbortSignal, onAccepted: () => void): Promise<Connected>;
  readonly connectMs: number;
}

/** The answer to a request that waits: a connection to use, or the failure of its dial. */
export type Obtained = { readonly kind: "open"; readonly lease: Lease } | Exclude<Connected, { kind: "open" }>;
