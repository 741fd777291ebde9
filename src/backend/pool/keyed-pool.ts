/**
 * The connections of one key and the requests for them: which request uses a free connection, which waits, and for which
 * the next connection is dialled. A request waits once. A connection that comes free answers the first request in the
 * queue, one with a dial under way too; a dial answers the request for which it was begun. The file is long because these
 * decisions read and change the same state.
 */
import type { Connection } from "../engine/connection.ts";
import type { RequestClient } from "../exchange.ts";
import { YIELD_MS } from "../limits.ts";
import { Connections, multiplexes } from "./connections.ts";
import { DialWindow } from "./dial-window.ts";
import { type DialEnd, PendingDial } from "./pending-dial.ts";
import type { PoolContext } from "./pool-context.ts";
import { type ConnectionOwner, Lease, type Obtained, type PooledConnection } from "./pooled-connection.ts";
import { Queue } from "./queue.ts";
import type { WaitingKey } from "./capacity.ts";
import { SHARE_LIMITS, Shares } from "./shares.ts";
import { type ConnectionRequest, Waiter } from "./waiter.ts";

/** The pool of one key. */
export class KeyedPool implements ConnectionOwner, WaitingKey {
  /** The open connections. */
  readonly connections: Connections;
  readonly #pool: PoolContext;
  readonly #queue: Queue;
  readonly #shares: Shares;
  readonly #window: DialWindow;
  /** The dial for which all requests of the key wait. */
  #sharedDial: PendingDial | null = null;
  /** Dials whose requests were served meanwhile. */
  readonly #spareDials = new Set<PendingDial>();
  /** The number of connections, with withdrawn ones and those being dialled. */
  #open = 0;
  /** The timer of {@link KeyedPool.#watchShares}; null while no client waits for its share. */
  #watch: ReturnType<typeof setInterval> | null = null;
  /** Whether the peer speaks HTTP/2, by the last connection; null before the first. */
  #multiplexes: boolean | null;
  /**
   * Whether an exchange may begin on an HTTP/2 connection. It may not while the connection has to fall idle, so that it
   * leaves its room to another key: exchanges follow each other on it without a pause, and a request of that key would
   * wait for ever.
   */
  readonly #mayShare = (): boolean => !this.#pool.capacity.holdsBack(this, this.#pool.clock.monotonicMs() - YIELD_MS);

  constructor(pool: PoolContext, isMultiplexing: boolean | null) {
    this.#pool = pool;
    this.#multiplexes = isMultiplexing;
    this.connections = new Connections(pool);
    this.#shares = new Shares(pool.limits.connectionsPerKey);
    this.#queue = new Queue((client) => this.#shares.taken(client));
    this.#window = new DialWindow(() => pool.clock.monotonicMs());
  }

  /** Whether no further connection of this key may be opened. */
  get isFull(): boolean {
    return this.#open >= this.#pool.limits.connectionsPerKey;
  }

  /** Whether requests wait for connections that others use, and not only for their turn to dial. */
  get isShort(): boolean {
    return this.isFull || this.#pool.capacity.isFull;
  }

  /** Whether a request has neither a connection nor a dial. */
  get isWaiting(): boolean {
    return this.#queue.undialled > 0;
  }

  /** The time at which the first request without a connection or a dial came, monotonic; null when there is none. */
  get oldestMs(): number | null {
    return this.#queue.oldestUndialled?.sinceMs ?? null;
  }

