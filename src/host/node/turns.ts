/**
 * The turns in which bytes from backends are processed. Bytes cost a handshake or decryption, and the work that follows.
 * If all bytes that have come were processed in one turn of the event loop, clients of other backends would wait for all
 * of that work. So after some time the remaining bytes wait for the next turn, and other events come in between. Waiting
 * backends take turns with one connection each, so that a backend with a thousand connections does not delay the others.
 */

/** The time for which a turn processes bytes before those of young connections wait. */
export const CROWDED_MS = 16;
/**
 * The same time for bytes of other connections. A young connection is in its handshake, whose bytes cost some
 * milliseconds; those of responses cost a tenth of that, and short turns would halve their throughput.
 */
export const LONG_MS = 40;
/** The bytes that a connection has received while it is young: a handshake with a chain of the usual size. */
export const YOUNG_BYTES = 16 * 1024;
/** The same time while connections wait already. A handshake takes longer, so it is the only one of its turn. */
export const TURN_MS = 0.5;
/** The number of backends that may have the bytes of one connection processed in a turn though others wait. */
export const MAX_BEFORE_OTHERS = 8;

/** The clock and the event loop that turns are measured with. */
interface Loop {
  readonly nowMs: () => number;
  /** Runs `act` in the next turn, after the sockets that are ready. */
  readonly nextTurn: (act: () => void) => void;
  /** Runs `act` in this turn, after the work that follows from the bytes processed last. */
  readonly afterwards: (act: () => void) => void;
}

const NODE_LOOP: Loop = {
  nowMs: () => performance.now(),
  nextTurn: (act) => void setImmediate(act),
  // Ticks run when no microtask is left, in the order of their requests, so the work for the bytes comes before `act`.
  afterwards: (act) => queueMicrotask(() => process.nextTick(act)),
};

/** The turns of one event loop. */
export class Turns {
  readonly #loop: Loop;
  /** Waiting connections by backend, the next backend first; no list is empty. */
  readonly #waiting = new Map<string, (() => void)[]>();
  /** Backends whose bytes were processed in this turn though others wait. */
  readonly #before = new Set<string>();
  /** The time of the first bytes of this turn; null before. */
  #sinceMs: number | null = null;

  constructor(loop: Loop = NODE_LOOP) {
    this.#loop = loop;
  }

  /**
   * Null when bytes of this backend may be processed now, otherwise a promise that resolves when they may. `received`:
   * the number of bytes that the connection has received before.
   */
  wait(backend: string, received: number): Promise<void> | null {
    if (this.#sinceMs === null) this.#begin();
    const isYoung = received < YOUNG_BYTES;
    if (this.#elapsedMs() < (isYoung ? CROWDED_MS : LONG_MS) && (!isYoung || this.#waiting.size === 0)) return null;
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

  #elapsedMs(): number {
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
      if (this.#elapsedMs() < TURN_MS) this.#next();
    });
  };
}
