/**
 * Open connections waiting for their next request. A key holds everything a connection was verified for, so none ever
 * serves another endpoint, protocol, policy or client identity. On Node, Deno and Bun one pool lives as long as the
 * bundle. In workerd a socket belongs to the request that opened it: there the limits are {@link NO_REUSE}.
 */
import type { BundleBackend, BundleEndpoint } from "../bundle/types.ts";
import type { Connection } from "./engine/connection.ts";

/** What a connection may be reused for. Equal strings: the same endpoint, protocol, policy and client identity. */
export type PoolKey = string;

export function poolKey(backend: BundleBackend, endpoint: BundleEndpoint, clientIdentity: string | null): PoolKey {
  const { transport } = backend;
  const security = transport.kind === "tls" ? transport.policy : transport.kind;
  return JSON.stringify([endpoint.host, endpoint.port, backend.protocol, security, clientIdentity]);
}

export interface PoolLimits {
  /** Idle HTTP/1.1 connections kept for one key. */
  readonly idlePerKey: number;
  /** A connection idle for longer is closed, not reused: backends close theirs at about 60 s or more. */
  readonly idleMs: number;
}

export const DEFAULT_POOL_LIMITS: PoolLimits = { idlePerKey: 64, idleMs: 30_000 };
/** Each exchange has a connection of its own, closed when it ends. */
export const NO_REUSE: PoolLimits = { idlePerKey: 0, idleMs: 0 };

interface Idle {
  readonly connection: Connection;
  readonly sinceMs: number;
}

interface Shared {
  readonly connection: Connection;
  /** Since when it has carried nothing. */
  idleSinceMs: number;
}

export class Pool {
  readonly #limits: PoolLimits;
  readonly #monotonicMs: () => number;
  readonly #nowMs: () => number;
  readonly #idle = new Map<PoolKey, Idle[]>();
  /** One HTTP/2 connection a key, shared by concurrent requests. */
  readonly #shared = new Map<PoolKey, Shared>();
  #sweptMs: number;
  #closed = false;

  constructor(limits: PoolLimits, clock: { monotonicMs(): number; now(): number }) {
    this.#limits = limits;
    this.#monotonicMs = () => clock.monotonicMs();
    this.#nowMs = () => clock.now();
    this.#sweptMs = clock.monotonicMs();
  }

  /** A live connection whose verdict still holds, or null. An HTTP/1.1 connection is the caller's until put back. */
  take(key: PoolKey): Connection | null {
    const shared = this.#shared.get(key);
    if (shared !== undefined) {
      if (this.#sharable(shared)) return shared.connection.ready ? shared.connection : null;
      this.#shared.delete(key);
      retire(shared.connection);
    }
    const list = this.#idle.get(key);
    for (let idle = list?.pop(); idle !== undefined; idle = list?.pop()) {
      if (this.#reusable(idle)) return idle.connection;
      idle.connection.close();
    }
    this.#idle.delete(key);
    return null;
  }

  /** Announces a new connection: one that multiplexes is shared from its first exchange on. */
  opened(key: PoolKey, connection: Connection): void {
    if (this.#closed || this.#limits.idlePerKey === 0 || !multiplexes(connection)) return;
    const before = this.#shared.get(key);
    if (before !== undefined && this.#sharable(before)) return;
    if (before !== undefined) retire(before.connection);
    this.#shared.set(key, { connection, idleSinceMs: this.#monotonicMs() });
  }

  /** An exchange on this connection has ended. */
  release(key: PoolKey, connection: Connection): void {
    this.#sweep();
    const shared = this.#shared.get(key);
    if (shared?.connection === connection && this.#usable(connection)) {
      shared.idleSinceMs = this.#monotonicMs();
      return;
    }
    if (this.#closed || this.#limits.idlePerKey === 0 || multiplexes(connection) || !this.#usable(connection)) {
      return retire(connection);
    }
    const list = this.#idle.get(key) ?? [];
    if (list.length >= this.#limits.idlePerKey) list.shift()?.connection.close();
    list.push({ connection, sinceMs: this.#monotonicMs() });
    this.#idle.set(key, list);
  }

  /** No further exchange begins on this connection. */
  discard(key: PoolKey, connection: Connection): void {
    if (this.#shared.get(key)?.connection === connection) this.#shared.delete(key);
    retire(connection);
  }

  /** Closes what is idle; connections in use end with their exchange. */
  close(): void {
    this.#closed = true;
    for (const list of this.#idle.values()) for (const { connection } of list) connection.close();
    this.#idle.clear();
    for (const { connection } of this.#shared.values()) retire(connection);
    this.#shared.clear();
  }

  /** Closes what no request will ask for again. No timer: what nobody else uses costs nothing until then. */
  #sweep(): void {
    if (this.#monotonicMs() - this.#sweptMs < this.#limits.idleMs) return;
    this.#sweptMs = this.#monotonicMs();
    for (const [key, list] of this.#idle) {
      const kept = list.filter((idle) => this.#reusable(idle));
      for (const idle of list) if (!kept.includes(idle)) idle.connection.close();
      if (kept.length === 0) this.#idle.delete(key);
      else this.#idle.set(key, kept);
    }
    for (const [key, shared] of this.#shared) {
      if (this.#sharable(shared)) continue;
      this.#shared.delete(key);
      retire(shared.connection);
    }
  }

  #reusable({ connection, sinceMs }: Idle): boolean {
    return this.#monotonicMs() - sinceMs < this.#limits.idleMs && this.#usable(connection);
  }

  #sharable({ connection, idleSinceMs }: Shared): boolean {
    if (!this.#usable(connection)) return false;
    return connection.inflight > 0 || this.#monotonicMs() - idleSinceMs < this.#limits.idleMs;
  }

  /** A verdict is never used past the earliest notAfter of its path. */
  #usable(connection: Connection): boolean {
    const { security } = connection;
    return connection.alive && (security.kind === "plaintext" || security.peer.path.notAfterMs > this.#nowMs());
  }
}

/** What is in flight finishes first, after GOAWAY too (RFC 9113 §6.8); its last exchange retires it again. */
function retire(connection: Connection): void {
  if (connection.inflight === 0) connection.close();
}

const multiplexes = ({ protocol }: Connection): boolean => protocol !== "http/1.1";