  /** The number of connections that waiting requests want, and that only the limit of all keys keeps from being opened. */
  get wanted(): number {
    if (this.#queue.undialled === 0 || this.#nextUndialled() === null) return 0;
    return Math.min(this.#queue.undialled, this.#dialRoom, this.#sharesDials ? 1 : Number.POSITIVE_INFINITY);
  }

  /** A connection that is free now; null when there is none. */
  take(client: RequestClient | undefined): Lease | null {
    if (this.#isHeldBack(client)) return null;
    const pooled = this.connections.take(this.#mayShare);
    return pooled === null ? null : this.#lease(pooled, true, client);
  }

  /** Lets a request that found no free connection wait for one, and dials for the request when its turn has come. */
  wait(request: ConnectionRequest): Waiter {
    const waiter = new Waiter(request, this.#pool.clock.monotonicMs(), (leaving) => this.#leave(leaving));
    this.#queue.add(waiter);
    this.#dialOrWait(waiter);
    return waiter;
  }

  /** Answers waiting requests while there are free connections. */
  serveWaiting(): void {
    while (this.#serveNext());
  }

  /** Dials for the first request that has no dial. */
  admitFirst(): void {
    const waiter = this.#nextUndialled();
    if (waiter !== null) this.#dialFor(waiter);
  }

  /** Gives the connection back when an exchange on it has ended. */
  release(pooled: PooledConnection): void {
    const nowMs = this.#pool.clock.monotonicMs();
    this.#pool.freedMs = nowMs;
    pooled.idleSinceMs = nowMs;
    pooled.users--;
    // Of HTTP/2 no request gets a connection that is held back, see #mayShare, so that one would stay unused.
    const firstMs =
      multiplexes(pooled.connection) && this.isWaiting ? nowMs : (this.oldestMs ?? Number.POSITIVE_INFINITY);
    if (!this.connections.putBack(pooled)) this.discard(pooled);
    else if (pooled.users === 0 && this.#pool.capacity.mustYield(this, firstMs - YIELD_MS)) {
      this.#pool.capacity.closeForOthers(pooled);
    } else this.#serveNext();
    this.#pool.sweep(nowMs);
  }

  /** Takes the connection out of the pool: no further exchange begins on it, and exchanges in flight finish. */
  discard(pooled: PooledConnection): void {
    this.connections.discard(pooled);
  }

  /** The number of connections of this key that may be dialled now. */
  get #dialRoom(): number {
    return Math.min(this.#pool.limits.connectionsPerKey - this.#open, this.#window.room);
  }

  /** Whether many requests wait for one dial, until a connection has shown the protocol: HTTP/2 needs no second one. */
  get #sharesDials(): boolean {
    return this.#pool.reuses && this.#multiplexes !== false;
  }

  get #isContended(): boolean {
    return this.#shares.isContended(this.#pool.clock.monotonicMs());
  }

  /** Whether the client has its share of the connections, and other clients wait for theirs. */
  #isHeldBack(client: RequestClient | undefined): boolean {
    return client !== undefined && this.#isContended && this.#shares.hasShare(client);
  }

  #nextUndialled(): Waiter | null {
    return this.#queue.next(({ dial }) => dial === null, this.#isContended);
  }

  /** Answers the next request with a free connection; answers whether there were both. */
  #serveNext(): boolean {
    const waiter = this.#queue.next(({ dial, request }) => dial === null || !request.isFresh, this.#isContended);
    const lease = waiter === null ? null : this.take(waiter.request.client);
    if (waiter === null || lease === null) return false;
    this.#answer(waiter, { kind: "open", lease });
    // The dial of the request goes on: for another request, at once or later, or for the pool.
    if (waiter.dial !== null && !this.#passOn(waiter.dial)) this.#spareDials.add(waiter.dial);
    return true;
  }

  /**
   * Lets the request wait for the dial of all; or for one of its own; or, where it may not dial, for one whose request was
   * served; or until there is room. A dial that was begun before may hang, so one of its own comes before that.
   */
  #dialOrWait(waiter: Waiter): void {
    const [spare] = this.#spareDials;
    const { client, isFresh } = waiter.request;
    const mayDial = this.#dialRoom > 0 && !this.#pool.capacity.isFull && !this.#isHeldBack(client);
    if (this.#sharedDial !== null) this.#setDial(waiter, this.#sharedDial);
    else if (mayDial) this.#dialFor(waiter);
    else if (spare !== undefined) this.#setDial(waiter, spare);
    else {
      this.#queue.setDial(waiter, null);
      if (client !== undefined) {
        waiter.countShare(this.#shares.wait(client));
        this.#watchShares();
      }
      this.#pool.capacity.startWaiting(this);
      // A request that wants a new connection has left the free ones alone so far.
      if (isFresh) this.#serveNext();
    }
  }

  #dialFor(waiter: Waiter): void {
    this.#open++;
    this.#pool.capacity.connectionOpened();
    const dial = new PendingDial({
      dialer: waiter.request.dialer,
      window: this.#window,
      isShared: this.#sharesDials,
      onAccepted: (accepted) => {
        for (const { request } of this.#queue.waitersOf(accepted)) request.onAccepted();
      },
      onEnd: (ended, end) => this.#endDial(ended, end),
    });
    if (dial.isShared) this.#sharedDial = dial;
    this.#setDial(waiter, dial);
    if (dial.isShared) for (const each of this.#queue.waitersOf(null)) this.#setDial(each, dial);
  }

  #setDial(waiter: Waiter, dial: PendingDial): void {
    this.#spareDials.delete(dial);
    this.#queue.setDial(waiter, dial);
    const { client, onAccepted } = waiter.request;
    waiter.countShare(client === undefined || dial.isShared ? null : this.#shares.dial(client));
    if (dial.isAccepted) onAccepted();
    this.#pool.capacity.stopWaiting(this);
  }

  /** Answers the requests that waited for the dial. */
  #endDial(dial: PendingDial, end: DialEnd): void {
    if (this.#sharedDial === dial) this.#sharedDial = null;
    this.#spareDials.delete(dial);
    if (end.kind === "open") return this.#addOpened(dial, end.connection);
    for (const waiter of this.#queue.waitersOf(dial)) {
      this.#answer(waiter, end.kind === "error" ? Promise.reject(end.error) : end);
    }
    this.#connectionClosed(null);
  }

  /** Adds a dialled connection. Of the requests that waited for the dial some may not fit on it: those dial or wait. */
  #addOpened(dial: PendingDial, connection: Connection): void {
    const pooled = this.connections.add(connection, this);
    void connection.closed.then(() => {
      // A connection that the peer has closed would otherwise count as idle until a request asked for it.
      this.connections.remove(pooled);
      this.#connectionClosed(pooled);
    });
    this.#multiplexes = multiplexes(connection);
    const first = this.#queue.next((waiter) => waiter.dial === dial, false);
    if (first === null) this.release(pooled);
    else this.#answer(first, { kind: "open", lease: this.#lease(pooled, false, first.request.client) });
    const others = [...this.#queue.waitersOf(dial)];
    for (const waiter of others) this.#queue.setDial(waiter, null);
    // The peer may have spoken HTTP/1.1 before, so requests with dials of their own fit on this connection too.
    if (this.#multiplexes) this.serveWaiting();
    for (const waiter of others) if (waiter.isQueued && waiter.dial === null) this.#dialOrWait(waiter);
    this.#pool.capacity.admitWaiting();
  }

  #lease(pooled: PooledConnection, isReused: boolean, client: RequestClient | undefined): Lease {
    const endShare = client === undefined ? null : this.#shares.hold(client, this.#pool.clock.monotonicMs());
    return new Lease(pooled, isReused, endShare);
  }

  #answer(waiter: Waiter, answer: Obtained | Promise<never>): void {
    this.#queue.remove(waiter);
    waiter.settle(answer);
    this.#pool.capacity.stopWaiting(this);
  }

  /** Lets a request go that waits no longer. */
  #leave(waiter: Waiter): void {
    this.#queue.remove(waiter);
    const { dial } = waiter;
    waiter.settle(dial === null || this.#passOn(dial) ? null : this.#abandon(dial));
    this.#pool.capacity.stopWaiting(this);
  }

  /** Lets another request wait for the dial of a request that waits no longer; answers whether there is one. */
  #passOn(dial: PendingDial): boolean {
    if (this.#queue.isWanted(dial)) return true;
    const heir = this.#nextUndialled();
    if (heir !== null) this.#setDial(heir, dial);
    return heir !== null;
  }

  /** Gives up a dial for which no request waits; resolves when the dial has ended. */
  async #abandon(dial: PendingDial): Promise<null> {
    if (this.#sharedDial === dial) this.#sharedDial = null;
    await dial.abandon();
    return null;
  }

  /** While requests wait without a dial: looks whether exchanges of other clients are to be cut for one of them. */
  #watchShares(): void {
    this.#watch ??= setInterval(() => {
      if (!this.isWaiting) return this.#endWatch();
      const nowMs = this.#pool.clock.monotonicMs();
      const isLate = ({ dial, sinceMs, request: { client } }: Waiter): boolean =>
        dial === null && client !== undefined && nowMs - sinceMs >= SHARE_LIMITS.waitMs;
      if (this.isShort && this.#queue.next(isLate, true) !== null) this.#shares.makeRoom(nowMs, this.#queue.undialled);
      else {
        // Clients are no longer held back to their shares, or there is room for which no event has called a request.
        this.serveWaiting();
        this.#pool.capacity.admitWaiting();
      }
    }, SHARE_LIMITS.lookMs);
  }

  #endWatch(): void {
    clearInterval(this.#watch ?? undefined);
    this.#watch = null;
  }

  #connectionClosed(pooled: PooledConnection | null): void {
    this.#open--;
    this.#pool.capacity.connectionClosed(pooled);
  }
}
