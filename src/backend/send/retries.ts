/** When a request is sent again, and after how long. */
import type { BundleRetry } from "../../bundle/types.ts";
import { type ExchangeRequest, isIdempotent, type Sent } from "../exchange.ts";
import type { BackendFailure, TransportCode } from "../failure.ts";
import { RETRY_LIMITS } from "../limits.ts";
import type { Replay } from "./replay.ts";

/** Failures that the same request would meet again, or for which its client is to blame. */
const FINAL: ReadonlySet<TransportCode> = new Set<TransportCode>([
  "no-endpoint",
  "connection-prohibited",
  "bad-request",
  "request-too-large",
  "request-body-failed",
  "client-gone",
  // Maybe it was this request that made the module trap.
  "engine-trapped",
  "internal-error",
]);

/**
 * Whether the route asks for another attempt (`HTTPRouteRetry`: the codes, and connections that could not be
 * established, "connect timeout, connection refused, TLS handshake failure"). A refused chain is final for its
 * endpoint: another attempt only goes to another one.
 */
export function isWorthRetrying(sent: Sent, { codes }: BundleRetry, hasOtherEndpoint: boolean): boolean {
  if (sent.kind === "response") return codes.includes(sent.response.status);
  const { failure } = sent;
  switch (failure.kind) {
    case "chain-refused":
      return hasOtherEndpoint;
    case "configuration":
      return false;
    case "transport":
      return !FINAL.has(failure.code);
  }
}

/**
 * Whether sending the request again does no harm: nothing of it was sent, or it may arrive twice (RFC 9110 §9.2.2: a proxy
 * MUST NOT automatically retry non-idempotent requests), and its body can be sent again.
 */
export function isRepeatable(sent: Sent, { method, signal }: ExchangeRequest, body: Replay | null): boolean {
  if (signal.aborted || body?.isWhole === false) return false;
  if (isIdempotent(method)) return true;
  if (sent.kind === "response") return false;
  return sent.failure.kind !== "transport" || sent.failure.sent === "nothing";
}

/** Failures by which a connection ends before the response's head has come. */
const ENDED: ReadonlySet<TransportCode> = new Set<TransportCode>(["connection-terminated", "response-incomplete"]);

/** Whether a reused connection was closed meanwhile or took no further request, as a peer may do at any time. */
export function isStale(failure: BackendFailure): boolean {
  if (failure.kind !== "transport" || FINAL.has(failure.code) || failure.afterHead === true) return false;
  return failure.sent === "nothing" || ENDED.has(failure.code);
}

/**
 * Whether a peer on HTTP/2 has said that it has not processed the request: by GOAWAY with a lower last stream (RFC 9113
 * §6.8), by REFUSED_STREAM (§8.7), or by an end before any of the request was sent. A request with any method may then be
 * sent again.
 */
export function isUnprocessed(failure: BackendFailure): boolean {
  return failure.kind === "transport" && failure.code === "connection-terminated" && failure.sent === "nothing";
}

/** The pause before a retry, in ms: full jitter over a base that doubles. `retry` counts from 0. */
export function backoffMs({ backoffMs: base }: BundleRetry, retry: number, random: number): number {
  const baseMs = base ?? RETRY_LIMITS.backoffMs;
  return random * baseMs * Math.min(2 ** retry, RETRY_LIMITS.backoffFactor);
}
