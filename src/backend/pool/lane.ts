/** The connections of one key: whose turn it is to use one, who dials the next, and how long each is kept. */
import type { Connected } from "../connect/connect.ts";
import type { Connection } from "../engine/connection.ts";
import type { RequestClient } from "../exchange.ts";
import { YIELD_MS } from "../limits.ts";
import { DialWindow } from "./dial-window.ts";
import type { Dialling, Held, Obtained } from "./held.ts";
import type { Pool } from "./pool.ts";
import { Queue, type Taken, type Turn } from "./queue.ts";
import { SharedDial } from "./shared-dial.ts";
import { SHARE_LIMITS, Shares } from "./shares.ts";

export class Lane {
  readonly #pool: Pool;
  /** HTTP/1.1, the one used last at the end: those at the front grow old, and are closed. */
  readonly #idle: Held[] = [];
  /** HTTP/2: each carries several exchanges; the first with room is used. */
  readonly #shared = new Set<Held>();
  readonly #queue = new Queue();
  readonly #shares: Shares;
  /** A client that has less of its share of the connections comes before clients that have more. */
  readonly #taken: Taken = (client) => this.#shares.taken(client);
  readonly #window: DialWindow;
  #dial: SharedDial | null = null;
  #open = 0;
  #withdrawn = false;
  /** Whether the peer speaks HTTP/2, as the last connection told. */
  #multiplexes: boolean | null;

  constructor(pool: Pool, multiplexes: boolean | null) {
    this.#pool = pool;
    this.#multiplexes = multiplexes;
    this.#shares = new Shares(pool.limits.connectionsPerKey);
    this.#window = new DialWindow(() => pool.clock.monotonicMs());
  }

  /** No further connection of this key may be opened now. */
  get isFull(): boolean {
    return this.#open >= this.#pool.limits.connectionsPerKey;
  }

  /** Who waits does so for connections that others use, not for a dial's turn. */
  get isShort(): boolean {
    return this.isFull || !this.#pool.hasRoom;
  }

  get idle(): number {
    return this.#idle.length + [...this.#shared].filter(({ connection }) => connection.inflight === 0).length;
  }

  /** Since when the first request waits; null: none does. */
  get oldestMs(): number | null {
    return this.#queue.oldestMs;
  }

