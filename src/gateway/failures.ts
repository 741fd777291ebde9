/** Failures as HTTP: status, `Proxy-Status` error type and problem body of each code. No other file decides these. */
import { ConnectionError } from "../backend/engine/errors.ts";
import { bodyFailureOf } from "../backend/exchange-on.ts";
import type { BackendFailure, TransportCode } from "../backend/failure.ts";
import type { ExchangeResponse } from "../backend/exchange.ts";
import type { ConfigCode } from "../bundle/types.ts";
import type { RefusalCode } from "../trust/index.ts";

/** Codes of failures that are found before the request goes to a backend, or between client and gateway. */
type RequestCode =
  | "no-listener"
  | "no-route"
  | "bad-host"
  | "bad-target"
  | "method-not-allowed"
  /** The client did not send the whole request in time. */
  | "client-timeout"
  /** The request has a transfer coding other than chunked. */
  | "unsupported-coding"
  | "bundle-refused"
  /** The client's TLS connection is for another listener than its Host. */
  | "misdirected-request"
  /** The host lacks a capability that the listener needs: certificates for listeners, or validation of clients. */
  | "listener-capability"
  /** `HTTPRouteTimeouts.request` has passed. */
  | "request-timeout"
  /** The external authorization server did not let the request pass. */
  | "auth-denied"
  /** The body is longer than `ForwardBodyConfig.maxSize`. */
  | "auth-body-too-large";

/** Every code a client, an access log or a metric can show. Stable: never rename one. */
export type FailureCode = RequestCode | ConfigCode | RefusalCode | TransportCode;

/** A failure of a request, with all that the client and the access log are told about it. */
export interface Failure {
  readonly code: FailureCode;
  readonly status: number;
  /** A proxy error type of RFC 9209 §2.3. */
  readonly proxyError: string;
  /** An explanation for the access log alone, because it may name hosts and certificates. */
  readonly detail: string;
}

const REQUEST: Readonly<Record<RequestCode, readonly [status: number, proxyError: string]>> = {
  "no-listener": [404, "destination_not_found"],
  "no-route": [404, "destination_not_found"],
  "bad-host": [400, "http_request_error"],
  "bad-target": [400, "http_request_error"],
  "method-not-allowed": [405, "http_request_error"],
  "client-timeout": [408, "http_request_error"],
  "unsupported-coding": [501, "http_request_error"],
  "bundle-refused": [500, "proxy_configuration_error"],
  "misdirected-request": [421, "http_request_error"],
  "listener-capability": [500, "proxy_configuration_error"],
  "request-timeout": [504, "http_response_timeout"],
  "auth-denied": [403, "http_request_denied"],
  "auth-body-too-large": [413, "http_request_error"],
};

const TRANSPORT: Readonly<Record<TransportCode, readonly [status: number, proxyError: string]>> = {
  "no-endpoint": [503, "destination_unavailable"],
  "connection-refused": [502, "connection_refused"],
  "connection-unreachable": [502, "destination_ip_unroutable"],
  "connection-prohibited": [502, "destination_ip_prohibited"],
  "connection-timeout": [504, "connection_timeout"],
  "connection-terminated": [502, "connection_terminated"],
  "connection-limit": [503, "connection_limit_reached"],
  "tls-protocol-error": [502, "tls_protocol_error"],
  "tls-alert-received": [502, "tls_alert_received"],
  "http-protocol-error": [502, "http_protocol_error"],
  "bad-request": [400, "http_request_error"],
  "request-too-large": [431, "http_request_error"],
  "response-timeout": [504, "http_response_timeout"],
  "response-incomplete": [502, "http_response_incomplete"],
  "request-body-failed": [400, "http_request_error"],
  "client-gone": [499, "http_request_error"],
  "engine-trapped": [502, "proxy_internal_error"],
  "internal-error": [500, "proxy_internal_error"],
};

/** The failure of a request that no backend is to blame for. */
export function requestFailure(code: RequestCode, detail: string): Failure {
  const [status, proxyError] = REQUEST[code];
  return { code, status, proxyError, detail };
}

/** The failure of a request whose route or policy was refused when the bundle was compiled. */
export function configurationFailure(code: ConfigCode, detail: string): Failure {
  return { code, status: 500, proxyError: "proxy_configuration_error", detail };
}

/** The failure of a request that backend/ could not send, or got no response for. */
export function failureOf(failure: BackendFailure): Failure {
  switch (failure.kind) {
    case "configuration":
      return configurationFailure(failure.code, failure.detail);
    case "chain-refused": {
      const { code, position, expected, presented } = failure.refusal;
      const where = position === null ? "chain" : position < 0 ? "trust anchor" : `certificate ${position}`;
      const detail = `${where}: expected ${expected}, presented ${presented}`;
      return { code, status: 502, proxyError: "tls_certificate_error", detail };
    }
    case "transport": {
      const [status, proxyError] = TRANSPORT[failure.code];
      return { code: failure.code, status, proxyError, detail: failure.detail };
    }
  }
}

/** The failure of a response that broke off in its body. Its head is sent by then, so only the access log has the code. */
export function bodyFailure(error: unknown): Failure {
  return error instanceof ConnectionError ? failureOf(bodyFailureOf(error)) : internalFailure(error);
}

/** The failure of a request in which our code threw: the client gets a 500, the access log the error's message. */
export function internalFailure(error: unknown): Failure {
  const detail = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  return { code: "internal-error", status: 500, proxyError: "proxy_internal_error", detail };
}

const TITLES: Readonly<Record<number, string>> = {
  400: "Bad Request",
  403: "Forbidden",
  404: "Not Found",
  405: "Method Not Allowed",
  408: "Request Timeout",
  413: "Content Too Large",
  421: "Misdirected Request",
  431: "Request Header Fields Too Large",
  499: "Client Closed Request",
  500: "Internal Server Error",
  501: "Not Implemented",
  502: "Bad Gateway",
  503: "Service Unavailable",
  504: "Gateway Timeout",
};

/**
 * The response to the client: `Proxy-Status` with the error type and the code (RFC 9209), and a problem document
 * (RFC 9457). `failure.detail` is in neither.
 */
export function failureResponse(failure: Failure): ExchangeResponse {
  const { code, status } = failure;
  const problem = { type: "about:blank", title: TITLES[status] ?? "Error", status, code };
  const bytes = new Uint8Array(new TextEncoder().encode(`${JSON.stringify(problem)}\n`));
  return {
    status,
    headers: [
      ["content-type", "application/problem+json"],
      ["content-length", String(bytes.length)],
      ["cache-control", "no-store"],
      proxyStatus(failure),
      // RFC 9110 §15.5.6: a 405 response MUST have the field Allow.
      ...(status === 405 ? [["allow", "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"] as const] : []),
    ],
    body: bytes,
    trailers: null,
    upgrade: null,
  };
}

/** The field `Proxy-Status` (RFC 9209): this proxy's name, the error type, and our code in `details`. */
export function proxyStatus({ proxyError, code }: Failure): readonly [name: string, value: string] {
  return ["proxy-status", `lasthop; error=${proxyError}; details="${code}"`];
}
