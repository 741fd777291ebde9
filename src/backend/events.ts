/** The events and gauges of backend/, from which hosts make metrics. */
import type { BackendId, BundleEndpoint, ConfigCode } from "../bundle/types.ts";
import type { RefusalCode } from "../trust/index.ts";
import type { BackendFailure, TransportCode } from "./failure.ts";

/** The code of a failure: what a log, a metric and `Proxy-Status` show. */
export type BackendCode = TransportCode | RefusalCode | ConfigCode;

/** One event at an endpoint of a backend. */
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
    /** A request was sent on a connection from the pool. */
    | { readonly kind: "reused" }
    /** An attempt ended, and another follows. `code`: the code of the failure, or the status of the response. */
    | { readonly kind: "retried"; readonly code: BackendCode | number }
    /** The endpoint is left out for `durationMs` after failures in a row, the last of which had this code. */
    | { readonly kind: "ejected"; readonly code: BackendCode; readonly durationMs: number }
    /** An endpoint that was left out has answered. */
    | { readonly kind: "recovered" }
  );

/** A callback for events. */
export type OnBackendEvent = (event: BackendEvent) => void;

/** The gauges of all backends of a bundle, and of earlier bundles that still have requests in flight. */
export interface BackendStats {
  /** The number of connections that are open or being opened. */
  readonly open: number;
  /** The number of these connections that carry no request. */
  readonly idle: number;
  readonly inFlight: number;
  /** The number of endpoints left out for now. */
  readonly ejected: number;
  /** The memory of all instances of the module. */
  readonly engineBytes: number;
}

/** The code of a failure. */
export const codeOf = (failure: BackendFailure): BackendCode =>
  failure.kind === "chain-refused" ? failure.refusal.code : failure.code;