  /** Connections that would serve those who wait and may be opened but for the pool's limit. */
  get wanted(): number {
    if (!this.#queue.has(this.#taken, this.#isContended)) return 0;
    return Math.min(this.#queue.length, this.#room, this.#sharesDials ? 1 : Number.POSITIVE_INFINITY);
  }

  /** There is a connection to {@link take} for somebody who waits. */
  get offers(): boolean {
    if (this.#idle.length > 0) return true;
    return !this.#standsBack() && [...this.#shared].some((held) => this.#keeps(held) && held.connection.ready);
  }

  /** Now. */
  arrive(client?: RequestClient): Turn {
    return { sinceMs: this.#pool.clock.monotonicMs(), isWaiting: false, client };
  }

  /** An exchange of this client's holds a connection; answers how that ends. */
  hold(client: RequestClient): () => void {
    return this.#shares.hold(client, this.#pool.clock.monotonicMs());
  }

  /** A live connection whose verdict still holds, or null. The caller releases it. */
  take(client?: RequestClient): Held | null {
    if (this.#isHeldBack(client)) return null;
    for (const held of this.#shared) {
      if (!this.#keeps(held)) this.discard(held);
      else if (held.connection.ready && !this.#standsBack()) return use(held);
    }
    for (let held = this.#idle.pop(); held !== undefined; held = this.#idle.pop()) {
      if (this.#keeps(held) && held.connection.ready) return use(held);
      held.connection.close();
    }
    return null;
  }

  /** The caller's own connection, or one that others share. Null: there may be one to {@link take}, or the signal aborted. */
  async obtain(dial: Dialling, turn: Turn, signal: AbortSignal, accepted: () => void): Promise<Obtained | null> {
    if (this.#dial !== null) return this.#dial.join(signal, accepted);
    if (this.#room > 0 && this.#pool.hasRoom && !this.#isHeldBack(turn.client)) {
      this.#enter();
    } else {
      const waiting = this.#queue.wait(turn, signal);
      this.#pool.joined(this);
      const over = this.#waitWith(turn.client);
      const call = await waiting;
      over();
      this.#pool.went(this);
      if (call !== "room") return null;
      // Somebody was called before who dials for all.
      if (this.#dial !== null || signal.aborted) {
        this.#window.giveUp();
        return this.#left(null);
      }
    }
    if (!this.#sharesDials) return this.#admit(this.#window.open(dial, signal, accepted));
    // Until the first connection tells, many requests wait for one dial: a peer of HTTP/2 needs no second connection.
    const shared: SharedDial = new SharedDial({
      open: (unwanted, peerAccepted) => this.#admit(this.#window.open(dial, unwanted, peerAccepted)),
      connectMs: dial.connectMs,
      abandoned: (held) => this.release(held),
      over: () => {
        if (this.#dial === shared) this.#dial = null;
      },
    });
    this.#dial = shared;
    this.look();
    return shared.join(signal, accepted);
  }

  /** Those who wait look again. */
  look(): void {
    this.#queue.callAll("look");
  }

  /** Whoever waits first opens a connection. */
  admit(): void {
    this.#enter();
    this.#queue.call("room", this.#taken, this.#isContended);
  }

  /** An exchange on this connection has ended. */
  release(held: Held): void {
    const nowMs = this.#pool.clock.monotonicMs();
    this.#pool.freedMs = nowMs;
    held.idleSinceMs = nowMs;
    held.users--;
    const isShared = this.#shared.has(held);
    if (!this.#keeps(held) || (!isShared && multiplexes(held.connection))) {
      this.discard(held);
    } else if (held.users === 0 && this.#pool.isWanted(this, (this.oldestMs ?? Number.POSITIVE_INFINITY) - YIELD_MS)) {
      this.#pool.dismiss(held);
    } else {
      if (!isShared) this.#keep(held);
      this.#queue.call("look", this.#taken, this.#isContended);
    }
    this.#pool.sweep(nowMs);
  }

  /** No further exchange begins on this connection. What is in flight finishes first, after GOAWAY too (RFC 9113 §6.8). */
  discard(held: Held): void {
    this.#forget(held);
    if (held.users === 0) held.connection.close();
  }

  /** No connection of this lane is used again. */
  withdraw(): void {
    this.#withdrawn = true;
    for (const held of this.#kept) this.discard(held);
  }

  /** Answers how many it closed. */
  sweep(): number {
    const over = this.#kept.filter((held) => !this.#keeps(held));
    for (const held of over) this.discard(held);
    return over.filter(({ users }) => users === 0).length;
  }

  /** Connections that nobody uses now. */
  unused(): readonly Held[] {
    return this.#kept.filter(({ users }) => users === 0);
  }

  get #kept(): readonly Held[] {
    return [...this.#idle, ...this.#shared];
  }

  /** Connections of this key that may be dialled now. */
  get #room(): number {
    return Math.min(this.#pool.limits.connectionsPerKey - this.#open, this.#window.room);
  }

  /** Many requests may wait for one dial. */
  get #sharesDials(): boolean {
    return this.#pool.reuses && this.#multiplexes !== false;
  }

  /** Exchanges follow each other on HTTP/2 without a pause, so somebody for whom there is no room would wait for ever. */
  #standsBack(): boolean {
    return this.#pool.isWanted(this, this.#pool.clock.monotonicMs() - YIELD_MS);
  }

  get #isContended(): boolean {
    return this.#shares.isContended(this.#pool.clock.monotonicMs());
  }

  /** While others wait in vain, nobody has more than a share. */
  #isHeldBack(client: RequestClient | undefined): boolean {
    return client !== undefined && this.#isContended && this.#shares.hasShare(client);
  }

  /** Looks after who waits below its share; answers how that ends. */
  #waitWith(client: RequestClient | undefined): () => void {
    if (client === undefined) return () => undefined;
    const over = this.#shares.wait(client);
    const timer = setInterval(() => {
      const nowMs = this.#pool.clock.monotonicMs();
      if (this.isShort && !this.#shares.hasShare(client)) this.#shares.makeRoom(nowMs, this.#queue.length);
      // The client is no longer held back to its share; or there is room that no waiting request was called for.
      else if (!this.#isContended && this.#room > 0) this.look();
    }, SHARE_LIMITS.waitMs);
    return () => {
      clearInterval(timer);
      over();
    };
  }

  #keep(held: Held): void {
    if (this.#idle.length >= this.#pool.limits.idlePerKey) this.#idle.shift()?.connection.close();
    this.#idle.push(held);
  }

  async #admit(opening: Promise<Connected>): Promise<Obtained> {
    const connected = await opening.catch((error: unknown) => {
      this.#left(null);
      throw error;
    });
    if (connected.kind === "failed") {
      this.#left(null);
      return connected;
    }
    const { connection } = connected;
    const nowMs = this.#pool.clock.monotonicMs();
    const untilMs = nowMs + this.#pool.limits.lifetimeMs * (0.8 + 0.4 * this.#pool.random());
    const held: Held = { connection, lane: this, untilMs, idleSinceMs: nowMs, users: 1 };
    void connection.closed.then(() => {
      // Whoever closed it: kept, it would count as idle until somebody asks for it.
      this.#forget(held);
      this.#left(held);
    });
    this.#multiplexes = multiplexes(connection);
    if (this.#multiplexes && this.#pool.reuses && !this.#withdrawn) this.#shared.add(held);
    this.#pool.admit();
    return { kind: "open", held };
  }

  #forget(held: Held): void {
    this.#shared.delete(held);
    const at = this.#idle.indexOf(held);
    if (at >= 0) this.#idle.splice(at, 1);
  }

  #enter(): void {
    this.#open++;
    this.#pool.open++;
    this.#window.begin();
  }

  #left(held: Held | null): null {
    this.#open--;
    this.#pool.left(held);
    return null;
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

function use(held: Held): Held {
  held.users++;
  return held;
}

const multiplexes = ({ protocol }: Connection): boolean => protocol !== "http/1.1";
