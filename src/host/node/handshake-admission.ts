/**
 * The admission of clients to their TLS handshakes. A handshake takes a millisecond of this process, and a connection
 * with its first request some 200 kB, which the C library keeps once many connections have had them. When thousands of
 * clients connect at once, a few handshakes begin, and the other clients wait as sockets. The next handshake begins when
 * an earlier client has been answered, or when the process is idle, so that slow backends and slow clients delay nobody.
 */

/** The longest turn of the event loop after which further handshakes begin. */
export const SHORT_TURN_MS = 3;
/** The number of handshakes that may begin in one turn. */
export const MAX_A_TURN = 4;
/** The time after which one handshake begins however long turns are, since other work may keep them long for ever. */
export const LONGEST_WAIT_MS = 10;

/** The number of clients that may wait for their first answer while the process is busy. */
export const MAX_UNANSWERED = 32;
/** The time after which a client is not counted among them any more, since it may be slow on purpose. */
export const UNANSWERED_MS = 3_000;
/** The period of looks at whether the process is idle, while that number of clients waits for an answer. */
export const LOOK_MS = 10;
/** The longest turn of an idle process. */
export const IDLE_TURN_MS = 0.1;
/** The number of handshakes that begin at a look which finds the process idle. */
export const MAX_A_LOOK = 2;

/** The clock and the event loop that turns are measured with. */
interface AdmissionLoop {
  readonly nowMs: () => number;
  /** Runs `act` in the next turn, after the sockets that are ready. */
  readonly nextTurn: (act: () => void) => void;
  readonly later: (act: () => void, afterMs: number) => void;
}

const LOOP_OF_ADMISSION: AdmissionLoop = {
  nowMs: () => performance.now(),
  nextTurn: (act) => void setImmediate(act),
  later: (act, afterMs) => void setTimeout(act, afterMs),
};

/** The beginning of a handshake. It calls `answered` once the client has its first answer or has left. */
type Begin = (answered: () => void) => void;

/** The admission of one port. */
export class HandshakeAdmission {
  readonly #loop: AdmissionLoop;
  /** Waiting clients by address, the next address first. One address with a thousand clients does not delay other addresses. */
  readonly #waiting = new Map<string, Begin[]>();
  /** Clients that wait for their first answer, with the time at which each began, the earliest first. */
  readonly #unanswered = new Map<Begin, number>();
  /** The turns that are measured: none while no client waits; each; or some, by looks, while too many are unanswered. */
  #measures: "none" | "each" | "some" = "none";
  /** Whether a look is due. It does nothing when each turn is measured again. */
  #isLookDue = false;
  /** The time at which the turn under way began. */
  #turnMs = 0;
  #admittedMs = 0;

  constructor(loop: AdmissionLoop = LOOP_OF_ADMISSION) {
    this.#loop = loop;
  }

  /** Calls `begin` when the client is admitted: at once when no client waits. */
  add(address: string, begin: Begin): void {
    const clients = this.#waiting.get(address);
    if (clients === undefined) this.#waiting.set(address, [begin]);
    else clients.push(begin);
    if (this.#measures !== "none") return;
    this.#turnMs = this.#loop.nowMs();
    this.#admit(Math.min(1, this.#room()));
    this.#measure();
  }

  /** Measures the turn that begins. */
  #measure(): void {
    this.#measures = "each";
    this.#turnMs = this.#loop.nowMs();
    this.#loop.nextTurn(this.#turn);
  }

  readonly #turn = (): void => {
    const tookMs = this.#loop.nowMs() - this.#turnMs;
    this.#turnMs += tookMs;
    const isShort = tookMs <= SHORT_TURN_MS;
    const isLate = this.#turnMs - this.#admittedMs >= LONGEST_WAIT_MS;
    this.#admit(Math.min(isShort ? MAX_A_TURN : isLate ? 1 : 0, this.#room()));
    if (this.#waiting.size > 0 && this.#room() === 0) return this.#lookLater();
    // The last turn has no client to admit. It shows that turns are short, so the next client may begin at once.
    if (this.#waiting.size === 0 && isShort) this.#measures = "none";
    else this.#loop.nextTurn(this.#turn);
  };

  #lookLater(): void {
    this.#measures = "some";
    if (this.#isLookDue) return;
    this.#isLookDue = true;
    this.#loop.later(() => {
      this.#isLookDue = false;
      if (this.#measures !== "some") return;
      this.#turnMs = this.#loop.nowMs();
      this.#loop.nextTurn(this.#looked);
    }, LOOK_MS);
  }

  readonly #looked = (): void => {
    if (this.#measures !== "some") return;
    if (this.#room() > 0) return this.#measure();
    if (this.#loop.nowMs() - this.#turnMs <= IDLE_TURN_MS) this.#admit(MAX_A_LOOK);
    if (this.#waiting.size > 0) this.#lookLater();
    else this.#measures = "none";
  };

  /** The number of further clients that may wait for an answer. */
  #room(): number {
    for (const [client, begunMs] of this.#unanswered) {
      if (this.#loop.nowMs() - begunMs < UNANSWERED_MS) break;
      this.#unanswered.delete(client);
    }
    return Math.max(0, MAX_UNANSWERED - this.#unanswered.size);
  }

  #admit(most: number): void {
    for (let admitted = 0; admitted < most; admitted++) {
      const [first] = this.#waiting;
      if (first === undefined) return;
      const [address, clients] = first;
      this.#waiting.delete(address);
      const begin = clients.shift();
      if (clients.length > 0) this.#waiting.set(address, clients);
      if (begin === undefined) return;
      this.#admittedMs = this.#loop.nowMs();
      this.#unanswered.set(begin, this.#admittedMs);
      begin(() => {
        if (this.#unanswered.delete(begin) && this.#measures === "some") this.#measure();
      });
    }
  }
}
