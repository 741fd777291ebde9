/** One record a request: what was asked, who answered, and why not. Hosts write it where their logs go. */
import type { ConnectionFacts, Sent } from "../backend/backends.ts";
import type { ExchangeRequest } from "../backend/exchange.ts";
import type { BackendId, BundleEndpoint, BundleRule } from "../bundle/types.ts";
import type { Failure, FailureCode } from "./failures.ts";

export interface AccessRecord {
  readonly method: string;
  readonly authority: string;
  /** Without the query: it may carry secrets. */
  readonly path: string;
  readonly status: number;
  readonly durationMs: number;
  readonly listener: string | null;
  readonly route: string | null;
  readonly rule: number | null;
  readonly backend: string | null;
  readonly endpoint: string | null;
  /** What the TLS connection to the backend was, or null for plaintext and failures before it. */
  readonly tls: ConnectionFacts["tls"];
  readonly protocol: string | null;
  readonly code: FailureCode | null;
  readonly detail: string | null;
  /** A mirrored copy that failed, in which case it has a code; the request it was made of has a record of its own. */
  readonly mirror: boolean;
}

export type AccessLog = (record: AccessRecord) => void;

export function endpointText({ host, port }: BundleEndpoint): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}

/** How far a request has come: what it did not reach is null. */
export interface Progress {
  /** `namespace/gateway/listener`. */
  readonly listener: string | null;
  readonly rule: BundleRule | null;
  readonly backend: BackendId | null;
  readonly sent: Sent | null;
}

/** The progress of a request that has reached nothing yet. */
export const NO_PROGRESS: Progress = { listener: null, rule: null, backend: null, sent: null };

/** How a request ended. `failure` is null when the client got the backend's response, or a filter's. */
export interface Ending {
  readonly status: number;
  readonly failure: Failure | null;
  readonly durationMs: number;
}

export function recordOf(
  { method, authority, target }: Pick<ExchangeRequest, "method" | "authority" | "target">,
  { listener, rule, backend, sent }: Progress,
  { status, failure, durationMs }: Ending,
): AccessRecord {
  const connection = sent?.kind === "response" ? sent.connection : null;
  return {
    method,
    authority,
    path: target.split("?", 1)[0] ?? "",
    status,
    durationMs,
    listener,
    route: rule?.route ?? null,
    rule: rule?.index ?? null,
    backend,
    endpoint: sent?.endpoint === undefined || sent.endpoint === null ? null : endpointText(sent.endpoint),
    tls: connection?.tls ?? null,
    protocol: connection?.protocol ?? null,
    code: failure?.code ?? null,
    detail: failure?.detail ?? null,
    mirror: false,
  };
}
