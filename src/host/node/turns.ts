/**
 * What backends say is taken a little in each turn of the event loop when there is much. Their bytes cost handshakes,
 * decryption, and what follows from them; were all that is there taken in one turn, a client of another backend would wait
 * for all of it. After some time the rest waits for the next turn, and in between whatever else is ready is served. Bytes
 * that wait go in a circle, one connection of each backend, so that a backend with a thousand does not keep the others.
 */

/** How long a turn takes bytes before others wait. Short turns cost throughput, so those of usual load stay whole. */
export const CROWDED_MS = 16;
/** How long it does while others wait already. A handshake takes longer: then it is one connection a turn. */
export const TURN_MS = 0.5;
/** So many backends may have the bytes of one connection taken in each turn, whoever waits. */
export const MAX_BEFORE_OTHERS = 8;

/** What a turn is measured and made with. */
export interface Loop {
  readonly nowMs: () => number;
  /** Runs `act` in the next turn, when sockets have been looked at. */
  readonly nextTurn: (act: () => void) => void;
  /** Runs `act` in this turn, when what follows from the bytes taken last is done. */
  readonly afterwards: (act: () => void) => void;
}

const NODE_LOOP: Loop = {
  nowMs: () => performance.now(),
  nextTurn: (act) => void setImmediate(act),
  // Ticks come when no microtask is left, in the order in which they were asked for: what the bytes led to comes before.
  afterwards: (act) => queueMicrotask(() => process.nextTick(act)),
};

export class Turns {
  readonly #loop: Loop;
  /** Connections by backend, the next first; none is empty. */
  readonly #waiting = new Map<string, (() => void)[]>();
  /** Backends whose bytes this turn took though others wait. */
  readonly #before = new Set<string>();
  /** When this turn took the first bytes; null: it has taken none. */
  #sinceMs: number | null = null;

  constructor(loop: Loop = NODE_LOOP) {
    this.#loop = loop;
  }

  /** Null when bytes of this backend may be taken now; otherwise resolves when they may be. */
  wait(backend: string): Promise<void> | null {
    if (this.#sinceMs === null) this.#begin();
    if (this.#waiting.size === 0 && this.#lasts() < CROWDED_MS) return null;
    const connections = this.#waiting.get(backend);
    if (connections === undefined && !this.#before.has(backend) && this.#before.size < MAX_BEFORE_OTHERS) {
      this.#before.add(backend);
      return null;
    }
    return new Promise((resolve) => {
      if (connections === undefined) this.#waiting.set(backend, [resolve]);
      else connections.push(resolve);
    });
  }

  #begin(): void {
    this.#sinceMs = this.#loop.nowMs();
    this.#before.clear();
    this.#loop.nextTurn(this.#turn);
  }

  #lasts(): number {
    return this.#sinceMs === null ? 0 : this.#loop.nowMs() - this.#sinceMs;
  }

  readonly #turn = (): void => {
    this.#sinceMs = null;
    if (this.#waiting.size === 0) return;
    this.#begin();
    this.#next();
  };

  readonly #next = (): void => {
    const [first] = this.#waiting;
    if (first === undefined) return;
    const [backend, connections] = first;
    this.#waiting.delete(backend);
    connections.shift()?.();
    if (connections.length > 0) this.#waiting.set(backend, connections);
    this.#loop.afterwards(() => {
      if (this.#lasts() < TURN_MS) this.#next();
    });
  };
}
