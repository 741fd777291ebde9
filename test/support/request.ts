/** The request that tests of backend/ send when they name no other. */
import { type ExchangeRequest, PLAIN_REQUEST } from "../../src/backend/exchange.ts";

/** A GET without fields or body, with what `more` changes. */
export function plainRequest(more: Partial<ExchangeRequest> = {}): ExchangeRequest {
  return {
    method: "GET",
    scheme: "http",
    authority: "client.example.com",
    target: "/",
    headers: [],
    ...PLAIN_REQUEST,
    signal: new AbortController().signal,
    ...more,
  };
}
