/**
 * The admission of clients to their TLS handshakes. A handshake takes a millisecond of this process, and a TLS connection
 * some 40 kB. When thousands of clients connect at once, a few handshakes begin, and the other clients wait as sockets
 * until the event loop's turns are short again. If all handshakes began at once, every turn would be as long as the work
 * for all of them, and the clients of open connections would wait that long for each response.
 */

/** The longest turn of the event loop after which further handshakes begin. */
export const SHORT_TURN_MS = 3;
/** The number of handshakes that may begin in one turn. */
export const MAX_A_TURN = 4;
/** The time after which one handshake begins however long turns are, since other work may keep them long for ever. */
export const LONGEST_WAIT_MS = 10;

/** The clock and the event loop that turns are measured with. */
interface AdmissionLoop {
  readonly nowMs: () => number;
  /** Runs `act` in the next turn, after the sockets that are ready. */
  readonly nextTurn: (act: () => void) => void;
}

const LOOP_OF_ADMISSION: AdmissionLoop = { nowMs: () => performance.now(), nextTurn: (act) => void setImmediate(act) };

/** The admission of one port. */
export class Admission {
  readonly #loop: AdmissionLoop;
  /** Waiting clients by address, the next address first. One address with a thousand clients does not delay other addresses. */
  readonly #waiting = new Map<string, (() => void)[]>();
  #isRunning = false;
  /** The time at which the turn under way began. */
  #turnMs = 0;
  #admittedMs = 0;

  constructor(loop: AdmissionLoop = LOOP_OF_ADMISSION) {
    this.#loop = loop;
  }

  /** Calls `begin` when the client is admitted: at once when no client waits. */
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
    // The last turn has no client to admit. It shows that turns are short, so the next client may begin at once.
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
