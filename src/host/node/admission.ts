/**
 * Which clients begin their TLS handshake, and when. A handshake costs this process a millisecond, and a connection then
 * holds some 40 kB: of thousands of clients that come at once a few begin, and the others wait as sockets, until those
 * have been answered and the event loop's turns are short again. Without it, all of them would be under way at once,
 * and a client of the same process would wait in each turn for what all of them send.
 */

/** A turn of the event loop that took no longer has room for more. */
export const SHORT_TURN_MS = 3;
/** Handshakes begun in one turn, at most. */
export const MAX_A_TURN = 4;
/** However long turns are, one handshake begins after so long: what keeps them long may never end. */
export const LONGEST_WAIT_MS = 10;

/** What turns are measured and made with. */
export interface AdmissionLoop {
  readonly nowMs: () => number;
  /** Runs `act` in the next turn, when sockets have been looked at. */
  readonly nextTurn: (act: () => void) => void;
}

const NODE_LOOP: AdmissionLoop = { nowMs: () => performance.now(), nextTurn: (act) => void setImmediate(act) };

export class Admission {
  readonly #loop: AdmissionLoop;
  /** By address, the next address first; none is empty. One address with a thousand clients does not keep the others. */
  readonly #waiting = new Map<string, (() => void)[]>();
  #isRunning = false;
  /** When the turn under way began. */
  #turnMs = 0;
  #admittedMs = 0;

  constructor(loop: AdmissionLoop = NODE_LOOP) {
    this.#loop = loop;
  }

  /** Calls `begin` soon, and at once when no client waits. */
  add(address: string, begin: () => void): void {
    const clients = this.#waiting.get(address);
    if (clients === undefined) this.#waiting.set(address, [begin]);
    else clients.push(begin);
    if (this.#isRunning) return;
    this.#isRunning = true;
    this.#turnMs = this.#loop.nowMs();
    this.#admit(1);
    this.#loop.nextTurn(this.#turn);
  }

  readonly #turn = (): void => {
    const nowMs = this.#loop.nowMs();
    const isShort = nowMs - this.#turnMs <= SHORT_TURN_MS;
    this.#turnMs = nowMs;
    if (isShort) this.#admit(MAX_A_TURN);
    else if (nowMs - this.#admittedMs >= LONGEST_WAIT_MS) this.#admit(1);
    // One more turn than there are clients: it is known then that turns are short, and the next client begins at once.
    if (this.#waiting.size === 0 && isShort) this.#isRunning = false;
    else this.#loop.nextTurn(this.#turn);
  };

  #admit(most: number): void {
    this.#admittedMs = this.#loop.nowMs();
    for (let admitted = 0; admitted < most; admitted++) {
      const [first] = this.#waiting;
      if (first === undefined) return;
      const [address, clients] = first;
      this.#waiting.delete(address);
      clients.shift()?.();
      if (clients.length > 0) this.#waiting.set(address, clients);
    }
  }
}
