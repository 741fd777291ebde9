/**
 * Whose exchanges hold the connections of one key, so that no client keeps them from the others. A client is a connection,
 * and all connections of one address together. Nobody is held to a share while nobody else waits.
 */
import type { RequestClient } from "../exchange.ts";

/** An exchange that holds a connection. */
interface Claim {
  readonly client: RequestClient;
  readonly sinceMs: number;
  /** It was told to end. */
  isCut: boolean;
}

/** How long a waiting client, and a client that others wait for, is left alone. */
export const SHARE_LIMITS = {
  /** A client below its share waits so long before requests of others are cut for it, and again after so long. */
  waitMs: 250,
  /** A client above its share may keep its request from going on for so long then. */
  stalledMs: 1_000,
  /** And one that is not above it, so long. */
  patienceMs: 2_000,
  /** A request of a client above its share is left alone for so long, though its client does what it should. */
  oldMs: 5_000,
  /** Of those one is cut, and the next after so long. */
  nextOldMs: 1_000,
  /** So many more are cut than requests wait: others come. */
  spare: 16,
  /** So long after that nobody gets more than a share. */
  contendedMs: 10_000,
} as const;

export class Shares {
  readonly #limit: number;
  readonly #connections = new Map<object, Count>();
  readonly #addresses = new Map<string, Count>();
  /** The oldest first. */
  readonly #claims = new Set<Claim>();
  #contendedUntilMs = Number.NEGATIVE_INFINITY;
  #lookedMs = Number.NEGATIVE_INFINITY;
  #cutOldMs = Number.NEGATIVE_INFINITY;

  constructor(limit: number) {
    this.#limit = limit;
  }

  isContended(nowMs: number): boolean {
    return nowMs < this.#contendedUntilMs;
  }

  /** Answers how to end it. */
  hold(client: RequestClient, nowMs: number): () => void {
    const claim: Claim = { client, sinceMs: nowMs, isCut: false };
    this.#claims.add(claim);
    this.#count(client, "held", 1);
    return () => {
      if (this.#claims.delete(claim)) this.#count(client, "held", -1);
    };
  }

  /** Answers how to end it. */
  wait(client: RequestClient): () => void {
    this.#count(client, "waiting", 1);
    return () => this.#count(client, "waiting", -1);
  }

  /** How much of its share of the connections the client holds: from 1 on it has its share. */
  taken({ connection, address }: RequestClient): number {
    const byConnection = taken(this.#connections, connection, this.#limit);
    return address === null ? byConnection : Math.max(byConnection, taken(this.#addresses, address, this.#limit));
  }

  /** Whether the client holds its share of the connections, or more. */
  hasShare(client: RequestClient): boolean {
    return this.taken(client) >= 1;
  }

  /**
   * Somebody below its share waits in vain: cuts requests of those above theirs that they keep from going on themselves;
   * where there are none, as many as wait of those kept from going on for longest, or the oldest of who is above its share.
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

  /** The one that has been held for longest of what is above a share; or none. */
  #oldest(staying: readonly Claim[], nowMs: number): readonly Claim[] {
    if (nowMs - this.#cutOldMs < SHARE_LIMITS.nextOldMs) return [];
    const excess = this.#excess();
    const old = staying.find(({ client, sinceMs }) => nowMs - sinceMs >= SHARE_LIMITS.oldMs && excess.take(client));
    if (old === undefined) return [];
    this.#cutOldMs = nowMs;
    return [old];
  }

  /** What each holds above its share, to be taken one by one. */
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

interface Count {
  held: number;
  waiting: number;
}

/** At least one each: a request is answered before others are looked at. */
const shareOf = (counts: ReadonlyMap<unknown, Count>, limit: number): number =>
  Math.max(1, Math.floor(limit / Math.max(1, counts.size)));

/** Alone, a client may have all there is. */
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
