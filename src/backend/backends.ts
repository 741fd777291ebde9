/**
 * Sends one exchange to a backend of the bundle: endpoint, connection, verdict, request. The only path by which a
 * request leaves the gateway; a connection under a policy exists for it only once its chain was verified.
 */
import type { BackendId, Bundle, BundleBackend, BundleEndpoint } from "../bundle/types.ts";
import { connect, type Connected } from "./connect.ts";
import type { Connection } from "./engine/connection.ts";
import { type ExchangeRequest, type ExchangeResponse, isIdempotent } from "./exchange.ts";
import { exchangeOn } from "./exchange-on.ts";
import { type BackendFailure, transportFailure } from "./failure.ts";
import { requestFault } from "./framing.ts";
import type { Host } from "./host.ts";
import { Policies } from "./policies.ts";
import { DEFAULT_POOL_LIMITS, Pool, poolKey, type PoolLimits } from "./pool.ts";
import { DEFAULT_TIMEOUTS, type Timeouts } from "./timeouts.ts";

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

/** Endpoints tried for one request, while none has answered a dial. */
const MAX_ENDPOINTS_TRIED = 3;

export interface BackendsOptions {
  readonly bundle: Bundle;
  readonly host: Host;
  readonly poolLimits?: PoolLimits;
  /** Those not given have their defaults. */
  readonly timeouts?: Partial<Timeouts>;
}

export function createBackends({ bundle, host, poolLimits, timeouts: given }: BackendsOptions): Backends {
  const timeouts: Timeouts = { ...DEFAULT_TIMEOUTS, ...given };
  const policies = new Policies(bundle, host);
  const pool = new Pool(poolLimits ?? DEFAULT_POOL_LIMITS, host);
  const turns = new Turns(host);

  /** One endpoint: a pooled connection, then a new one when the pooled one turns out to be gone. */
  async function attempt(
    backend: BundleBackend,
    endpoint: BundleEndpoint,
    request: ExchangeRequest,
    connectMs: number,
  ): Promise<Sent> {
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
      connectMs,
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
    const result = await exchangeOn(connection, request, timeouts, release);
    if ("kind" in result) {
      // Maybe only this request was slow, maybe nothing comes through any more: the next one does not wait to see.
      if (result.kind === "transport" && result.code === "response-timeout") pool.discard(key, connection);
      return { kind: "failed", failure: result, endpoint };
    }
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
      const fault = requestFault(request);
      if (fault !== null) {
        return { kind: "failed", failure: transportFailure("bad-request", fault, "nothing"), endpoint: null };
      }
      const { endpoints } = backend;
      let last: Sent = {
        kind: "failed",
        failure: transportFailure("no-endpoint", `${id} has no ready endpoint`, "nothing"),
        endpoint: null,
      };
      const start = turns.next(id);
      const deadlineMs = host.monotonicMs() + timeouts.connectMs;
      for (let tried = 0; tried < Math.min(endpoints.length, MAX_ENDPOINTS_TRIED); tried++) {
        const endpoint = endpoints[(start + tried) % endpoints.length];
        if (endpoint === undefined) break;
        last = await attempt(backend, endpoint, request, Math.max(deadlineMs - host.monotonicMs(), 0));
        if (last.kind === "response" || !undialled(last.failure) || request.signal.aborted) return last;
      }
      return last;
    },
    close: () => pool.close(),
  };
}

/** Each backend's endpoints in turn, from a random one on: many short-lived hosts must not all begin with the first. */
class Turns {
  readonly #host: Host;
  readonly #next = new Map<BackendId, number>();

  constructor(host: Host) {
    this.#host = host;
  }

  next(id: BackendId): number {
    const turn = this.#next.get(id) ?? this.#random();
    this.#next.set(id, turn + 1);
    return turn;
  }

  #random(): number {
    const bytes = new Uint8Array(2);
    this.#host.randomFill(bytes);
    return bytes.reduce((number, byte) => number * 256 + byte, 0);
  }
}

/** No connection came about, so another endpoint may answer. A refused chain is an answer: it is reported, not hidden. */
function undialled(failure: BackendFailure): boolean {
  return (
    failure.kind === "transport" && (failure.code === "connection-refused" || failure.code === "connection-unreachable")
  );
}

/**
 * Whether an exchange that failed on a reused connection may be sent again: the peer closes idle connections at any
 * time. Only without a body (it is spent), and only when nothing was sent or the method is idempotent
 * (RFC 9110 §9.2.2).
 */
function retriable(failure: BackendFailure, request: ExchangeRequest): boolean {
  if (failure.kind !== "transport" || request.body !== null || request.signal.aborted) return false;
  if (failure.code === "bad-request" || failure.code === "request-too-large") return false;
  if (failure.sent === "nothing") return true;
  return failure.code === "connection-terminated" && isIdempotent(request.method);
}

function facts({ protocol, security }: Connection): ConnectionFacts {
  if (security.kind === "plaintext") return { protocol, tls: null };
  const { presented } = security.peer.path.matched;
  return {
    protocol,
    tls: { version: security.version, sni: security.sni, resumed: security.resumed, matched: presented },
  };
}
