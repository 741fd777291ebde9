/** One connection in the module: the calls about it, and the status that each of these calls leaves in the report. */
import { PHASE_MASK, REPORT, STATUS, type StatusExports } from "./abi.ts";
import type { Instance } from "./instance.ts";
import { Wakeup } from "./wakeup.ts";

/** A connection's number in its instance, and its status there. */
export class ModuleConnection {
  readonly instance: Instance;
  readonly handle: number;
  readonly #phaseChange = new Wakeup();
  #status = 0;
  #capacity = 0;

  constructor(instance: Instance, handle: number) {
    this.instance = instance;
    this.handle = handle;
  }

  /** Calls the module about this connection and reads the status. An answer of -1 is answered too, not thrown. */
  call(run: (wasm: StatusExports) => number): number {
    const answer = this.instance.call(run);
    const status = this.instance.report(REPORT.status);
    this.#capacity = this.instance.report(REPORT.capacity);
    const isOtherPhase = ((status ^ this.#status) & PHASE_MASK) !== 0;
    this.#status = status;
    if (isOtherPhase) this.#phaseChange.wake();
    if ((status & STATUS.others) !== 0) this.instance.onOthers?.();
    return answer;
  }

  /** One of `PHASE`. */
  get phase(): number {
    return this.#status & PHASE_MASK;
  }

  /** Whether a request may start. */
  get accepts(): boolean {
    return (this.#status & STATUS.accepts) !== 0;
  }

  /** Whether the protocol is HTTP/2. */
  get isHttp2(): boolean {
    return (this.#status & STATUS.http2) !== 0;
  }

  /** Whether the peer takes no further request, but finishes those in flight (GOAWAY). */
  get isDraining(): boolean {
    return (this.#status & STATUS.draining) !== 0;
  }

  /** Whether there are bytes to write. */
  get hasOutput(): boolean {
    return (this.#status & STATUS.output) !== 0;
  }

  /** Whether there is something new for a request. */
  get hasNews(): boolean {
    return (this.#status & STATUS.ready) !== 0;
  }

  /** Requests that may be in flight together. */
  get capacity(): number {
    return this.#capacity;
  }

  /** Resolves when the phase has changed, or {@link endWait} was called. One waiter: the handshake. */
  phaseChange(): Promise<void> {
    return this.#phaseChange.wait();
  }

  /** Ends the wait for another phase, of which there may be none any more. */
  endWait(): void {
    this.#phaseChange.wake();
  }
}
