/** What a client may take. docs/operations.md says what each means to an operator. */
export interface FrontLimits {
  /** Connections at once on one port; the idlest goes for one more, which is closed unanswered when none is idle. */
  readonly maxConnections: number;
  /** All fields of a request; more is answered 431. */
  readonly maxHeaderBytes: number;
  /** From the connection, or the first byte of a request, to the end of its fields: 408. */
  readonly headersMs: number;
  /** From the first byte of a request to the end of its body: 408. Long uploads need long. */
  readonly requestMs: number;
  /** A connection without a request in flight. */
  readonly idleMs: number;
  /** A client that takes nothing of what is written to it. */
  readonly sendMs: number;
  /** A body in either direction, while the client is waited for: so long, and longer by what has moved, as Apache's mod_reqtimeout has it. */
  readonly paceMs: number;
  /** What a body moves at least, beyond that time. */
  readonly paceBytesPerMs: number;
  /** From the connection to the end of its TLS handshake. */
  readonly handshakeMs: number;
  /** Requests in flight on one HTTP/2 connection. */
  readonly maxStreams: number;
}

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
