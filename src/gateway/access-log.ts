/** The access log: one record per request. Hosts decide where records are written. */
import type { ConnectionFacts, ExchangeRequest, Sent } from "../backend/index.ts";
import type { BackendId, BundleEndpoint, BundleRule } from "../bundle/types.ts";
import type { Failure, FailureCode } from "./failures.ts";

/** An access record. A field is null when the request did not get that far. */
export interface AccessRecord {
  readonly method: string;
  readonly authority: string;
  /** The request's path, without the query, which may carry secrets. */
  readonly path: string;
  readonly status: number;
  readonly durationMs: number;
  readonly listener: string | null;
  readonly route: string | null;
  readonly rule: number | null;
  readonly backend: string | null;
  readonly endpoint: string | null;
  /** The TLS connection to the backend; null in plaintext, and when the request failed before a response. */
  readonly tls: ConnectionFacts["tls"];
  readonly protocol: string | null;
  readonly code: FailureCode | null;
  readonly detail: string | null;
  /** Whether this is the record of a mirrored copy that failed. The copied request has a record of its own. */
  readonly mirror: boolean;
}

/** A function that writes one access record. */
export type AccessLog = (record: AccessRecord) => void;

function endpointText({ host, port }: BundleEndpoint): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}

/** The progress of a request: a field is null when the request did not get that far. */
export interface Progress {
  /** `namespace/gateway/listener`. */
  readonly listener: string | null;
  readonly rule: BundleRule | null;
  readonly backend: BackendId | null;
  readonly sent: Sent | null;
}

/** The progress of a request that has reached nothing yet. */
export const NO_PROGRESS: Progress = { listener: null, rule: null, backend: null, sent: null };

/** The end of a request. `failure` is null when the client got the backend's response, or a filter's. */
interface Ending {
  readonly status: number;
  readonly failure: Failure | null;
  readonly durationMs: number;
}

/** The access record of a request that got as far as `progress` says, and ended as `ending` says. */
export function recordOf(
  { method, authority, target }: Pick<ExchangeRequest, "method" | "authority" | "target">,
  progress: Progress,
  ending: Ending,
): AccessRecord {
  const { listener, rule, backend, sent } = progress;
  const { status, failure, durationMs } = ending;
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
