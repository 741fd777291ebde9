/** The connections of one key: which request uses one next, which dials the next one, and how long each is kept. */
import type { Connected } from "../connect/connect.ts";
import type { Connection } from "../engine/connection.ts";
import type { RequestClient } from "../exchange.ts";
import { type PoolLimits, YIELD_MS } from "../limits.ts";
import { DialWindow } from "./dial-window.ts";
import type { ConnectionOwner, Dialer, DialResult, PooledConnection } from "./pooled-connection.ts";
import { Queue, type QueueEntry, type ShareOf } from "./queue.ts";
import type { Room, Waiting } from "./room.ts";
import { SharedDial } from "./shared-dial.ts";
import { SHARE_LIMITS, Shares } from "./shares.ts";

/** What the pools of all keys have in common. */
export interface PoolContext {
  readonly limits: PoolLimits;
  readonly clock: { monotonicMs(): number; now(): number };
  /** A number in [0, 1), so that connections opened together do not grow old together. */
  readonly random: () => number;
  readonly room: Room;
  /** Connections serve more than one exchange. */
  readonly reuses: boolean;
  /** When an exchange last ended; monotonic. */
  freedMs: number;
  /**
   * Closes what no request will ask for again, and answers how many connections those are. There is no timer: what nobody
   * else uses costs nothing until then.
   */
  sweep(nowMs: number): number;
}

export class KeyedPool implements ConnectionOwner, Waiting {
  readonly #pool: PoolContext;
  /** HTTP/1.1 connections without an exchange, the one used last at the end. Those at the front grow old and are closed. */
  readonly #idle: PooledConnection[] = [];
  /** HTTP/2 connections, each of which carries several exchanges. The first with room is used. */
  readonly #shared = new Set<PooledConnection>();
  readonly #queue = new Queue();
  readonly #shares: Shares;
  /** A client that has less of its share of the connections comes before clients that have more. */
  readonly #taken: ShareOf = (client) => this.#shares.taken(client);
  readonly #window: DialWindow;
  #dial: SharedDial | null = null;
  #open = 0;
  #withdrawn = false;
  /** Whether the peer speaks HTTP/2, as the last connection told. */
  #multiplexes: boolean | null;

  constructor(pool: PoolContext, multiplexes: boolean | null) {
    this.#pool = pool;
    this.#multiplexes = multiplexes;
    this.#shares = new Shares(pool.limits.connectionsPerKey);
    this.#window = new DialWindow(() => pool.clock.monotonicMs());
  }

  /** No further connection of this key may be opened now. */
  get isFull(): boolean {
    return this.#open >= this.#pool.limits.connectionsPerKey;
  }

  /** Requests wait for connections that others use, and not for their turn to dial. */
  get isShort(): boolean {
    return this.isFull || this.#pool.room.isFull;
  }

  get idle(): number {
    return this.#idle.length + [...this.#shared].filter(({ connection }) => connection.inflight === 0).length;
  }

  /** When the first waiting request came, monotonic; null when none waits. */
  get oldestMs(): number | null {
    return this.#queue.oldestMs;
  }

