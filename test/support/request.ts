/** The request that tests of backend/ ask with, where they say nothing else. */
import { type ExchangeRequest, PLAIN_REQUEST } from "../../src/backend/exchange.ts";

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
