/** The pool's view of an open connection and of its dial. */
import type { Connected } from "../connect/connect.ts";
import type { Connection } from "../engine/connection.ts";
import type { RequestClient } from "../exchange.ts";

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
  /** Counts a connection towards the client's share; answers the function that ends that. */
  claimShare(client: RequestClient): () => void;
}

/** The dial of one endpoint. */
export interface Dialer {
  /** Opens a connection. `onAccepted` is called when the peer has accepted, before any handshake. */
  open(signal: AbortSignal, onAccepted: () => void): Promise<Connected>;
  readonly connectMs: number;
}

/** The outcome of a dial: a connection in the pool, or a failure. */
export type DialResult =
  | { readonly kind: "open"; readonly pooled: PooledConnection }
  | Exclude<Connected, { kind: "open" }>;
