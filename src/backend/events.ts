/** What backend/ tells of itself: events for counters, gauges on demand. Hosts make metrics of both. */
import type { BackendId, BundleEndpoint, ConfigCode } from "../bundle/types.ts";
import type { RefusalCode } from "../trust/index.ts";
import type { BackendFailure, TransportCode } from "./failure.ts";

/** The code of a failure: what a log, a metric and `Proxy-Status` show. */
export type BackendCode = TransportCode | RefusalCode | ConfigCode;

export type BackendEvent = {
  readonly backend: BackendId;
  readonly endpoint: BundleEndpoint;
} &
  /** A connection was opened and, under a policy, verified. `resumed` is null in plaintext. */
  (
    | {
        readonly kind: "connected";
        readonly protocol: "h2" | "h2c" | "http/1.1";
        readonly resumed: boolean | null;
        readonly durationMs: number;
      }
    | { readonly kind: "connect-failed"; readonly code: BackendCode }
    /** A request went out on a connection that was there. */
    | { readonly kind: "reused" }
    /** An attempt ended so, and another follows. `code`: a failure's, or the response's status. */
    | { readonly kind: "retried"; readonly code: BackendCode | number }
    /** The endpoint is left out for so long after failures in a row, the last with this code. */
    | { readonly kind: "ejected"; readonly code: BackendCode; readonly durationMs: number }
    /** An endpoint that was left out has answered. */
    | { readonly kind: "recovered" }
  );

export type OnBackendEvent = (event: BackendEvent) => void;

/** Gauges, over all backends of a bundle and of those before it that still have requests in flight. */
export interface BackendStats {
  /** Connections that are open or being opened. */
  readonly open: number;
  /** Those of them that carry no request. */
  readonly idle: number;
  readonly inFlight: number;
  /** Endpoints left out for now. */
  readonly ejected: number;
  /** Memory of the TLS engine. */
  readonly engineBytes: number;
}

export const codeOf = (failure: BackendFailure): BackendCode =>
  failure.kind === "chain-refused" ? failure.refusal.code : failure.code;
