/** When a request is sent again, and after how long. */
import type { BundleRetry } from "../../bundle/types.ts";
import { type ExchangeRequest, isIdempotent } from "../exchange.ts";
import type { BackendFailure, TransportCode } from "../failure.ts";
import { RETRY_LIMITS } from "../limits.ts";
import type { Replay } from "./replay.ts";
import type { Sent } from "./sent.ts";

/** Failures that the same request would meet again, or that are its client's. */
const FINAL: ReadonlySet<TransportCode> = new Set<TransportCode>([
  "no-endpoint",
  "connection-prohibited",
  "bad-request",
  "request-too-large",
  "request-body-failed",
  "client-gone",
  // Maybe this very request kills engines.
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
 * Whether sending it again can do no harm: nothing of it was sent, or it may arrive twice (RFC 9110 §9.2.2: a proxy
 * MUST NOT automatically retry non-idempotent requests), and its body is there once more.
 */
export function isRepeatable(sent: Sent, { method, signal }: ExchangeRequest, body: Replay | null): boolean {
  if (signal.aborted || body?.isWhole === false) return false;
  if (isIdempotent(method)) return true;
  if (sent.kind === "response") return false;
  return sent.failure.kind !== "transport" || sent.failure.sent === "nothing";
}

/** The peer's end before a response, and before all of its head. */
const ENDED: ReadonlySet<TransportCode> = new Set<TransportCode>(["connection-terminated", "response-incomplete"]);

/** On a reused connection: it was closed meanwhile, or took no further request. The peer may do so at any time. */
export function isStale(failure: BackendFailure): boolean {
  if (failure.kind !== "transport" || FINAL.has(failure.code) || failure.afterHead === true) return false;
  return failure.sent === "nothing" || ENDED.has(failure.code);
}

/**
 * Whether a peer on HTTP/2 has said that it has not processed the request: by GOAWAY with a lower last stream (RFC 9113
 * §6.8), by REFUSED_STREAM (§8.7), or by an end before any of it was sent. It may be sent again whatever its method.
 */
export function isUnprocessed(failure: BackendFailure): boolean {
  return failure.kind === "transport" && failure.code === "connection-terminated" && failure.sent === "nothing";
}

/** Full jitter over a base that doubles; `retry` counts from 0. */
export function backoffMs({ backoffMs: base }: BundleRetry, retry: number, random: number): number {
  const baseMs = base ?? RETRY_LIMITS.backoffMs;
  return random * baseMs * Math.min(2 ** retry, RETRY_LIMITS.backoffFactor);
}
