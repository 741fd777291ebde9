/** Every limit and every time limit of backend/, in one place: docs/operations.md quotes them. */

/** How long a request may wait for its backend. */
export interface Timeouts {
  /** From the first dial to a verified connection, whatever endpoints are tried. */
  readonly connectMs: number;
  /** From the request, or the last its body moved, to the head of the response, where the route sets no `backendRequest`. */
  readonly responseMs: number;
  /** The longest a client waits for the next bytes of a body; a client that does not read is not waiting. */
  readonly bodyIdleMs: number;
}

export const DEFAULT_TIMEOUTS: Timeouts = { connectMs: 10_000, responseMs: 60_000, bodyIdleMs: 300_000 };

export interface PoolLimits {
  /** Open connections of all keys together, those being dialled too. A request beyond it waits, at most `connectMs`. */
  readonly connections: number;
  /** Open connections of one key, those being dialled too. A request beyond it waits, at most `connectMs`. */
  readonly connectionsPerKey: number;
  /**
   * How long a request waits for room where all connections are in use and none comes free; eight times as long where
   * others get those that do. `connectMs` bounds it too.
   */
  readonly roomMs: number;
  /** Idle HTTP/1.1 connections kept for one key. 0: each exchange has a connection of its own, closed when it ends. */
  readonly idlePerKey: number;
  /** A connection idle for longer is closed, not reused: backends close theirs at about 60 s or more. */
  readonly idleMs: number;
  /** No exchange begins on an older connection (give or take a fifth, so that not all are renewed at once). */
  readonly lifetimeMs: number;
}

export const DEFAULT_POOL_LIMITS: PoolLimits = {
  connections: Number.POSITIVE_INFINITY,
  connectionsPerKey: 1_024,
  roomMs: Number.POSITIVE_INFINITY,
  idlePerKey: 64,
  idleMs: 30_000,
  lifetimeMs: 600_000,
};
/**
 * Where a socket belongs to the request that opened it (workerd, without an object that pools). Connections are not
 * bounded in number: the platform bounds those of an invocation, and one that it ends would be counted for ever.
 */
export const NO_REUSE: PoolLimits = {
  ...DEFAULT_POOL_LIMITS,
  connectionsPerKey: Number.POSITIVE_INFINITY,
  idlePerKey: 0,
};

/**
 * A connection goes on to the next request of its own key, unless one of another key, for which there is no room, has
 * waited for so much longer: changing over costs a handshake.
 */
export const YIELD_MS = 100;

/** Dials of one request. RFC 8305 §8 for the delay; a name with several addresses is raced by the runtime's own dial. */
export const DIAL_LIMITS = {
  /** Endpoints tried for one connection. */
  endpoints: 3,
  /** The next endpoint is dialled too when one has not accepted for so long. */
  delayMs: 250,
  /** Of one key at a time, to begin with. More than a handshake's cost in this process keeps busy. */
  atOnce: 16,
  /** A handshake takes so many times as long as the peer needs to accept, at most, where the network takes the time. */
  roundTrips: 4,
} as const;

/** When an endpoint is left out, and for how long. All left out is none left out. */
export const HEALTH_LIMITS = {
  /** Failures in a row that are the endpoint's. */
  failures: 5,
  /** The first time out; each further one doubles it. */
  ejectionMs: 5_000,
  maxEjectionMs: 300_000,
} as const;

/**
 * How long an endpoint is not dialled after its chain was refused, even when it is the only one: requests get the
 * remembered code. Each further refusal doubles the time; a changed bundle ends it.
 */
export const REFUSED_PEER_LIMITS = {
  firstMs: 1_000,
  /** With the second for which a verdict is remembered (trust/cache.ts) no client gets a refusal older than 30 s. */
  maxMs: 29_000,
  /** The others wait for the dial that asks again, which has a limit of its own; after so long another one asks. */
  askMs: 15_000,
} as const;

/** Instances of the module. */
export const ENGINE_LIMITS = {
  /** Connections of one; the next one then gets an instance of its own. */
  connections: 256,
  /** Connections that an instance may ever have had before another replaces it, in a worker without an object. */
  lifetimeConnections: 1_024,
  /** An instance without connections that has grown so far is given up: its memory cannot shrink. */
  retiredBytes: 8 * 1024 * 1024,
} as const;

export const RETRY_LIMITS = {
  /** `HTTPRouteRetry.backoff`, where the route leaves it out. */
  backoffMs: 25,
  /** The backoff doubles up to so many times its base. */
  backoffFactor: 10,
  /** A request body is kept for another attempt up to here; a longer one is sent once. */
  bodyBytes: 64 * 1024,
  /** A connection idle for longer is looked at once more before a request that could not be repeated. */
  idleMs: 1_000,
} as const;
