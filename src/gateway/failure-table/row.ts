/** What one row of the failure table says of its code. */
import type { CODES } from "../../backend/engine/abi.ts";

/** The proxy error types of RFC 9209 §2.3 that lasthop answers with. */
export type ProxyError =
  | "destination_not_found"
  | "destination_unavailable"
  | "destination_ip_prohibited"
  | "destination_ip_unroutable"
  | "connection_refused"
  | "connection_terminated"
  | "connection_timeout"
  | "connection_limit_reached"
  | "tls_protocol_error"
  | "tls_certificate_error"
  | "tls_alert_received"
  | "http_request_error"
  | "http_request_denied"
  | "http_response_incomplete"
  | "http_response_timeout"
  | "http_protocol_error"
  | "proxy_internal_error"
  | "proxy_configuration_error";

/** One failure code. The texts are for operators, in Markdown; docs/failures.md and docs/trust.md are made from them. */
export interface FailureRow {
  /** The status of the answer. Code 499 is in the access log alone: its client has left. */
  readonly status: number;
  readonly proxyError: ProxyError;
  /** The engine's numbers (`CODES` of backend/engine/abi.ts) that end as this code; absent: none does. */
  readonly engine?: readonly (keyof typeof CODES)[];
  readonly meaning: string;
  readonly cause: string;
  readonly fix: string;
}
