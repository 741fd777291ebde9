/** The limits of what a client may take of a port. docs/operations.md explains each to operators. */
export interface FrontLimits {
  /**
   * The number of connections on one port. For one more, the longest idle connection is closed; when none is idle, the new
   * one is closed without a response.
   */
  readonly maxConnections: number;
  /** The size of all header fields of a request; larger ones are answered 431. */
  readonly maxHeaderBytes: number;
  /** The time from the connection, or from the first byte of a request, to the end of its fields; later ones get 408. */
  readonly headersMs: number;
  /** The time from the first byte of a request to the end of its body; later ones get 408. Long uploads need it long. */
  readonly requestMs: number;
  /** The time that a connection may be without a request in flight. */
  readonly idleMs: number;
  /** The time in which a client must take some of the bytes that are written to it. */
  readonly sendMs: number;
  /**
   * The time that a client may be waited for within one body, in either direction. Bytes that have moved make it longer, by
   * `paceBytesPerMs`, as in Apache's mod_reqtimeout.
   */
  readonly paceMs: number;
  /** The rate that a body must keep beyond `paceMs`. */
  readonly paceBytesPerMs: number;
  /** The time from the connection to the end of its TLS handshake. */
  readonly handshakeMs: number;
  /** The number of requests in flight on one HTTP/2 connection. */
  readonly maxStreams: number;
}

/** The limits of `lasthop serve`. */
export const FRONT_LIMITS: FrontLimits = {
  maxConnections: 10_000,
  maxHeaderBytes: 16 * 1024,
  headersMs: 15_000,
  requestMs: 3_600_000,
  idleMs: 60_000,
  sendMs: 60_000,
  paceMs: 20_000,
  paceBytesPerMs: 0.5,
  handshakeMs: 10_000,
  maxStreams: 128,
};
