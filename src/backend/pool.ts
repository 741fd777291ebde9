/**
 * Open connections, and who may use them next. A key holds everything a connection was verified for, so none ever
 * serves another endpoint, protocol, policy or client identity. One pool outlives the bundles that succeed each other.
 * In workerd a socket belongs to the request that opened it: there the limits are NO_REUSE.
 */
import type { BundleBackend, BundleEndpoint } from "../bundle/types.ts";
import type { Connected } from "./connect.ts";
import type { Connection } from "./engine/connection.ts";
import type { PoolLimits } from "./limits.ts";
import { SharedDial } from "./shared-dial.ts";

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

/** An open connection, as the pool knows it. */
export interface Held {
  readonly connection: Connection;
  readonly lane: Lane;
  /** No exchange begins later; monotonic. */
  readonly untilMs: number;
  /** When its last exchange ended; monotonic. */
  idleSinceMs: number;
}

interface Clock {
  monotonicMs(): number;
  now(): number;
}

export class Pool {
  readonly limits: PoolLimits;
  readonly clock: Clock;
  readonly random: () => number;
  readonly #lanes = new Map<PoolKey, Lane>();
  /** Connections of all lanes, withdrawn ones too. */
  open = 0;
  /** Exchanges on them. */
  inFlight = 0;
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
  lane(key: PoolKey, multiplexes: boolean | null): Lane {
    let lane = this.#lanes.get(key);
    if (lane === undefined) this.#lanes.set(key, (lane = new Lane(this, multiplexes)));
    return lane;
  }

  /** The lanes that stay; the others keep no connection from now on. What is in flight on theirs finishes. */
  retain(lanes: ReadonlySet<Lane | null>): void {
    for (const [key, lane] of this.#lanes) {
      if (lanes.has(lane)) continue;
      this.#lanes.delete(key);
      lane.withdraw();
    }
  }

