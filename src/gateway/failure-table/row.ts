/** The row of one code in the failure table. */
import type { ENGINE_CODES } from "../../backend/index.ts";

/** The proxy error types of RFC 9209 §2.3 that lasthop answers with. */
type ProxyError =
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

/** A row. Its texts are Markdown for operators; `npm run docs:failures` writes them to docs/failures.md and docs/trust.md. */
export interface FailureRow {
  /** The status of the response. Status 499 is only in the access log: the client has disconnected. */
  readonly status: number;
  readonly proxyError: ProxyError;
  /** The names of the engine's numbers (`CODES` of backend/engine/abi.ts) that lead to this code; absent for none. */
  readonly engine?: readonly (keyof typeof ENGINE_CODES)[];
  readonly meaning: string;
  readonly cause: string;
  readonly fix: string;
}
