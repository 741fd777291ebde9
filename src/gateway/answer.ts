/** The answer to a request, as one stage of the gateway hands it to the next. */
import type { ExchangeResponse } from "../backend/index.ts";
import type { Failure } from "./failures.ts";

/** The answer to a request, and where it comes from. */
export type Answer =
  /** A backend's response, or one that a filter made instead: a redirect, the answer to a CORS preflight. */
  | { readonly kind: "response"; readonly response: ExchangeResponse }
  /** An external auth server's response, sent instead of the backend's. `failure` is for the access log. */
  | { readonly kind: "denied"; readonly response: ExchangeResponse; readonly failure: Failure }
  /** A failure, of which lasthop itself makes the response. */
  | Failed;

/** A failed request: the client gets `failureResponse(failure)`. */
export interface Failed {
  readonly kind: "failed";
  readonly failure: Failure;
}

/** The answer that ends a request with `failure`. */
export const failed = (failure: Failure): Failed => ({ kind: "failed", failure });

/** The answer that sends `response` to the client. */
export const respond = (response: ExchangeResponse): Answer => ({ kind: "response", response });
