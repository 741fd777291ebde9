/** Why a backend gave no response: a closed union naming both sides. gateway/failures.ts maps it to HTTP. */
import type { ConfigCode } from "../bundle/types.ts";
import type { Refusal } from "../trust/index.ts";

/** Stable codes of what went wrong on the way to a backend, besides refused chains and refused configuration. */
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
export type TransportCode = (typeof TRANSPORT_CODES)[number];

export interface TransportFailure {
  readonly kind: "transport";
  readonly code: TransportCode;
  /** For the access log: printable, bounded. */
  readonly detail: string;
  /** Whether the backend may have seen a byte of the request: a retry is safe only after "nothing". */
  readonly sent: "nothing" | "maybe";
  /** The backend had answered with a head that the client has not seen. */
  readonly afterHead?: true;
}

export type BackendFailure =
  /** The presented chain did not pass: no request byte was sent. */
  | { readonly kind: "chain-refused"; readonly refusal: Refusal }
  /** The bundle closes this backend. */
  | { readonly kind: "configuration"; readonly code: ConfigCode; readonly detail: string }
  | TransportFailure;

export function transportFailure(code: TransportCode, detail: string, sent: "nothing" | "maybe"): TransportFailure {
  return { kind: "transport", code, detail, sent };
}
