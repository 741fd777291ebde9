/** An open connection, as the pool knows it, and how one comes about. */
import type { Connected } from "../connect/connect.ts";
import type { Connection } from "../engine/connection.ts";
import type { RequestClient } from "../exchange.ts";

/** An open connection, as the pool knows it. */
export interface PooledConnection {
  readonly connection: Connection;
  readonly keyedPool: ConnectionOwner;
  /** No exchange begins later; monotonic. */
  readonly untilMs: number;
  /** When its last exchange ended; monotonic. */
  idleSinceMs: number;
  /** Exchanges on it, those about to begin too. */
  users: number;
}

/** The pool of the key that a connection belongs to, as its user knows it. */
export interface ConnectionOwner {
  /** An exchange on this connection has ended. */
  release(connection: PooledConnection): void;
  /** No further exchange begins on this connection. What is in flight finishes first. */
  discard(connection: PooledConnection): void;
  /** An exchange of this client's holds a connection; answers how that ends. */
  hold(client: RequestClient): () => void;
}

/** How a connection of one key is made. */
export interface Dialer {
  /** `accepted` is called when the peer has accepted, before any handshake. */
  open(signal: AbortSignal, accepted: () => void): Promise<Connected>;
  readonly connectMs: number;
}

export type DialResult =
  | { readonly kind: "open"; readonly pooled: PooledConnection }
  | Exclude<Connected, { kind: "open" }>;
