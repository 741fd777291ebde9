/**
 * Sends one exchange to a backend of the bundle: endpoint, connection, verdict, request. The only path by which a
 * request leaves the gateway; a connection under a policy exists for it only once its chain was verified.
 */
import type { Bundle, BundleBackend, BundleEndpoint } from "../bundle/types.ts";
import { connect, type Connected } from "./connect.ts";
import type { Connection } from "./engine/connection.ts";
import type { ExchangeRequest, ExchangeResponse } from "./exchange.ts";
import { exchangeOn } from "./exchange-on.ts";
import { type BackendFailure, transportFailure } from "./failure.ts";
import type { Host } from "./host.ts";
import { Policies } from "./policies.ts";
import { DEFAULT_POOL_LIMITS, Pool, poolKey, type PoolLimits } from "./pool.ts";

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

export interface Backends {
  /** Never rejects but for a bug of ours. */
  send(id: string, request: ExchangeRequest): Promise<Sent>;
  /** Closes idle connections; exchanges in flight finish. */
  close(): void;
}

export interface Timeouts {
  /** From the first dial to a verified connection. */
  readonly connectMs: number;
  /** From the request to the head of the response. */
  readonly responseMs: number;
}

export const DEFAULT_TIMEOUTS: Timeouts = { connectMs: 10_000, responseMs: 60_000 };
/** Endpoints tried for one request, while none has answered a dial. */
const MAX_ENDPOINTS_TRIED = 3;

export interface BackendsOptions {
  readonly bundle: Bundle;
  readonly host: Host;
  readonly poolLimits?: PoolLimits;
  readonly timeouts?: Timeouts;
}

export function createBackends({ bundle, host, poolLimits, timeouts = DEFAULT_TIMEOUTS }: BackendsOptions): Backends {
  const policies = new Policies(bundle, host);
  const pool = new Pool(poolLimits ?? DEFAULT_POOL_LIMITS, host);
  let turn = 0;

  /** One endpoint: a pooled connection, then a new one when the pooled one turns out to be gone. */
  async function attempt(backend: BundleBackend, endpoint: BundleEndpoint, request: ExchangeRequest): Promise<Sent> {
    const key = poolKey(backend, endpoint, null);
    for (let pooled = pool.take(key); pooled !== null; pooled = pool.take(key)) {
      const sent = await exchange(key, pooled, endpoint, request);
      if (sent.kind === "response" || !retriable(sent.failure, request)) return sent;
    }
    const connected: Connected = await connect({
      backend,
      endpoint,
      policies,
      host,
      connectMs: timeouts.connectMs,
      signal: request.signal,
    });
    if (connected.kind === "failed") return { ...connected, endpoint };
    pool.opened(key, connected.connection);
    return exchange(key, connected.connection, endpoint, request);
  }

  async function exchange(
    key: string,
    connection: Connection,
    endpoint: BundleEndpoint,
    request: ExchangeRequest,
  ): Promise<Sent> {
    const release = (): void => pool.release(key, connection);
    const result = await exchangeOn(connection, request, timeouts.responseMs, release);
    if ("kind" in result) return { kind: "failed", failure: result, endpoint };
    return { kind: "response", response: result, endpoint, connection: facts(connection) };
  }

  return {
    async send(id, request) {
      const backend = bundle.backends[id];
      if (backend === undefined) throw new RangeError(`bundle: no backend ${id}`);
      const { transport } = backend;
      if (transport.kind === "refused") {
        const detail = transport.policies.length === 0 ? "no policy" : `policy ${transport.policies.join(", ")}`;
        return { kind: "failed", failure: { kind: "configuration", code: transport.code, detail }, endpoint: null };
      }
      const { endpoints } = backend;
      let last: Sent = {
        kind: "failed",
        failure: transportFailure("no-endpoint", `${id} has no ready endpoint`, "nothing"),
        endpoint: null,
      };
      const start = turn++;
      for (let tried = 0; tried < Math.min(endpoints.length, MAX_ENDPOINTS_TRIED); tried++) {
        const endpoint = endpoints[(start + tried) % endpoints.length];
        if (endpoint === undefined) break;
        last = await attempt(backend, endpoint, request);
        if (last.kind === "response" || !undialled(last.failure) || request.signal.aborted) return last;
      }
      return last;
    },
    close: () => pool.close(),
  };
}

/** No connection came about, so another endpoint may answer. A refused chain is an answer: it is reported, not hidden. */
function undialled(failure: BackendFailure): boolean {
  return (
    failure.kind === "transport" && (failure.code === "connection-refused" || failure.code === "connection-unreachable")
  );
}

const IDEMPOTENT = new Set(["GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"]);

/**
 * Whether an exchange that failed on a reused connection may be sent again: the peer closes idle connections at any
 * time. Only without a body (it is spent), and only when nothing was sent or the method is idempotent
 * (RFC 9110 §9.2.2).
 */
function retriable(failure: BackendFailure, request: ExchangeRequest): boolean {
  if (failure.kind !== "transport" || request.body !== null || request.signal.aborted) return false;
  if (failure.sent === "nothing") return failure.code !== "response-timeout";
  return failure.code === "connection-terminated" && IDEMPOTENT.has(request.method);
}

function facts({ protocol, security }: Connection): ConnectionFacts {
  if (security.kind === "plaintext") return { protocol, tls: null };
  const { presented } = security.peer.path.matched;
  return {
    protocol,
    tls: { version: security.version, sni: security.sni, resumed: security.resumed, matched: presented },
  };
}
