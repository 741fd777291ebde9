/**
 * Open connections, and who may use them next. A key holds everything a connection was verified for, so none ever
 * serves another endpoint, protocol, policy or client identity. One pool outlives the bundles that succeed each other.
 * In workerd a socket belongs to the request that opened it: there the limits are NO_REUSE.
 */
import type { BundleBackend, BundleEndpoint } from "../../bundle/types.ts";
import type { PoolLimits } from "../limits.ts";
import { KeyedPool } from "./keyed-pool.ts";
import type { PooledConnection } from "./pooled-connection.ts";

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

interface Clock {
  monotonicMs(): number;
  now(): number;
}

export class Pool {
  readonly limits: PoolLimits;
  readonly clock: Clock;
  readonly random: () => number;
  readonly #keyedPools = new Map<PoolKey, KeyedPool>();
  /** Lanes that somebody waits in. */
  readonly #crowded = new Set<KeyedPool>();
  /** Idle ones that were closed for others, and are not yet gone. */
  readonly #leaving = new Set<PooledConnection>();
  /** Connections of all keys, withdrawn ones and those still to be dialled too. */
  open = 0;
  /** Exchanges on them. */
  inFlight = 0;
  /** When an exchange last ended; monotonic. */
  freedMs = Number.NEGATIVE_INFINITY;
  #sweptMs: number;
  #closed = false;

  constructor(limits: PoolLimits, clock: Clock, random: () => number) {
    this.limits = limits;
    this.clock = clock;
    this.random = random;
    this.#sweptMs = clock.monotonicMs();
  }

  get reuses(): boolean {
    return !this.#closed && this.limits.idlePerKey > 0;
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

  /**
   * Closes what no request will ask for again, and answers how many those are. No timer: what nobody else uses costs
   * nothing until then.
   */
  sweep(nowMs: number): number {
    if (nowMs - this.#sweptMs < this.limits.idleMs) return 0;
    this.#sweptMs = nowMs;
    let closed = 0;
    for (const keyedPool of this.#keyedPools.values()) closed += keyedPool.sweep();
    return closed;
  }

  get idle(): number {
    let idle = 0;
    for (const keyedPool of this.#keyedPools.values()) idle += keyedPool.idle;
    return idle;
  }

  get hasRoom(): boolean {
    return this.open < this.limits.connections;
  }

  /** Somebody has come to wait for a connection of this key. For room, connections that nobody uses are closed, the idlest first. */
  startWaiting(keyedPool: KeyedPool): void {
    this.#crowded.add(keyedPool);
    while (this.#isShort) {
      const [idlest] = [...this.#keyedPools.values()].flatMap((each) => each.unused()).sort(byIdleness);
      if (idlest === undefined) return;
      this.dismiss(idlest);
    }
  }

  /**
   * Somebody waits no longer for a connection of this key. Those who stood back for it need not any more when it was the last. Only who
   * will find something is called: others would wait again, which calls those here, and so on without end.
   */
  stopWaiting(keyedPool: KeyedPool): void {
    if (keyedPool.oldestMs !== null || !this.#crowded.delete(keyedPool) || this.hasRoom) return;
    for (const each of this.#crowded) if (each.hasFreeConnection) each.retryWaiters();
  }

  /** Closes a connection that nobody uses, for somebody who waits for room. */
  dismiss(pooled: PooledConnection): void {
    this.#leaving.add(pooled);
    pooled.keyedPool.discard(pooled);
  }

  /** A connection is gone (null: it never came about): who has waited longest opens the next. */
  connectionClosed(pooled: PooledConnection | null): void {
    this.open--;
    if (pooled !== null) this.#leaving.delete(pooled);
    this.admit();
  }

  /** There may be room: who has waited longest dials. */
  admit(): void {
    for (let keyedPool = this.#first(null); this.hasRoom && keyedPool !== null; keyedPool = this.#first(null))
      keyedPool.admit();
  }

  /** Whether somebody of another key has waited for room since before `sinceMs`. */
  mustYield(keyedPool: KeyedPool, sinceMs: number): boolean {
    return this.#isShort && (this.#first(keyedPool)?.oldestMs ?? Number.POSITIVE_INFINITY) < sinceMs;
  }

  /** More connections are wanted than leave. */
  get #isShort(): boolean {
    let wanted = 0;
    for (const each of this.#crowded) wanted += each.wanted;
    return wanted > this.#leaving.size;
  }

  /** Where somebody has waited longest for room. */
  #first(but: KeyedPool | null): KeyedPool | null {
    let first: KeyedPool | null = null;
    for (const keyedPool of this.#crowded) {
      if (keyedPool === but || keyedPool.wanted === 0) continue;
      if (first === null || (keyedPool.oldestMs ?? 0) < (first.oldestMs ?? 0)) first = keyedPool;
    }
    return first;
  }
}

const byIdleness = (one: PooledConnection, other: PooledConnection): number => one.idleSinceMs - other.idleSinceMs;
