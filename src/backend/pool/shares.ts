/**
 * The shares of clients in the connections of one key, so that no client keeps the connections from other clients. A
 * client is one connection to the gateway, and also all connections of one address together. No client is held to its
 * share while no other client waits.
 */
import type { RequestClient } from "../exchange.ts";

/** An exchange that holds a connection. */
interface Claim {
  readonly client: RequestClient;
  readonly sinceMs: number;
  /** Whether the exchange was told to end, and has not ended yet. */
  isCut: boolean;
}

/** The time that a client waits before exchanges of others are cut for it, and the exchanges that are cut. */
export const SHARE_LIMITS = {
  /** The time that a client below its share waits before exchanges of others are cut, and again before more are. */
  waitMs: 250,
  /** The time between two looks whether a request has waited so long. */
  lookMs: 50,
  /** The time after which a stalled exchange of a client above its share is cut. */
  stalledMs: 1_000,
  /** The time after which a stalled exchange of a client that is not above its share is cut. */
  patienceMs: 2_000,
  /** The age from which an exchange of a client above its share may be cut although its client has not stalled it. */
  oldMs: 5_000,
  /** The time between two cuts of exchanges that are only old. */
  nextOldMs: 1_000,
  /** The number of stalled exchanges cut beyond the number of waiting requests, for requests that come meanwhile. */
  spare: 16,
  /** The time after a cut in which no client gets more than its share. */
  contendedMs: 10_000,
} as const;

/** The shares in one key's connections. */
export class Shares {
  readonly #limit: number;
  readonly #connections = new Map<object, Count>();
  readonly #addresses = new Map<string, Count>();
  /** Exchanges that hold a connection, the oldest first. */
  readonly #claims = new Set<Claim>();
  #contendedUntilMs = Number.NEGATIVE_INFINITY;
  #lookedMs = Number.NEGATIVE_INFINITY;
  #cutOldMs = Number.NEGATIVE_INFINITY;

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Whether every client is held to its share now. */
  isContended(nowMs: number): boolean {
    return nowMs < this.#contendedUntilMs;
  }

  /** Counts a connection that an exchange of the client holds; answers the function that ends that. */
  hold(client: RequestClient, nowMs: number): () => void {
    const claim: Claim = { client, sinceMs: nowMs, isCut: false };
    this.#claims.add(claim);
    this.#count(client, "held", 1);
    return () => {
      if (this.#claims.delete(claim)) this.#count(client, "held", -1);
    };
  }

  /** Counts a connection that is dialled for the client as one that it holds; answers the function that ends that. */
  dial(client: RequestClient): () => void {
    this.#count(client, "held", 1);
    return () => this.#count(client, "held", -1);
  }

  /** Counts a waiting request of the client; answers the function that ends that. */
  wait(client: RequestClient): () => void {
    this.#count(client, "waiting", 1);
    return () => this.#count(client, "waiting", -1);
  }

  /** The part of its share that the client holds: 1 is a whole share. */
  taken({ connection, address }: RequestClient): number {
    const byConnection = taken(this.#connections, connection, this.#limit);
    return address === null ? byConnection : Math.max(byConnection, taken(this.#addresses, address, this.#limit));
  }

  /** Whether the client holds its share of the connections, or more. */
  hasShare(client: RequestClient): boolean {
    return this.taken(client) >= 1;
  }

  /**
   * Cuts exchanges for a client below its share that waits in vain: all exchanges that clients above their shares stall;
   * where there are none, the exchanges that were stalled for longest, about as many as requests wait; where there are
   * none either, the oldest exchange of a client above its share.
   */
  makeRoom(nowMs: number, waiting: number): void {
    if (nowMs - this.#lookedMs < SHARE_LIMITS.waitMs) return;
    this.#lookedMs = nowMs;
    const excess = this.#excess();
    const staying = [...this.#claims].filter(({ isCut }) => !isCut);
    const leaving = this.#claims.size - staying.length;
    const stalled = staying.filter(({ client }) => stalledMs(client, nowMs) >= SHARE_LIMITS.stalledMs);
    const many = stalled.filter(({ client }) => excess.take(client));
    const longest = stalled
      .filter(({ client }) => stalledMs(client, nowMs) >= SHARE_LIMITS.patienceMs)
      .sort((one, other) => stalledMs(other.client, nowMs) - stalledMs(one.client, nowMs))
      .slice(0, Math.max(0, waiting + SHARE_LIMITS.spare - leaving));
    const cut = [many, longest].find(({ length }) => length > 0) ?? this.#oldest(staying, nowMs);
    if (cut.length === 0) return;
    this.#contendedUntilMs = nowMs + SHARE_LIMITS.contendedMs;
    for (const claim of cut) {
      claim.isCut = true;
      claim.client.cut();
    }
  }

  /** The oldest exchange of a client above its share, once a second; empty when there is none. */
  #oldest(staying: readonly Claim[], nowMs: number): readonly Claim[] {
    if (nowMs - this.#cutOldMs < SHARE_LIMITS.nextOldMs) return [];
    const excess = this.#excess();
    const old = staying.find(({ client, sinceMs }) => nowMs - sinceMs >= SHARE_LIMITS.oldMs && excess.take(client));
    if (old === undefined) return [];
    this.#cutOldMs = nowMs;
    return [old];
  }

  /** Counts down what each client holds above its share: `take` answers whether the client holds more than that still. */
  #excess(): { take: (client: RequestClient) => boolean } {
    const above = (counts: ReadonlyMap<unknown, Count>): Map<unknown, number> =>
      new Map([...counts].map(([key, { held }]) => [key, held - shareOf(counts, this.#limit)]));
    const [connections, addresses] = [above(this.#connections), above(this.#addresses)];
    const less = (counts: Map<unknown, number>, key: unknown): boolean => {
      const left = counts.get(key) ?? 0;
      counts.set(key, left - 1);
      return left > 0;
    };
    return {
      take({ connection, address }) {
        const isAbove = (connections.get(connection) ?? 0) > 0 || (addresses.get(address) ?? 0) > 0;
        if (!isAbove) return false;
        less(connections, connection);
        less(addresses, address);
        return true;
      },
    };
  }

  #count({ connection, address }: RequestClient, what: keyof Count, by: 1 | -1): void {
    add(this.#connections, connection, what, by);
    if (address !== null) add(this.#addresses, address, what, by);
  }
}

/** What one client has: connections, and waiting requests. */
interface Count {
  held: number;
  waiting: number;
}

/** The number of connections that is one client's share: at least one, so that the first request of each client goes on. */
const shareOf = (counts: ReadonlyMap<unknown, Count>, limit: number): number =>
  Math.max(1, Math.floor(limit / Math.max(1, counts.size)));

/** A client that is alone may hold all connections, so it holds nothing of a share. */
const taken = <Key>(counts: ReadonlyMap<Key, Count>, key: Key, limit: number): number =>
  counts.size > 1 ? (counts.get(key)?.held ?? 0) / shareOf(counts, limit) : 0;

function add<Key>(counts: Map<Key, Count>, key: Key, what: keyof Count, by: 1 | -1): void {
  const count = counts.get(key) ?? { held: 0, waiting: 0 };
  count[what] += by;
  if (count.held === 0 && count.waiting === 0) counts.delete(key);
  else counts.set(key, count);
}

const stalledMs = ({ stalledSinceMs }: RequestClient, nowMs: number): number =>
  stalledSinceMs === null ? Number.NEGATIVE_INFINITY : nowMs - stalledSinceMs;