  /** Connections that would serve waiting requests, and may be opened but for the limit of all keys together. */
  get wanted(): number {
    if (!this.#queue.has(this.#taken, this.#isContended)) return 0;
    return Math.min(this.#queue.length, this.#dialRoom, this.#sharesDials ? 1 : Number.POSITIVE_INFINITY);
  }

  /** A waiting request would find a connection to {@link take}. */
  get hasFreeConnection(): boolean {
    if (this.#idle.length > 0) return true;
    return !this.#standsBack() && [...this.#shared].some((pooled) => this.#keeps(pooled) && pooled.connection.ready);
  }

  /** The place in the queue of a request that comes now. */
  newEntry(client?: RequestClient): QueueEntry {
    return { sinceMs: this.#pool.clock.monotonicMs(), isWaiting: false, client };
  }

  /** An exchange of this client's holds a connection; answers how that ends. */
  hold(client: RequestClient): () => void {
    return this.#shares.hold(client, this.#pool.clock.monotonicMs());
  }

  /** A live connection whose verdict still holds, or null. The caller releases it. */
  take(client?: RequestClient): PooledConnection | null {
    if (this.#isHeldBack(client)) return null;
    for (const pooled of this.#shared) {
      if (!this.#keeps(pooled)) this.discard(pooled);
      else if (pooled.connection.ready && !this.#standsBack()) return use(pooled);
    }
    for (let pooled = this.#idle.pop(); pooled !== undefined; pooled = this.#idle.pop()) {
      if (this.#keeps(pooled) && pooled.connection.ready) return use(pooled);
      pooled.connection.close();
    }
    return null;
  }

  /** The caller's own connection, or one that it shares. Null: there may be one to {@link take}, or the signal has aborted. */
  async obtain(dial: Dialer, entry: QueueEntry, signal: AbortSignal, accepted: () => void): Promise<DialResult | null> {
    if (this.#dial !== null) return this.#dial.join(signal, accepted);
    if (this.#dialRoom > 0 && !this.#pool.room.isFull && !this.#isHeldBack(entry.client)) {
      this.#enter();
    } else {
      const waiting = this.#queue.wait(entry, signal);
      this.#pool.room.startWaiting(this);
      const over = this.#waitWith(entry.client);
      const call = await waiting;
      over();
      this.#pool.room.stopWaiting(this);
      if (call !== "room") return null;
      // A request that was called before this one dials for all.
      if (this.#dial !== null || signal.aborted) {
        this.#window.giveUp();
        return this.#connectionClosed(null);
      }
    }
    if (!this.#sharesDials) return this.#admit(this.#window.open(dial, signal, accepted));
    // Until the first connection tells, many requests wait for one dial: a peer of HTTP/2 needs no second connection.
    const shared: SharedDial = new SharedDial({
      open: (unwanted, peerAccepted) => this.#admit(this.#window.open(dial, unwanted, peerAccepted)),
      connectMs: dial.connectMs,
      abandoned: (pooled) => this.release(pooled),
      over: () => {
        if (this.#dial === shared) this.#dial = null;
      },
    });
    this.#dial = shared;
    this.retryWaiters();
    return shared.join(signal, accepted);
  }

  /** All waiting requests look for a connection again. */
  retryWaiters(): void {
    this.#queue.callAll("look");
  }

  /** The first waiting request opens a connection. */
  admit(): void {
    this.#enter();
    this.#queue.call("room", this.#taken, this.#isContended);
  }

  /** An exchange on this connection has ended. */
  release(pooled: PooledConnection): void {
    const nowMs = this.#pool.clock.monotonicMs();
    this.#pool.freedMs = nowMs;
    pooled.idleSinceMs = nowMs;
    pooled.users--;
    const isShared = this.#shared.has(pooled);
    if (!this.#keeps(pooled) || (!isShared && multiplexes(pooled.connection))) {
      this.discard(pooled);
    } else if (
      pooled.users === 0 &&
      this.#pool.room.mustYield(this, (this.oldestMs ?? Number.POSITIVE_INFINITY) - YIELD_MS)
    ) {
      this.#pool.room.closeForOthers(pooled);
    } else {
      if (!isShared) this.#keep(pooled);
      this.#queue.call("look", this.#taken, this.#isContended);
    }
    this.#pool.sweep(nowMs);
  }

  /** No further exchange begins on this connection. What is in flight finishes first, after GOAWAY too (RFC 9113 §6.8). */
  discard(pooled: PooledConnection): void {
    this.#forget(pooled);
    if (pooled.users === 0) pooled.connection.close();
  }

  /** No connection of this key is used again. */
  withdraw(): void {
    this.#withdrawn = true;
    for (const pooled of this.#kept) this.discard(pooled);
  }

  /** Closes connections that are not to be used again; answers how many were closed at once. */
  sweep(): number {
    const over = this.#kept.filter((pooled) => !this.#keeps(pooled));
    for (const pooled of over) this.discard(pooled);
    return over.filter(({ users }) => users === 0).length;
  }

  /** Connections that nobody uses now. */
  unused(): readonly PooledConnection[] {
    return this.#kept.filter(({ users }) => users === 0);
  }

  get #kept(): readonly PooledConnection[] {
    return [...this.#idle, ...this.#shared];
  }

  /** Connections of this key that may be dialled now. */
  get #dialRoom(): number {
    return Math.min(this.#pool.limits.connectionsPerKey - this.#open, this.#window.room);
  }

  /** Many requests may wait for one dial. */
  get #sharesDials(): boolean {
    return this.#pool.reuses && this.#multiplexes !== false;
  }

  /** Exchanges follow each other on HTTP/2 without a pause, so that a request of another key would wait for room for ever. */
  #standsBack(): boolean {
    return this.#pool.room.mustYield(this, this.#pool.clock.monotonicMs() - YIELD_MS);
  }

  get #isContended(): boolean {
    return this.#shares.isContended(this.#pool.clock.monotonicMs());
  }

  /** While other clients wait in vain, no client gets more than its share. */
  #isHeldBack(client: RequestClient | undefined): boolean {
    return client !== undefined && this.#isContended && this.#shares.hasShare(client);
  }

  /** Cuts exchanges of other clients while this client waits below its share; answers the function that ends that. */
  #waitWith(client: RequestClient | undefined): () => void {
    if (client === undefined) return () => undefined;
    const over = this.#shares.wait(client);
    const timer = setInterval(() => {
      const nowMs = this.#pool.clock.monotonicMs();
      if (this.isShort && !this.#shares.hasShare(client)) this.#shares.makeRoom(nowMs, this.#queue.length);
      // The client is no longer held back to its share; or there is room that no waiting request was called for.
      else if (!this.#isContended && this.#dialRoom > 0) this.retryWaiters();
    }, SHARE_LIMITS.waitMs);
    return () => {
      clearInterval(timer);
      over();
    };
  }

  #keep(pooled: PooledConnection): void {
    if (this.#idle.length >= this.#pool.limits.idlePerKey) this.#idle.shift()?.connection.close();
    this.#idle.push(pooled);
  }

  async #admit(opening: Promise<Connected>): Promise<DialResult> {
    const connected = await opening.catch((error: unknown) => {
      this.#connectionClosed(null);
      throw error;
    });
    if (connected.kind === "failed") {
      this.#connectionClosed(null);
      return connected;
    }
    const { connection } = connected;
    const nowMs = this.#pool.clock.monotonicMs();
    const untilMs = nowMs + this.#pool.limits.lifetimeMs * (0.8 + 0.4 * this.#pool.random());
    const pooled: PooledConnection = { connection, keyedPool: this, untilMs, idleSinceMs: nowMs, users: 1 };
    void connection.closed.then(() => {
      // A connection that the peer closed would count as idle until a request asked for it.
      this.#forget(pooled);
      this.#connectionClosed(pooled);
    });
    this.#multiplexes = multiplexes(connection);
    if (this.#multiplexes && this.#pool.reuses && !this.#withdrawn) {
      this.#shared.add(pooled);
      // A peer that spoke HTTP/1.1 before has room here for requests that wait for a connection of their own.
      this.retryWaiters();
    }
    this.#pool.room.admitWaiting();
    return { kind: "open", pooled };
  }

  #forget(pooled: PooledConnection): void {
    this.#shared.delete(pooled);
    const at = this.#idle.indexOf(pooled);
    if (at >= 0) this.#idle.splice(at, 1);
  }

  #enter(): void {
    this.#open++;
    this.#pool.room.connectionOpened();
    this.#window.begin();
  }

  #connectionClosed(pooled: PooledConnection | null): null {
    this.#open--;
    this.#pool.room.connectionClosed(pooled);
    return null;
  }

  #keeps({ connection, untilMs, idleSinceMs }: PooledConnection): boolean {
    const { limits, clock, reuses } = this.#pool;
    if (!reuses || this.#withdrawn || !connection.alive) return false;
    const nowMs = clock.monotonicMs();
    if (nowMs >= untilMs || (connection.inflight === 0 && nowMs - idleSinceMs >= limits.idleMs)) return false;
    // A verdict is never used past the earliest notAfter of its path.
    const { security } = connection;
    return security.kind === "plaintext" || security.peer.path.notAfterMs > clock.now();
  }
}

function use(pooled: PooledConnection): PooledConnection {
  pooled.users++;
  return pooled;
}

const multiplexes = ({ protocol }: Connection): boolean => protocol !== "http/1.1";
