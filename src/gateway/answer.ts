/** What a client gets for its request, as the gateway's stages say it to each other. */
import type { ExchangeResponse } from "../backend/exchange.ts";
import type { Failure } from "./failures.ts";

export type Answer =
  /** A backend's response, or one that a filter gives in its place: a redirect, a preflight. */
  | { readonly kind: "response"; readonly response: ExchangeResponse }
  /** An external auth server's response in place of the backend's. `failure` is for the access log. */
  | { readonly kind: "denied"; readonly response: ExchangeResponse; readonly failure: Failure }
  /** No response but ours. */
  | Failed;

/** A stage that ends a request with a failure; the client gets `failureResponse(failure)`. */
export interface Failed {
  readonly kind: "failed";
  readonly failure: Failure;
}

export const failed = (failure: Failure): Failed => ({ kind: "failed", failure });

export const respond = (response: ExchangeResponse): Answer => ({ kind: "response", response });
