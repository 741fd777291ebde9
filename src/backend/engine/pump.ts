/**
 * Moves bytes between one ByteStream and one connection in the module ({@link Inflow}, {@link Outflow}), and tells the
 * connection's requests that something is new. No timers: every step follows a read, a write or a call.
 */
import type { ByteStream } from "../runtime.ts";
import { CODES, PHASE, PHASE_MASK, REPORT, STATUS, type StatusExports } from "./abi.ts";
import { ConnectionError } from "./errors.ts";
import { Inflow } from "./inflow.ts";
import type { Instance } from "./instance.ts";
import { Outflow } from "./outflow.ts";

/** A request in flight, as the pump sees it. */
export interface Listener {
  /** Something is new for this request in the module, or the connection is over. */
  notify(): void;
}

export class Pump {
  readonly instance: Instance;
  readonly handle: number;
  readonly #stream: ByteStream;
  readonly #inflow: Inflow;
  readonly #outflow: Outflow;
  readonly #listeners = new Map<number, Listener>();
  #status = 0;
  #capacity = 0;
  #scheduled = false;
  #freed = false;
  #over: ConnectionError | null = null;
  #unusable: Uint8Array | null = null;
  /** What the stream rejected with. */
  #broken: string | null = null;
  #receivedBytes = 0;
  readonly #unmourn: () => void;
  #phaseChanged: (() => void) | null = null;
  readonly closed: Promise<void>;
  #resolveClosed: () => void = () => undefined;

  constructor(instance: Instance, handle: number, stream: ByteStream) {
    this.instance = instance;
    this.handle = handle;
    this.#stream = stream;
    this.closed = new Promise((resolve) => (this.#resolveClosed = resolve));
    instance.connectionMade();
    this.#unmourn = instance.onTrap(() => this.#trap());
    this.#inflow = this.#reading();
    this.#outflow = this.#writing();
    this.flush();
    void this.#inflow.run();
  }

  get phase(): number {
    return this.#over === null ? this.#status & PHASE_MASK : PHASE.closed;
  }

  get accepts(): boolean {
    return this.#over === null && (this.#status & STATUS.accepts) !== 0;
  }

  get http2(): boolean {
    return (this.#status & STATUS.http2) !== 0;
  }

  /** The peer takes no further request, but finishes those in flight. */
  get draining(): boolean {
    return (this.#status & STATUS.draining) !== 0;
  }

  /** Read from the stream and given to the module. */
  get receivedBytes(): number {
    return this.#receivedBytes;
  }

  /** Requests that may be in flight together. */
  get capacity(): number {
    return this.#capacity;
  }

  get inFlight(): number {
    return this.#listeners.size;
  }

  /** Why the connection is over, or null while it lives. */
  get over(): ConnectionError | null {
    return this.#over;
  }

  /** The phase after `phase`, once it is left. One waiter: the opening. */
  async leaves(phase: number): Promise<number> {
    while (this.phase === phase) await new Promise<void>((resolve) => (this.#phaseChanged = resolve));
    return this.phase;
  }

  add(request: number, listener: Listener): void {
    this.#listeners.set(request, listener);
  }

  remove(request: number): void {
    this.#listeners.delete(request);
    this.#freeIfDone();
  }

  /** Calls the module about this connection and follows what it changed. -1 answers stay numbers. */
  call(run: (wasm: StatusExports) => number): number {
    const answer = this.instance.call(run);
    const status = this.instance.report(REPORT.status);
    this.#capacity = this.instance.report(REPORT.capacity);
    const moved = ((status ^ this.#status) & PHASE_MASK) !== 0;
    this.#status = status;
    if (moved) {
      const changed = this.#phaseChanged;
      this.#phaseChanged = null;
      changed?.();
    }
    return answer;
  }

  /** Lets the module act on what was queued, once for all that callers queue until `Runtime.soon`. */
  schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    this.instance.soon(this.#act);
  }

  readonly #act = (): void => {
    this.#scheduled = false;
    this.flush();
  };

  /** Lets the module act now. */
  flush(): void {
    if (this.#freed || this.instance.trapped !== null) return;
    this.#guard(() => {
      this.call((wasm) => wasm.turn(this.handle));
      this.#follow();
    });
    this.#inflow.wake();
  }

  /** The verdict was yes: the gate opens. */
  approve(): void {
    this.call((wasm) => wasm.approve(this.handle));
    this.#follow();
    this.#inflow.wake();
  }

  /** The verdict was no: `alert` is said and the connection closed. */
  refuse(alert: number): void {
    if (this.#over !== null) return;
    this.call((wasm) => wasm.refuse(this.handle, alert));
    this.#follow();
  }

  /** The end-entity certificate with which the module could verify no handshake; null unless that ended the connection. */
  get unusable(): Uint8Array | null {
    return this.#unusable;
  }

  /** HTTP/2 resets the stream, HTTP/1.1 closes the connection. */
  cancel(request: number): void {
    if (this.#freed || this.instance.trapped !== null) return;
    this.#guard(() => {
      this.call((wasm) => wasm.request_cancel(this.handle, request));
      this.#follow();
    });
    this.schedule();
  }

  /** Ends the connection from our side: in good order when idle, at once otherwise. */
  close(): void {
    if (this.#freed || this.instance.trapped !== null || this.#over !== null) return;
    this.#guard(() => {
      this.call((wasm) => wasm.close(this.handle));
      this.#follow();
    });
    this.#inflow.wake();
  }

  #reading(): Inflow {
    const { instance, handle } = this;
    return new Inflow(this.#stream, {
      over: () => this.#over !== null,
      capacity: instance.inputCapacity,
      feed: (bytes) => {
        instance.input.set(bytes);
        this.#receivedBytes += bytes.length;
        return this.call((wasm) => wasm.feed(handle, bytes.length));
      },
      follow: () => this.#follow(),
      ended: () => this.#end(0),
      broke: (error) => this.#break(error),
    });
  }

  #writing(): Outflow {
    return new Outflow(this.#stream, {
      drain: () => {
        if (this.#freed || (this.#status & STATUS.output) === 0) return null;
        if (this.call((wasm) => wasm.drain(this.handle)) <= 0) return null;
        // Copied: the module's memory changes, and may move, while the socket still reads.
        const bytes = this.instance.spares.copyOf(this.instance.output);
        this.#tell();
        return bytes;
      },
      written: (bytes) => this.instance.spares.giveBack(bytes),
      broke: (error) => this.#break(error),
      rested: () => {
        if (this.#over !== null) this.#hangUp();
        else this.#guard(() => this.#follow());
      },
    });
  }

  /** The stream rejected. A trap is no matter of the stream's; it is told through {@link Instance.onTrap}. */
  #break(error: unknown): void {
    if (error instanceof ConnectionError) return;
    this.#broken ??= error instanceof Error ? error.message : String(error);
    this.#end(1);
  }

  #end(broken: 0 | 1): void {
    if (this.#over !== null || this.instance.trapped !== null) return;
    this.#guard(() => {
      // What was received before is still the requests': the module is over when they have taken it.
      this.call((wasm) => wasm.end(this.handle, broken));
      this.#follow();
    });
  }

