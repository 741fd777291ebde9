/**
 * Open connections, kept by key. A key holds everything a connection was verified for, so that no connection ever
 * serves another endpoint, protocol, policy or client identity. One pool outlives the bundles that succeed each other.
 * In workerd a socket belongs to the request that opened it: there the limits are NO_REUSE.
 */
import type { BundleBackend, BundleEndpoint } from "../../bundle/types.ts";
import type { PoolLimits } from "../limits.ts";
import { KeyedPool, type PoolContext } from "./keyed-pool.ts";
import type { PooledConnection } from "./pooled-connection.ts";
import { Room } from "./room.ts";

/** What a connection may be reused for. Equal strings: the same endpoint, protocol, policy and client identity. */
export type PoolKey = string;

/** `protocols`: what ALPN offers, where it is less than the policy has. */
export function poolKey(
  { transport, protocol }: BundleBackend,
  { host, port }: BundleEndpoint,
  clientIdentity: string | null,
  protocols: "any" | "http/1.1",
): PoolKey {
  const security = transport.kind === "tls" ? transport.policy : transport.kind;
  return JSON.stringify([host, port, protocol, security, clientIdentity, protocols]);
}

export class Pool implements PoolContext {
  readonly limits: PoolLimits;
  readonly clock: PoolContext["clock"];
  readonly random: () => number;
  readonly room: Room;
  readonly #keyedPools = new Map<PoolKey, KeyedPool>();
  /** Exchanges on connections of all keys. */
  inFlight = 0;
  freedMs = Number.NEGATIVE_INFINITY;
  #sweptMs: number;
  #closed = false;

  constructor(limits: PoolLimits, clock: PoolContext["clock"], random: () => number) {
    this.limits = limits;
    this.clock = clock;
    this.random = random;
    this.room = new Room(limits.connections, () => this.#idlest());
    this.#sweptMs = clock.monotonicMs();
  }

  get reuses(): boolean {
    return !this.#closed && this.limits.idlePerKey > 0;
  }

  /** Open connections of all keys, withdrawn ones and those still to be dialled too. */
  get open(): number {
    return this.room.open;
  }

  get idle(): number {
    let idle = 0;
    for (const keyedPool of this.#keyedPools.values()) idle += keyedPool.idle;
    return idle;
  }

  /** `multiplexes`: whether the peer speaks HTTP/2, null where only a connection can tell. */
  keyedPool(key: PoolKey, multiplexes: boolean | null): KeyedPool {
    let keyedPool = this.#keyedPools.get(key);
    if (keyedPool === undefined) this.#keyedPools.set(key, (keyedPool = new KeyedPool(this, multiplexes)));
    return keyedPool;
  }

  /** The keyed pools that stay; the others keep no connection from now on. What is in flight on theirs finishes. */
  retain(keyedPools: ReadonlySet<KeyedPool | null>): void {
    for (const [key, keyedPool] of this.#keyedPools) {
      if (keyedPools.has(keyedPool)) continue;
      this.#keyedPools.delete(key);
      keyedPool.withdraw();
    }
  }

  /** Closes what is idle; connections in use end with their exchange. */
  close(): void {
    this.#closed = true;
    for (const keyedPool of this.#keyedPools.values()) keyedPool.withdraw();
  }

  sweep(nowMs: number): number {
    if (nowMs - this.#sweptMs < this.limits.idleMs) return 0;
    this.#sweptMs = nowMs;
    let closed = 0;
    for (const keyedPool of this.#keyedPools.values()) closed += keyedPool.sweep();
    return closed;
  }

  #idlest(): PooledConnection | null {
    let idlest: PooledConnection | null = null;
    for (const keyedPool of this.#keyedPools.values()) {
      for (const each of keyedPool.unused()) {
        if (idlest === null || each.idleSinceMs < idlest.idleSinceMs) idlest = each;
      }
    }
    return idlest;
  }
}
