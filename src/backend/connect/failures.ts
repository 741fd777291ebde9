/** The engine's errors as failures. */
import { ConnectionError, type ConnectionErrorCode } from "../engine/errors.ts";
import { type TransportCode, transportFailure, type TransportFailure } from "../failure.ts";

const TRANSPORT_CODE_OF: Readonly<Record<ConnectionErrorCode, TransportCode>> = {
  "tls-protocol": "tls-protocol-error",
  "tls-alert": "tls-alert-received",
  "certificate-rejected": "tls-protocol-error",
  "verdict-mismatch": "internal-error",
  "verdict-failed": "internal-error",
  "peer-closed": "connection-terminated",
  "peer-truncated": "connection-terminated",
  transport: "connection-terminated",
  "http1-protocol": "http-protocol-error",
  "http2-protocol": "http-protocol-error",
  "response-incomplete": "response-incomplete",
  stalled: "response-incomplete",
  "timed-out": "response-timeout",
  "stream-reset": "connection-terminated",
  "going-away": "connection-terminated",
  "too-large": "http-protocol-error",
  "bad-request": "bad-request",
  "request-body": "request-body-failed",
  busy: "connection-limit",
  cancelled: "client-gone",
  "engine-trapped": "engine-trapped",
  internal: "internal-error",
};

/** The failure that an error of the engine means. */
export function failureOf(error: ConnectionError): TransportFailure {
  const alert = error.alert === null ? "" : ` (alert ${error.alert})`;
  const detail = `expected ${error.expected}, got ${error.received}${alert}`;
  const failure = transportFailure(TRANSPORT_CODE_OF[error.code], detail, error.sent);
  return error.afterHead ? { ...failure, afterHead: true } : failure;
}

/** The failure that broke off a body after its response's head; null when `error` is a bug of ours. */
export function bodyFailureOf(error: unknown): TransportFailure | null {
  return error instanceof ConnectionError ? failureOf(error.asIncomplete()) : null;
}
