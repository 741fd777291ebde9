/** Failures as HTTP: the status, `Proxy-Status` and the problem body, as the failure table has them for each code. */
import { type BackendFailure, bodyFailureOf, type ExchangeResponse } from "../backend/index.ts";
import type { ConfigCode } from "../bundle/types.ts";
import { FAILURES, type FailureCode, type RequestCode } from "./failure-table/table.ts";

export type { FailureCode } from "./failure-table/table.ts";

/** A failure of a request, with all that the client and the access log are told about it. */
export interface Failure {
  readonly code: FailureCode;
  readonly status: number;
  /** A proxy error type of RFC 9209 §2.3. */
  readonly proxyError: string;
  /** An explanation for the access log alone, because it may name hosts and certificates. */
  readonly detail: string;
}

/** The failure of a request that no backend is to blame for. */
export function requestFailure(code: RequestCode, detail: string): Failure {
  return failureWith(code, detail);
}

/** The failure of a request whose route or policy was refused when the bundle was compiled. */
export function configurationFailure(code: ConfigCode, detail: string): Failure {
  return failureWith(code, detail);
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
      return failureWith(code, detail);
    }
    case "transport":
      return failureWith(failure.code, failure.detail);
  }
}

/** The failure of a response that broke off in its body. Its head is sent by then, so only the access log has the code. */
export function bodyFailure(error: unknown): Failure {
  const failure = bodyFailureOf(error);
  return failure === null ? internalFailure(error) : failureOf(failure);
}

/** The failure of a request in which our code threw: the client gets a 500, the access log the error's message. */
export function internalFailure(error: unknown): Failure {
  const detail = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  return failureWith("internal-error", detail);
}

function failureWith(code: FailureCode, detail: string): Failure {
  const { status, proxyError } = FAILURES[code];
  return { code, status, proxyError, detail };
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
