/** One record a request: what was asked, who answered, and why not. Hosts write it where their logs go. */
import type { ConnectionFacts } from "../backend/backends.ts";
import type { BundleEndpoint } from "../bundle/types.ts";
import type { FailureCode } from "./failures.ts";

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