  /** After every call: tell the requests, write what waits, notice the end. */
  #follow(): void {
    const stuck = this.#outflow.busy;
    this.#tell();
    if ((this.#status & STATUS.output) !== 0) void this.#outflow.run();
    if ((this.#status & PHASE_MASK) === PHASE.closed && this.#over === null) {
      this.instance.call((wasm) => wasm.failure(this.handle));
      const why = this.instance.failure();
      if (this.instance.report(REPORT.code) === CODES.unusableEndEntity) {
        this.instance.call((wasm) => wasm.evidence(this.handle));
        this.#unusable = this.instance.output.slice();
      }
      this.#finish(why, stuck);
    }
  }

  #tell(): void {
    while ((this.#status & STATUS.ready) !== 0) {
      const request = this.call((wasm) => wasm.next_ready(this.handle));
      if (request <= 0) return;
      this.#listeners.get(request)?.notify();
    }
  }

  /** `stuck`: an earlier write is still waiting, maybe for a peer that reads nothing: then nothing is waited for. */
  #finish(why: ConnectionError, stuck: boolean): void {
    if (this.#over !== null) return;
    this.#over = this.#broken === null ? why : new ConnectionError("transport", this.#broken);
    this.#inflow.wake();
    // A notified listener may remove itself, which iteration over a Map allows.
    for (const listener of this.#listeners.values()) listener.notify();
    const changed = this.#phaseChanged;
    this.#phaseChanged = null;
    changed?.();
    // An alert or close_notify whose write began just now leaves first.
    if (stuck || !this.#outflow.busy) this.#hangUp();
  }

  #hangUp(): void {
    this.#stream.close();
    this.#resolveClosed();
    this.#freeIfDone();
  }

  #freeIfDone(): void {
    if (this.#freed || this.#over === null || this.#outflow.busy || this.#listeners.size > 0) return;
    this.#freed = true;
    this.#unmourn();
    if (this.instance.trapped === null) this.instance.call((wasm) => wasm.connection_free(this.handle));
    this.instance.connectionFreed();
  }

  #trap(): void {
    if (this.instance.trapped === null) return;
    this.#finish(this.instance.trapped, true);
  }

  /** A trap is told to everyone through {@link Instance.onTrap}; here it only must not escape. */
  #guard(run: () => void): void {
    try {
      run();
    } catch (error) {
      if (!(error instanceof ConnectionError)) throw error;
    }
  }
}
