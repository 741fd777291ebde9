/**
 * The pool of connections to all backends: a keyed pool for each key. A key names everything that a connection was
 * verified for, so that no connection ever serves another endpoint, protocol, policy or client identity. The pool is kept
 * when one bundle succeeds another. In workerd a socket belongs to the request that opened it, so there the limits are
 * NO_REUSE.
 */
import type { BundleBackend, BundleEndpoint } from "../../bundle/types.ts";
import type { PoolLimits } from "../limits.ts";
import { KeyedPool } from "./keyed-pool.ts";
import type { PoolContext } from "./pool-context.ts";
import type { PooledConnection } from "./pooled-connection.ts";
import { Capacity } from "./capacity.ts";

/** A key: connections with equal keys have the same endpoint, protocol, policy and client identity. */
export type PoolKey = string;

/** The key of an endpoint's connections. `protocols` says what ALPN offers: all protocols of the policy, or only one. */
export function poolKey(
  { transport, protocol }: BundleBackend,
  { host, port }: BundleEndpoint,
  clientIdentity: string | null,
  protocols: "any" | "http/1.1",
): PoolKey {
  const security = transport.kind === "tls" ? transport.policy : transport.kind;
  return JSON.stringify([host, port, protocol, security, clientIdentity, protocols]);
}

/** The pool of all keys. */
export class Pool implements PoolContext {
  readonly limits: PoolLimits;
  readonly clock: PoolContext["clock"];
  readonly random: () => number;
  readonly capacity: Capacity;
  readonly #keyedPools = new Map<PoolKey, KeyedPool>();
  /** The number of exchanges on connections of all keys. */
  inFlight = 0;
  freedMs = Number.NEGATIVE_INFINITY;
  #sweptMs: number;
  #closed = false;

  constructor(limits: PoolLimits, clock: PoolContext["clock"], random: () => number) {
    this.limits = limits;
    this.clock = clock;
    this.random = random;
    this.capacity = new Capacity(limits.connections, () => this.#longestIdle());
    this.#sweptMs = clock.monotonicMs();
  }

  /** Whether a connection serves more than one exchange. */
  get reuses(): boolean {
    return !this.#closed && this.limits.idlePerKey > 0;
  }

  /** The number of connections of all keys, with withdrawn connections and connections that are being dialled. */
  get open(): number {
    return this.capacity.open;
  }

  /** The number of connections without an exchange. */
  get idle(): number {
    let idle = 0;
    for (const keyedPool of this.#keyedPools.values()) idle += keyedPool.connections.idle;
    return idle;
  }

  /** The keyed pool of `key`. `multiplexes`: whether the peer speaks HTTP/2; null where only a connection can tell. */
  keyedPool(key: PoolKey, multiplexes: boolean | null): KeyedPool {
    let keyedPool = this.#keyedPools.get(key);
    if (keyedPool === undefined) this.#keyedPools.set(key, (keyedPool = new KeyedPool(this, multiplexes)));
    return keyedPool;
  }

  /** Keeps these keyed pools and withdraws all others: exchanges in flight finish, and no connection is used again. */
  retain(keyedPools: ReadonlySet<KeyedPool | null>): void {
    for (const [key, keyedPool] of this.#keyedPools) {
      if (keyedPools.has(keyedPool)) continue;
      this.#keyedPools.delete(key);
      keyedPool.connections.withdraw();
    }
  }

  /** Closes idle connections; a connection in use is closed when its exchange ends. */
  close(): void {
    this.#closed = true;
    for (const keyedPool of this.#keyedPools.values()) keyedPool.connections.withdraw();
  }

  /** Closes connections that no request will use again, at most once in `idleMs`; answers how many. */
  sweep(nowMs: number): number {
    if (nowMs - this.#sweptMs < this.limits.idleMs) return 0;
    this.#sweptMs = nowMs;
    let closed = 0;
    for (const keyedPool of this.#keyedPools.values()) closed += keyedPool.connections.sweep();
    return closed;
  }

  /** The connection without exchanges that has been idle for longest; null when there is none. */
  #longestIdle(): PooledConnection | null {
    let idlest: PooledConnection | null = null;
    for (const keyedPool of this.#keyedPools.values()) {
      for (const each of keyedPool.connections.unused) {
        if (idlest === null || each.idleSinceMs < idlest.idleSinceMs) idlest = each;
      }
    }
    return idlest;
  }
}
