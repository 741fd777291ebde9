/** The errors of a connection to a backend, after the dial. */
import { CODES } from "./abi.ts";

/** The codes of errors: a closed list. connect/failures.ts maps each to a `TransportCode`. */
export type ConnectionErrorCode =
  | "tls-protocol"
  | "tls-alert"
  | "certificate-rejected"
  | "verdict-mismatch"
  | "verdict-failed"
  | "peer-closed"
  | "peer-truncated"
  | "transport"
  | "http1-protocol"
  | "http2-protocol"
  | "response-incomplete"
  | "stalled"
  | "timed-out"
  | "stream-reset"
  | "going-away"
  | "too-large"
  | "bad-request"
  | "request-body"
  | "busy"
  | "cancelled"
  | "engine-trapped"
  | "internal";

/** The fields of an error. */
export interface ConnectionFailure {
  readonly code: ConnectionErrorCode;
  /** What the engine expected at that point, as a text for people. */
  readonly expected: string;
  /** What came instead, as a text for people: printable ASCII of bounded length. */
  readonly received: string;
  /** Whether the peer may have processed the request. After `nothing`, a request of any method may be sent again. */
  readonly sent: "nothing" | "maybe";
  /** The description of the alert (RFC 8446 §6), for code `tls-alert`. */
  readonly alert: number | null;
  /** The HTTP/2 error code (RFC 9113 §7), for codes `stream-reset`, `going-away` and `http2-protocol`. */
  readonly http2Error: number | null;
  /** Whether the response's head had come. */
  readonly afterHead: boolean;
}

/** An error of a connection, or of one request on it. */
export class ConnectionError extends Error implements ConnectionFailure {
  readonly code: ConnectionErrorCode;
  readonly expected: string;
  readonly received: string;
  readonly sent: "nothing" | "maybe";
  readonly alert: number | null;
  readonly http2Error: number | null;
  readonly afterHead: boolean;

  constructor(
    code: ConnectionErrorCode,
    received: string,
    more: Partial<Pick<ConnectionFailure, "sent" | "alert" | "http2Error" | "afterHead" | "expected">> = {},
  ) {
    const expected = more.expected ?? EXPECTED[code];
    super(`${code}: expected ${expected}, got ${received}`);
    this.name = "ConnectionError";
    this.code = code;
    this.expected = expected;
    this.received = received;
    this.sent = more.sent ?? "nothing";
    this.alert = more.alert ?? null;
    this.http2Error = more.http2Error ?? null;
    this.afterHead = more.afterHead ?? false;
  }

  /** This error, for a request whose response had come in part. */
  asIncomplete(): ConnectionError {
    const { received, alert, http2Error } = this;
    const code = ENDS_OF_PEER.has(this.code) ? "response-incomplete" : this.code;
    return new ConnectionError(code, received, { sent: "maybe", alert, http2Error, afterHead: true });
  }

  /** This error of the connection, for a request with its own `sent`. */
  withSent(sent: "nothing" | "maybe"): ConnectionError {
    const { alert, http2Error, expected } = this;
    return new ConnectionError(this.code, this.received, { sent, alert, http2Error, expected });
  }
}

/** Codes that become `response-incomplete` when a part of the response had come (RFC 9209 §2.3). */
const ENDS_OF_PEER: ReadonlySet<ConnectionErrorCode> = new Set<ConnectionErrorCode>([
  "peer-closed",
  "peer-truncated",
  "transport",
  "stream-reset",
  "going-away",
]);

/** The error that the module's report describes. */
export function fromReport(code: number, aux: number, sent: number, detail: string): ConnectionError {
  const name = BY_NUMBER.get(code) ?? "internal";
  return new ConnectionError(name, detail, {
    sent: sent === 1 ? "maybe" : "nothing",
    alert: name === "tls-alert" ? aux : null,
    http2Error: name === "stream-reset" || name === "going-away" || name === "http2-protocol" ? aux : null,
  });
}

const EXPECTED: Record<ConnectionErrorCode, string> = {
  "tls-protocol": "a valid TLS handshake and records",
  "tls-alert": "no fatal alert",
  "certificate-rejected": "a certificate whose key signed this handshake",
  "verdict-mismatch": "a verdict on this policy and this certificate",
  "verdict-failed": "a verdict",
  "peer-closed": "an open connection",
  "peer-truncated": "close_notify or a complete message before the end",
  transport: "a working byte stream",
  "http1-protocol": "a valid HTTP/1.1 response",
  "http2-protocol": "valid HTTP/2 frames",
  "response-incomplete": "the whole response",
  stalled: "the next bytes of the body in time",
  "timed-out": "an answer in time",
  "stream-reset": "a response on the stream",
  "going-away": "a connection that takes requests",
  "too-large": "a message within the bounds",
  "bad-request": "a request that can be written",
  "request-body": "the request body its head announced",
  busy: "room for a request",
  cancelled: "a caller who waits",
  "engine-trapped": "a live engine",
  internal: "no fault of ours",
};

const BY_NUMBER: ReadonlyMap<number, ConnectionErrorCode> = new Map([
  [CODES.badArgument, "bad-request"],
  [CODES.badHandle, "internal"],
  [CODES.wrongState, "internal"],
  [CODES.busy, "busy"],
  [CODES.tooLarge, "too-large"],
  [CODES.cancelled, "cancelled"],
  [CODES.tlsProtocol, "tls-protocol"],
  [CODES.tlsAlert, "tls-alert"],
  [CODES.certificateRejected, "certificate-rejected"],
  [CODES.refused, "certificate-rejected"],
  [CODES.peerClosed, "peer-closed"],
  [CODES.peerTruncated, "peer-truncated"],
  [CODES.http1Protocol, "http1-protocol"],
  [CODES.http2Protocol, "http2-protocol"],
  [CODES.responseIncomplete, "response-incomplete"],
  [CODES.streamReset, "stream-reset"],
  [CODES.goAway, "going-away"],
  [CODES.requestBody, "request-body"],
  [CODES.internal, "internal"],
  [CODES.unusableEndEntity, "certificate-rejected"],
  [CODES.malformedRequest, "bad-request"],
  [CODES.unsupportedCoding, "bad-request"],
  [CODES.requestTooLarge, "too-large"],
]);
