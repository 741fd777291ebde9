/** The failures for which a backend gave no response, as a closed union. gateway/failures.ts maps it to HTTP. */
import type { ConfigCode } from "../bundle/types.ts";
import type { Refusal } from "../trust/index.ts";

/** The codes of failures on the way to a backend, besides refused chains and refused configuration. */
export const TRANSPORT_CODES = [
  "no-endpoint",
  "connection-refused",
  "connection-unreachable",
  "connection-prohibited",
  "connection-timeout",
  "connection-terminated",
  "connection-limit",
  "tls-protocol-error",
  "tls-alert-received",
  "http-protocol-error",
  "bad-request",
  "request-too-large",
  "response-timeout",
  "response-incomplete",
  "request-body-failed",
  "client-gone",
  "engine-trapped",
  "internal-error",
] as const;
/** A code of {@link TRANSPORT_CODES}. */
export type TransportCode = (typeof TRANSPORT_CODES)[number];

/** A failure of the connection or of HTTP on it. */
export interface TransportFailure {
  readonly kind: "transport";
  readonly code: TransportCode;
  /** What was expected and what came, for the access log: printable, bounded. */
  readonly detail: string;
  /** Whether the backend may have seen a byte of the request: a retry is safe only after "nothing". */
  readonly sent: "nothing" | "maybe";
  /** Present when the backend had answered with a head, which the client has not seen. */
  readonly afterHead?: true;
}

/** A failure of a request to a backend. */
export type BackendFailure =
  /** The presented chain was refused, and no request byte was sent. */
  | { readonly kind: "chain-refused"; readonly refusal: Refusal }
  /** The bundle says that the backend is refused. */
  | { readonly kind: "configuration"; readonly code: ConfigCode; readonly detail: string }
  | TransportFailure;

/** A transport failure; `detail` says what was expected and what came. */
export function transportFailure(code: TransportCode, detail: string, sent: "nothing" | "maybe"): TransportFailure {
  return { kind: "transport", code, detail, sent };
}
