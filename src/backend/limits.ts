/** The limits of backend/, which docs/operations.md quotes. */

/** The times that a request may wait for its backend. */
export interface Timeouts {
  /** The time from the first dial to a verified connection, over all endpoints that are tried. */
  readonly connectMs: number;
  /**
   * The time to the head of the response from the request, or from the last bytes of its body, where the route sets no
   * `backendRequest`.
   */
  readonly responseMs: number;
  /** The longest a client waits for the next bytes of a body; a client that does not read is not waiting. */
  readonly bodyIdleMs: number;
}

/** The times that hold where a caller sets no others. */
export const DEFAULT_TIMEOUTS: Timeouts = { connectMs: 10_000, responseMs: 60_000, bodyIdleMs: 300_000 };

/** The limits of the pool. */
export interface PoolLimits {
  /** The number of connections of all keys together, with those being dialled. A request beyond waits up to `connectMs`. */
  readonly connections: number;
  /** The number of connections of one key, with those being dialled. A request beyond waits up to `connectMs`. */
  readonly connectionsPerKey: number;
  /**
   * The time that a request waits for room while all connections stay in use; where connections come free that other
   * requests get, eight times that. `connectMs` bounds the wait too.
   */
  readonly roomMs: number;
  /** The number of idle HTTP/1.1 connections kept for one key. 0: each exchange has a connection of its own. */
  readonly idlePerKey: number;
  /** The idle time after which a connection is closed, and not reused: backends close theirs at about 60 s or more. */
  readonly idleMs: number;
  /** The age from which no exchange begins on a connection, give or take a fifth, so that not all are renewed at once. */
  readonly lifetimeMs: number;
}

/** The limits that hold where a caller sets no others. */
export const DEFAULT_POOL_LIMITS: PoolLimits = {
  connections: Number.POSITIVE_INFINITY,
  connectionsPerKey: 1_024,
  roomMs: Number.POSITIVE_INFINITY,
  idlePerKey: 64,
  idleMs: 30_000,
  lifetimeMs: 600_000,
};

/**
 * The limits where a socket belongs to the request that opened it (workerd, without an object that pools). The number of
 * connections is not bounded here: the platform bounds the connections of an invocation, and when it ends an invocation,
 * the connections in it would stay counted for ever.
 */
export const NO_REUSE: PoolLimits = {
  ...DEFAULT_POOL_LIMITS,
  connectionsPerKey: Number.POSITIVE_INFINITY,
  idlePerKey: 0,
};

/**
 * The head start of a key for its own connections: a connection goes to the next request of its key, unless a request of
 * another key without room has waited for so much longer. A change of keys costs a handshake.
 */
export const YIELD_MS = 100;

/** The limits of dials. The delay is RFC 8305 §8's; the runtime's own dial races the addresses of one name. */
export const DIAL_LIMITS = {
  /** The number of endpoints tried for one connection. */
  endpoints: 3,
  /** The time without an accepted connection after which the next endpoint is dialled as well. */
  delayMs: 250,
  /** The number of dials of one key at a time, to begin with: enough handshakes to keep this process busy. */
  atOnce: 16,
  /** The longest handshake, in times of TCP's connect, that still counts as slow by the network. */
  roundTrips: 4,
} as const;

/** The limits of ejection. When all endpoints of a backend are ejected, none is. */
export const HEALTH_LIMITS = {
  /** The number of failures in a row, by the endpoint's fault, that eject an endpoint. */
  failures: 5,
  /** The time of the first ejection; each further one takes twice as long. */
  ejectionMs: 5_000,
  maxEjectionMs: 300_000,
} as const;

/**
 * The limits of refused chains. An endpoint whose chain was refused is not dialled for some time, even when it is the only
 * one: requests get the remembered code. Each further refusal doubles the time; a changed bundle ends it.
 */
export const REFUSED_PEER_LIMITS = {
  firstMs: 1_000,
  /** The longest time. With the second that a verdict is remembered (trust/cache.ts), no refusal is older than 30 s. */
  maxMs: 29_000,
  /** The time that other requests wait for the dial that asks again; after that the next request dials. */
  askMs: 15_000,
} as const;

/** The limits of instances of the module. */
export const ENGINE_LIMITS = {
  /** The number of connections on one instance; further connections get another instance. */
  connections: 256,
  /** The number of connections, open and closed, after which an instance is replaced in a worker without an object. */
  lifetimeConnections: 1_024,
  /** The memory from which an instance without connections is given up, because its memory cannot shrink. */
  retiredBytes: 8 * 1024 * 1024,
} as const;

/** The limits of retries. */
export const RETRY_LIMITS = {
  /** The backoff where `HTTPRouteRetry.backoff` is absent. */
  backoffMs: 25,
  /** The factor up to which the backoff doubles. */
  backoffFactor: 10,
  /** The longest request body that is kept for another attempt; a longer body is sent once. */
  bodyBytes: 64 * 1024,
  /** The idle time after which a connection is checked before a request that could not be repeated. */
  idleMs: 1_000,
} as const;
