/**
 * The connections of one key: which request uses a free connection, which request dials the next one, and how long each
 * connection is kept. Its file is long because these decisions read and change the same state.
 */
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

/** What the keyed pools have in common. */
export interface PoolContext {
  readonly limits: PoolLimits;
  readonly clock: { monotonicMs(): number; now(): number };
  /** Answers a number in [0, 1), so that connections that were opened together do not all end together. */
  readonly random: () => number;
  readonly room: Room;
  /** Whether a connection serves more than one exchange. */
  readonly reuses: boolean;
  /** The time at which an exchange last ended; monotonic. */
  freedMs: number;
  /** Closes connections that no request will use again; answers how many. It runs without a timer, as exchanges end. */
  sweep(nowMs: number): number;
}

/** The pool of one key. */
export class KeyedPool implements ConnectionOwner, Waiting {
  readonly #pool: PoolContext;
  /** HTTP/1.1 connections without an exchange, the one used last at the end. Connections at the front are closed by age. */
  readonly #idle: PooledConnection[] = [];
  /** HTTP/2 connections, each of which carries several exchanges. The first with room is used. */
  readonly #shared = new Set<PooledConnection>();
  readonly #queue = new Queue();
  readonly #shares: Shares;
  readonly #shareOf: ShareOf = (client) => this.#shares.taken(client);
  readonly #window: DialWindow;
  #sharedDial: SharedDial | null = null;
  #open = 0;
  #isWithdrawn = false;
  /** Whether the peer speaks HTTP/2, by the last connection; null before the first. */
  #multiplexes: boolean | null;

  constructor(pool: PoolContext, multiplexes: boolean | null) {
    this.#pool = pool;
    this.#multiplexes = multiplexes;
    this.#shares = new Shares(pool.limits.connectionsPerKey);
    this.#window = new DialWindow(() => pool.clock.monotonicMs());
  }

  /** Whether no further connection of this key may be opened. */
  get isFull(): boolean {
    return this.#open >= this.#pool.limits.connectionsPerKey;
  }

  /** Whether requests wait for connections that others use, and not only for their turn to dial. */
  get isShort(): boolean {
    return this.isFull || this.#pool.room.isFull;
  }

  /** The number of connections without an exchange. */
  get idle(): number {
    return this.#idle.length + [...this.#shared].filter(({ connection }) => connection.inflight === 0).length;
  }

  /** The time at which the first waiting request came, monotonic; null when no request waits. */
  get oldestMs(): number | null {
    return this.#queue.oldestMs;
  }

