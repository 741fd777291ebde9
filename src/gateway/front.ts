/** What the host knows about the client's side of a request, and the gateway cannot see. */

/** The client's side of one request: its connection, and the listener that accepted it. */
export interface Front {
  /** The client's IP address, or null where the runtime does not say. */
  readonly clientAddress: string | null;
  readonly scheme: "http" | "https";
  /** The listener's port (`Listener.port`), also when the process binds another one for it. */
  readonly port: number;
  /** The server name of the client's TLS handshake, lower case; null without SNI, or where the host terminates no TLS. */
  readonly sni: string | null;
  /**
   * Whether the host can forward a request without the pool (workerd, from outside the Durable Object). When the pool has
   * no room, the gateway then returns `HANDED_OVER` (gateway.ts) and writes no access record.
   */
  readonly handsOver?: true;
}

/** A function that keeps the runtime awake for work that outlives the response: mirrored copies of the request. */
export type Background = (work: Promise<void>) => void;
