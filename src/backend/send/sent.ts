/** What sending answers, and what it needs. */
import type { BundleEndpoint, BundleRetry } from "../../bundle/types.ts";
import type { OnBackendEvent } from "../events.ts";
import type { ExchangeResponse } from "../exchange.ts";
import type { BackendFailure } from "../failure.ts";
import type { Runtime } from "../runtime.ts";
import type { Timeouts } from "../limits.ts";
import type { BackendRegistry, Lasting } from "./registry.ts";

export type Sent =
  | {
      readonly kind: "response";
      readonly response: ExchangeResponse;
      readonly endpoint: BundleEndpoint;
      readonly connection: ConnectionFacts;
    }
  | { readonly kind: "failed"; readonly failure: BackendFailure; readonly endpoint: BundleEndpoint | null };

/** For the access log. */
export interface ConnectionFacts {
  readonly protocol: string;
  readonly tls: {
    readonly version: string;
    readonly sni: string;
    readonly resumed: boolean;
    readonly matched: string;
  } | null;
}

/** What a route says of its requests (`HTTPRouteRule.timeouts`, `HTTPRouteRule.retry`). */
export interface SendOptions {
  /** One attempt, from its request to the end of its response. 0: no limit; null: the defaults hold. */
  readonly backendRequestMs: number | null;
  readonly retry: BundleRetry | null;
}

/** What sending needs. */
export interface Sender {
  readonly runtime: Runtime;
  readonly timeouts: Timeouts;
  readonly onEvent: OnBackendEvent | null;
  readonly lasting: Lasting;
  readonly registry: BackendRegistry;
}