  /** The number of connections that waiting requests want, and that only the limit of all keys keeps from being opened. */
  get wanted(): number {
    if (!this.#queue.has(this.#shareOf, this.#isContended)) return 0;
    return Math.min(this.#queue.length, this.#dialRoom, this.#sharesDials ? 1 : Number.POSITIVE_INFINITY);
  }

  /** Whether a waiting request would find a connection to {@link take}. */
  get hasFreeConnection(): boolean {
    if (this.#idle.length > 0) return true;
    return !this.#mustYield() && [...this.#shared].some((pooled) => this.#isUsable(pooled) && pooled.connection.ready);
  }

  /** The queue entry of a request that comes now. */
  newEntry(client?: RequestClient): QueueEntry {
    return { sinceMs: this.#pool.clock.monotonicMs(), isWaiting: false, client };
  }

  /** Counts a connection towards the client's share; answers the function that ends that. */
  claimShare(client: RequestClient): () => void {
    return this.#shares.hold(client, this.#pool.clock.monotonicMs());
  }

  /** A live connection whose verdict still holds, or null. The caller releases the connection. */
  take(client?: RequestClient): PooledConnection | null {
    if (this.#isHeldBack(client)) return null;
    for (const pooled of this.#shared) {
      if (!this.#isUsable(pooled)) this.discard(pooled);
      else if (pooled.connection.ready && !this.#mustYield()) return use(pooled);
    }
    for (let pooled = this.#idle.pop(); pooled !== undefined; pooled = this.#idle.pop()) {
      if (this.#isUsable(pooled) && pooled.connection.ready) return use(pooled);
      pooled.connection.close();
    }
    return null;
  }

  /**
   * Dials when the request's turn has come, or joins a dial under way. Null: there may be a connection to {@link take}, or
   * the signal has aborted.
   */
  async dialInTurn(
    dial: Dialer,
    entry: QueueEntry,
    signal: AbortSignal,
    onAccepted: () => void,
  ): Promise<DialResult | null> {
    if (this.#sharedDial !== null) return this.#sharedDial.join(signal, onAccepted);
    if (this.#dialRoom > 0 && !this.#pool.room.isFull && !this.#isHeldBack(entry.client)) {
      this.#countDial();
    } else {
      const waiting = this.#queue.wait(entry, signal);
      this.#pool.room.startWaiting(this);
      const stopWatching = this.#watchShare(entry.client);
      const call = await waiting;
      stopWatching();
      this.#pool.room.stopWaiting(this);
      if (call !== "dial") return null;
      // A request that was called before this one dials for all.
      if (this.#sharedDial !== null || signal.aborted) {
        this.#window.end();
        return this.#connectionClosed(null);
      }
    }
    if (!this.#sharesDials) return this.#addOpened(this.#window.open(dial, signal, onAccepted));
    // Many requests wait for one dial until the first connection has shown the protocol: HTTP/2 needs no second one.
    const shared: SharedDial = new SharedDial({
      open: (unwanted, peerAccepted) => this.#addOpened(this.#window.open(dial, unwanted, peerAccepted)),
      connectMs: dial.connectMs,
      onAbandoned: (pooled) => this.release(pooled),
      onEnd: () => {
        if (this.#sharedDial === shared) this.#sharedDial = null;
      },
    });
    this.#sharedDial = shared;
    this.retryWaiters();
    return shared.join(signal, onAccepted);
  }

  /** Lets all waiting requests look for a connection again. */
  retryWaiters(): void {
    this.#queue.callAll("retry");
  }

  /** Lets the first waiting request open a connection. */
  admitFirst(): void {
    this.#countDial();
    this.#queue.call("dial", this.#shareOf, this.#isContended);
  }

  /** Gives the connection back when an exchange on it has ended. */
  release(pooled: PooledConnection): void {
    const nowMs = this.#pool.clock.monotonicMs();
    this.#pool.freedMs = nowMs;
    pooled.idleSinceMs = nowMs;
    pooled.users--;
    const isShared = this.#shared.has(pooled);
    if (!this.#isUsable(pooled) || (!isShared && multiplexes(pooled.connection))) {
      this.discard(pooled);
    } else if (
      pooled.users === 0 &&
      this.#pool.room.mustYield(this, (this.oldestMs ?? Number.POSITIVE_INFINITY) - YIELD_MS)
    ) {
      this.#pool.room.closeForOthers(pooled);
    } else {
      if (!isShared) this.#addIdle(pooled);
      this.#queue.call("retry", this.#shareOf, this.#isContended);
    }
    this.#pool.sweep(nowMs);
  }

  /**
   * Takes the connection out of the pool: no further exchange begins on it, and exchanges in flight finish, after a GOAWAY
   * too (RFC 9113 §6.8).
   */
  discard(pooled: PooledConnection): void {
    this.#remove(pooled);
    if (pooled.users === 0) pooled.connection.close();
  }

  /** Takes all connections out of the pool, and adds none from now on. */
  withdraw(): void {
    this.#isWithdrawn = true;
    for (const pooled of this.#connections) this.discard(pooled);
  }

  /** Takes connections that are not to be used again out of the pool; answers how many were closed at once. */
  sweep(): number {
    const unusable = this.#connections.filter((pooled) => !this.#isUsable(pooled));
    for (const pooled of unusable) this.discard(pooled);
    return unusable.filter(({ users }) => users === 0).length;
  }

  /** The connections without exchanges. */
  unused(): readonly PooledConnection[] {
    return this.#connections.filter(({ users }) => users === 0);
  }

  get #connections(): readonly PooledConnection[] {
    return [...this.#idle, ...this.#shared];
  }

  /** The number of connections of this key that may be dialled now. */
  get #dialRoom(): number {
    return Math.min(this.#pool.limits.connectionsPerKey - this.#open, this.#window.room);
  }

  /** Whether many requests wait for one dial. */
  get #sharesDials(): boolean {
    return this.#pool.reuses && this.#multiplexes !== false;
  }

  /**
   * Whether no exchange may begin on an HTTP/2 connection, so that it falls idle and leaves its room to another key:
   * exchanges on it follow each other without a pause, and a request of that key would wait for ever.
   */
  #mustYield(): boolean {
    return this.#pool.room.mustYield(this, this.#pool.clock.monotonicMs() - YIELD_MS);
  }

  get #isContended(): boolean {
    return this.#shares.isContended(this.#pool.clock.monotonicMs());
  }

  /** Whether the client has its share of the connections, and other clients wait for theirs. */
  #isHeldBack(client: RequestClient | undefined): boolean {
    return client !== undefined && this.#isContended && this.#shares.hasShare(client);
  }

  /** Cuts exchanges of other clients while this client waits below its share; answers the function that ends that. */
  #watchShare(client: RequestClient | undefined): () => void {
    if (client === undefined) return () => undefined;
    const endWait = this.#shares.wait(client);
    const timer = setInterval(() => {
      const nowMs = this.#pool.clock.monotonicMs();
      if (this.isShort && !this.#shares.hasShare(client)) this.#shares.makeRoom(nowMs, this.#queue.length);
      // The client is no longer held back to its share; or there is room that no waiting request was called for.
      else if (!this.#isContended && this.#dialRoom > 0) this.retryWaiters();
    }, SHARE_LIMITS.waitMs);
    return () => {
      clearInterval(timer);
      endWait();
    };
  }

  #addIdle(pooled: PooledConnection): void {
    if (this.#idle.length >= this.#pool.limits.idlePerKey) this.#idle.shift()?.connection.close();
    this.#idle.push(pooled);
  }

  /** Adds the connection of a dial to the pool. */
  async #addOpened(opening: Promise<Connected>): Promise<DialResult> {
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
      // A connection that the peer has closed would otherwise count as idle until a request asked for it.
      this.#remove(pooled);
      this.#connectionClosed(pooled);
    });
    this.#multiplexes = multiplexes(connection);
    if (this.#multiplexes && this.#pool.reuses && !this.#isWithdrawn) {
      this.#shared.add(pooled);
      // A peer may have spoken HTTP/1.1 before: its requests wait for connections of their own, and fit on this one.
      this.retryWaiters();
    }
    this.#pool.room.admitWaiting();
    return { kind: "open", pooled };
  }

  /** Takes the connection off the lists. */
  #remove(pooled: PooledConnection): void {
    this.#shared.delete(pooled);
    const at = this.#idle.indexOf(pooled);
    if (at >= 0) this.#idle.splice(at, 1);
  }

  #countDial(): void {
    this.#open++;
    this.#pool.room.connectionOpened();
    this.#window.begin();
  }

  #connectionClosed(pooled: PooledConnection | null): null {
    this.#open--;
    this.#pool.room.connectionClosed(pooled);
    return null;
  }

  /** Whether another exchange may begin on the connection. */
  #isUsable({ connection, untilMs, idleSinceMs }: PooledConnection): boolean {
    const { limits, clock, reuses } = this.#pool;
    if (!reuses || this.#isWithdrawn || !connection.alive) return false;
    const nowMs = clock.monotonicMs();
    if (nowMs >= untilMs || (connection.inflight === 0 && nowMs - idleSinceMs >= limits.idleMs)) return false;
    // A verdict is never used past the earliest notAfter of its path.
    const { security } = connection;
    return security.kind === "plaintext" || security.peer.path.notAfterMs > clock.now();
  }
}

/** The connection, which has one more exchange now. */
function use(pooled: PooledConnection): PooledConnection {
  pooled.users++;
  return pooled;
}

const multiplexes = ({ protocol }: Connection): boolean => protocol !== "http/1.1";
