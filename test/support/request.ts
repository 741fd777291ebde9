/** The request that tests of backend/ send when they name no other. */
import type { ExchangeRequest } from "../../src/backend/exchange.ts";

/** A GET without fields or body, with what `more` changes. */
export function plainRequest(more: Partial<ExchangeRequest> = {}): ExchangeRequest {
  return {
    method: "GET",
    scheme: "http",
    authority: "client.example.com",
    target: "/",
    headers: [],
    body: null,
    trailers: null,
    upgrade: null,
    informational: null,
    signal: new AbortController().signal,
    ...more,
  };
}
