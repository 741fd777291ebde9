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
  /** An idle connection older than this is closed, not reused: backends close theirs at about 60 s or more. */
  readonly idleMs: number;
}

export const DEFAULT_POOL_LIMITS: PoolLimits = { idlePerKey: 64, idleMs: 30_000 };
/** Each exchange has a connection of its own, closed when it ends. */
export const NO_REUSE: PoolLimits = { idlePerKey: 0, idleMs: 0 };

interface Idle {
  readonly connection: Connection;
  readonly sinceMs: number;
}

export class Pool {
  readonly #limits: PoolLimits;
  readonly #monotonicMs: () => number;
  readonly #nowMs: () => number;
  readonly #idle = new Map<PoolKey, Idle[]>();
  /** One HTTP/2 connection a key, shared by concurrent requests. */
  readonly #shared = new Map<PoolKey, Connection>();
  #closed = false;

  constructor(limits: PoolLimits, clock: { monotonicMs(): number; now(): number }) {
    this.#limits = limits;
    this.#monotonicMs = () => clock.monotonicMs();
    this.#nowMs = () => clock.now();
  }

  /** A live connection whose verdict still holds, or null. An HTTP/1.1 connection is the caller's until put back. */
  take(key: PoolKey): Connection | null {
    const shared = this.#shared.get(key);
    if (shared !== undefined) {
      if (this.#usable(shared)) return shared.ready ? shared : null;
      this.#shared.delete(key);
      shared.close();
    }
    const list = this.#idle.get(key);
    for (let idle = list?.pop(); idle !== undefined; idle = list?.pop()) {
      const fresh = this.#monotonicMs() - idle.sinceMs < this.#limits.idleMs;
      if (fresh && this.#usable(idle.connection)) return idle.connection;
      idle.connection.close();
    }
    this.#idle.delete(key);
    return null;
  }

  /** Announces a new connection: one that multiplexes is shared from its first exchange on. */
  opened(key: PoolKey, connection: Connection): void {
    if (this.#closed || this.#limits.idlePerKey === 0 || !multiplexes(connection)) return;
    const before = this.#shared.get(key);
    if (before === undefined || !this.#usable(before)) this.#shared.set(key, connection);
  }

  /** An exchange on this connection has ended. */
  release(key: PoolKey, connection: Connection): void {
    if (this.#shared.get(key) === connection && this.#usable(connection)) return;
    const list = this.#idle.get(key) ?? [];
    if (this.#closed || this.#limits.idlePerKey === 0 || multiplexes(connection) || !this.#usable(connection)) {
      if (connection.inflight === 0) connection.close();
      return;
    }
    if (list.length >= this.#limits.idlePerKey) list.shift()?.connection.close();
    list.push({ connection, sinceMs: this.#monotonicMs() });
    this.#idle.set(key, list);
  }

  /** Closes what is idle; connections in use end with their exchange. */
  close(): void {
    this.#closed = true;
    for (const list of this.#idle.values()) for (const { connection } of list) connection.close();
    this.#idle.clear();
    for (const connection of this.#shared.values()) if (connection.inflight === 0) connection.close();
    this.#shared.clear();
  }

  /** A verdict is never used past the earliest notAfter of its path. */
  #usable(connection: Connection): boolean {
    const { security } = connection;
    return connection.alive && (security.kind === "plaintext" || security.peer.path.notAfterMs > this.#nowMs());
  }
}

const multiplexes = ({ protocol }: Connection): boolean => protocol !== "http/1.1";