  /** Closes what is idle; connections in use end with their exchange. */
  close(): void {
    this.#closed = true;
    for (const lane of this.#lanes.values()) lane.withdraw();
  }

  /** Closes what no request will ask for again. No timer: what nobody else uses costs nothing until then. */
  sweep(nowMs: number): void {
    if (nowMs - this.#sweptMs < this.limits.idleMs) return;
    this.#sweptMs = nowMs;
    for (const lane of this.#lanes.values()) lane.sweep();
  }

  get idle(): number {
    let idle = 0;
    for (const lane of this.#lanes.values()) idle += lane.idle;
    return idle;
  }
}

/** The connections of one key. */
export class Lane {
  readonly #pool: Pool;
  /** HTTP/1.1, the one used last at the end: those at the front grow old, and are closed. */
  readonly #idle: Held[] = [];
  /** HTTP/2: each carries several exchanges; the first with room is used. */
  readonly #shared = new Set<Held>();
  readonly #waiting: (() => void)[] = [];
  #dial: SharedDial | null = null;
  #open = 0;
  #withdrawn = false;
  /** Whether the peer speaks HTTP/2, as the last connection told. */
  #multiplexes: boolean | null;

  constructor(pool: Pool, multiplexes: boolean | null) {
    this.#pool = pool;
    this.#multiplexes = multiplexes;
  }

  /** No further connection may be opened now. */
  get isFull(): boolean {
    return this.#open >= this.#pool.limits.connectionsPerKey;
  }

  get idle(): number {
    let idle = this.#idle.length;
    for (const { connection } of this.#shared) if (connection.inflight === 0) idle++;
    return idle;
  }

  /** A live connection whose verdict still holds, or null. An HTTP/1.1 connection is the caller's until released. */
  take(): Held | null {
    for (const held of this.#shared) {
      if (!this.#keeps(held)) this.discard(held);
      else if (held.connection.ready) return held;
    }
    for (let held = this.#idle.pop(); held !== undefined; held = this.#idle.pop()) {
      if (this.#keeps(held) && held.connection.ready) return held;
      held.connection.close();
    }
    return null;
  }

  /**
   * A connection for the caller: its own, or one that others share as soon as it is there. Null: a dial or an exchange
   * of somebody else's has ended, so there may be one to {@link take}; or the signal has aborted.
   */
  async obtain(dial: Dialling, signal: AbortSignal, accepted: () => void): Promise<Obtained | null> {
    if (this.#dial !== null) return this.#dial.join(signal, accepted);
    const { reuses } = this.#pool;
    if (this.isFull) {
      await this.#turn(signal);
      return null;
    }
    this.#open++;
    this.#pool.open++;
    if (!reuses || this.#multiplexes === false) return this.#admit(dial.open(signal, accepted));
    // Until the first connection tells, many requests wait for one dial: a peer of HTTP/2 needs no second connection.
    const shared: SharedDial = new SharedDial({
      open: (unwanted, peerAccepted) => this.#admit(dial.open(unwanted, peerAccepted)),
      connectMs: dial.connectMs,
      abandoned: (held) => this.release(held),
      over: () => {
        if (this.#dial === shared) this.#dial = null;
      },
    });
    this.#dial = shared;
    return shared.join(signal, accepted);
  }

  /** An exchange on this connection has ended. */
  release(held: Held): void {
    const nowMs = this.#pool.clock.monotonicMs();
    held.idleSinceMs = nowMs;
    const { connection } = held;
    const keeps = this.#keeps(held);
    if (this.#shared.has(held)) {
      if (!keeps) this.discard(held);
    } else if (!keeps || multiplexes(connection)) {
      retire(connection);
    } else {
      if (this.#idle.length >= this.#pool.limits.idlePerKey) this.#idle.shift()?.connection.close();
      this.#idle.push(held);
    }
    this.#waiting.shift()?.();
    this.#pool.sweep(nowMs);
  }

  /** No further exchange begins on this connection. */
  discard(held: Held): void {
    this.#shared.delete(held);
    retire(held.connection);
  }

  /** No connection of this lane is used again. */
  withdraw(): void {
    this.#withdrawn = true;
    for (const { connection } of this.#idle.splice(0)) connection.close();
    for (const held of this.#shared) this.discard(held);
  }

  sweep(): void {
    const idle = this.#idle.splice(0);
    for (const held of idle) {
      if (this.#keeps(held)) this.#idle.push(held);
      else held.connection.close();
    }
    for (const held of this.#shared) if (!this.#keeps(held)) this.discard(held);
  }

  async #admit(opening: Promise<Connected>): Promise<Obtained> {
    const connected = await opening.catch((error: unknown) => {
      this.#left();
      throw error;
    });
    if (connected.kind === "failed") {
      this.#left();
      return connected;
    }
    const { connection } = connected;
    const { lifetimeMs } = this.#pool.limits;
    const nowMs = this.#pool.clock.monotonicMs();
    const untilMs = nowMs + lifetimeMs * (0.8 + 0.4 * this.#pool.random());
    const held: Held = { connection, lane: this, untilMs, idleSinceMs: nowMs };
    void connection.closed.then(() => this.#lost(held));
    this.#multiplexes = multiplexes(connection);
    if (this.#multiplexes && this.#pool.reuses && !this.#withdrawn) this.#shared.add(held);
    return { kind: "open", held };
  }

  /** Whoever closed it: kept, it would count as idle until somebody asks for it. */
  #lost(held: Held): void {
    this.#shared.delete(held);
    const at = this.#idle.indexOf(held);
    if (at >= 0) this.#idle.splice(at, 1);
    this.#left();
  }

  #left(): void {
    this.#open--;
    this.#pool.open--;
    this.#waiting.shift()?.();
  }

  /** Resolves when a connection was released or closed, or at the abort. */
  #turn(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
      signal.addEventListener("abort", () => {
        const at = this.#waiting.indexOf(resolve);
        if (at >= 0) this.#waiting.splice(at, 1);
        resolve();
      });
    });
  }

  #keeps({ connection, untilMs, idleSinceMs }: Held): boolean {
    const { limits, clock, reuses } = this.#pool;
    if (!reuses || this.#withdrawn || !connection.alive) return false;
    const nowMs = clock.monotonicMs();
    if (nowMs >= untilMs || (connection.inflight === 0 && nowMs - idleSinceMs >= limits.idleMs)) return false;
    // A verdict is never used past the earliest notAfter of its path.
    const { security } = connection;
    return security.kind === "plaintext" || security.peer.path.notAfterMs > clock.now();
  }
}

export interface Dialling {
  /** `accepted` is called when the peer has accepted, before any handshake. */
  open(signal: AbortSignal, accepted: () => void): Promise<Connected>;
  readonly connectMs: number;
}

export type Obtained = { readonly kind: "open"; readonly held: Held } | Exclude<Connected, { kind: "open" }>;

/** What is in flight finishes first, after GOAWAY too (RFC 9113 §6.8); its last exchange retires it again. */
function retire(connection: Connection): void {
  if (connection.inflight === 0) connection.close();
}

const multiplexes = ({ protocol }: Connection): boolean => protocol !== "http/1.1";
