/**
 * The pump of one connection: moves bytes between its ByteStream and the module ({@link Inflow}, {@link Outflow}), and
 * notifies its requests when the module has something new for them. There are no timers: every step follows a read, a
 * write or a call.
 */
import type { ByteStream } from "../runtime.ts";
import { CODES, PHASE, REPORT, type StatusExports } from "./abi.ts";
import { ConnectionError } from "./errors.ts";
import { Inflow } from "./inflow.ts";
import type { Instance } from "./instance.ts";
import { ModuleConnection } from "./module-connection.ts";
import { Outflow } from "./outflow.ts";
import { Received } from "./received.ts";

/** A request in flight, as the pump needs it. */
export interface InFlightRequest {
  /** Called when the module has something new for this request, or the connection is over. */
  notify(): void;
}

/** Moves the bytes of one connection until it is over and nobody needs its memory in the module. */
export class Pump {
  readonly module: ModuleConnection;
  /** Read from the stream and given to the module. */
  readonly received = new Received();
  /** Resolves when the connection is over and its stream closed. */
  readonly closed: Promise<void>;
  readonly #stream: ByteStream;
  readonly #inflow: Inflow;
  readonly #outflow: Outflow;
  readonly #requests = new Map<number, InFlightRequest>();
  readonly #removeTrapListener: () => void;
  #resolveClosed: () => void = () => undefined;
  #isScheduled = false;
  #isFreed = false;
  #endReason: ConnectionError | null = null;
  #unusableEndEntity: Uint8Array | null = null;
  /** The message of what the stream rejected with. */
  #streamError: string | null = null;

  constructor(instance: Instance, handle: number, stream: ByteStream) {
    this.module = new ModuleConnection(instance, handle);
    this.#stream = stream;
    this.closed = new Promise((resolve) => (this.#resolveClosed = resolve));
    instance.connectionMade();
    this.#removeTrapListener = instance.onTrap(() => this.#onTrap());
    this.#inflow = this.#createInflow();
    this.#outflow = this.#createOutflow();
    this.flush();
    void this.#inflow.run();
  }

  /** One of `PHASE`. */
  get phase(): number {
    return this.#endReason === null ? this.module.phase : PHASE.closed;
  }

  /** Whether a request may start. */
  get accepts(): boolean {
    return this.#endReason === null && this.module.accepts;
  }

  /** How many requests are in flight. */
  get inFlight(): number {
    return this.#requests.size;
  }

  /** Why the connection is over; null while it is not. */
  get endReason(): ConnectionError | null {
    return this.#endReason;
  }

  /**
   * The end-entity certificate (DER) whose key cannot verify a handshake; null unless that ended the connection.
   */
  get unusableEndEntity(): Uint8Array | null {
    return this.#unusableEndEntity;
  }

  /** Waits until `phase` is over; answers the phase after it. One waiter: the handshake. */
  async phaseAfter(phase: number): Promise<number> {
    while (this.phase === phase) await this.module.phaseChange();
    return this.phase;
  }

  /** Has `request` notified, by its number in the module. */
  add(number: number, request: InFlightRequest): void {
    this.#requests.set(number, request);
  }

  /** The request has ended. */
  remove(number: number): void {
    this.#requests.delete(number);
    this.#freeIfUnused();
  }

  /** Lets the module act on what was queued, once for all that callers queue until `Runtime.soon` acts. */
  schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    this.module.instance.soon(this.flush);
  }

  /** Lets the module act now. One that was scheduled then finds nothing to do. */
  readonly flush = (): void => {
    this.#isScheduled = false;
    if (this.#isFreed || this.module.instance.trapped !== null) return;
    this.#callAndAct((wasm) => wasm.turn(this.module.handle));
    this.#inflow.resume();
  };

  /** The chain was verified: requests may be written from now on. */
  approve(): void {
    this.module.call((wasm) => wasm.approve(this.module.handle));
    this.#actOnStatus();
    this.#inflow.resume();
  }

  /** The chain was refused: sends `alert` and closes the connection. */
  refuse(alert: number): void {
    if (this.#endReason !== null) return;
    this.module.call((wasm) => wasm.refuse(this.module.handle, alert));
    this.#actOnStatus();
  }

  /** Cancels one request: HTTP/2 resets the stream, HTTP/1.1 closes the connection. */
  cancel(number: number): void {
    if (this.#isFreed || this.module.instance.trapped !== null) return;
    this.#callAndAct((wasm) => wasm.request_cancel(this.module.handle, number));
    this.schedule();
  }

  /** Ends the connection from our side: in good order when idle, at once otherwise. */
  close(): void {
    if (this.#isFreed || this.module.instance.trapped !== null || this.#endReason !== null) return;
    this.#callAndAct((wasm) => wasm.close(this.module.handle));
    this.#inflow.resume();
  }

  #createInflow(): Inflow {
    const { instance, handle } = this.module;
    return new Inflow(this.#stream, {
      isOver: () => this.#endReason !== null,
      maxFeedBytes: instance.inputCapacity,
      feed: (bytes) => {
        instance.input.set(bytes);
        this.received.note(bytes);
        return this.module.call((wasm) => wasm.feed(handle, bytes.length));
      },
      onFed: () => this.#actOnStatus(),
      onEnd: () => this.#endOfStream(0),
      onBroken: (error) => this.#streamBroke(error),
    });
  }

  #createOutflow(): Outflow {
    const { instance, handle } = this.module;
    return new Outflow(this.#stream, {
      nextBytes: () => {
        if (this.#isFreed || !this.module.hasOutput) return null;
        if (this.module.call((wasm) => wasm.drain(handle)) <= 0) return null;
        // Copied, because the module's memory changes, and may move, while the socket still reads.
        const bytes = instance.spareBuffers.copyOf(instance.output);
        this.#notifyRequests();
        return bytes;
      },
      onWritten: (bytes) => instance.spareBuffers.giveBack(bytes),
      onBroken: (error) => this.#streamBroke(error),
      onIdle: () => {
        if (this.#endReason !== null) this.#closeStream();
        else this.#callAndAct(null);
      },
    });
  }

  /** The stream rejected. A trap is no fault of the stream; {@link Instance.onTrap} reports it. */
  #streamBroke(error: unknown): void {
    if (error instanceof ConnectionError) return;
    this.#streamError ??= error instanceof Error ? error.message : String(error);
    this.#endOfStream(1);
  }

  #endOfStream(isBroken: 0 | 1): void {
    if (this.#endReason !== null || this.module.instance.trapped !== null) return;
    // The requests still get what was received before: the module ends the connection when they have taken all of it.
    this.#callAndAct((wasm) => wasm.end(this.module.handle, isBroken));
  }

  /** Calls the module (null: does not) and acts on the status. A trap must not escape: Instance.onTrap reports it. */
  #callAndAct(run: ((wasm: StatusExports) => number) | null): void {
    try {
      if (run !== null) this.module.call(run);
      this.#actOnStatus();
    } catch (error) {
      if (!(error instanceof ConnectionError)) throw error;
    }
  }

  /** Done after every call: notifies the requests, writes what waits, notices the end. */
  #actOnStatus(): void {
    const isWriteStuck = this.#outflow.isWriting;
    this.#notifyRequests();
    if (this.module.hasOutput) void this.#outflow.run();
    if (this.module.phase !== PHASE.closed || this.#endReason !== null) return;
    const { instance, handle } = this.module;
    instance.call((wasm) => wasm.failure(handle));
    const reason = instance.failure();
    if (instance.report(REPORT.code) === CODES.unusableEndEntity) {
      instance.call((wasm) => wasm.evidence(handle));
      this.#unusableEndEntity = instance.output.slice();
    }
    this.#end(reason, isWriteStuck);
  }

  #notifyRequests(): void {
    while (this.module.hasNews) {
      const number = this.module.call((wasm) => wasm.next_ready(this.module.handle));
      if (number <= 0) return;
      this.#requests.get(number)?.notify();
    }
  }

  /** The connection is over. With `isWriteStuck` an earlier write, maybe to a peer that reads nothing, is not waited for. */
  #end(reason: ConnectionError, isWriteStuck: boolean): void {
    if (this.#endReason !== null) return;
    this.#endReason = this.#streamError === null ? reason : new ConnectionError("transport", this.#streamError);
    this.#inflow.resume();
    // A notified request may remove itself, which iteration over a Map allows.
    for (const request of this.#requests.values()) request.notify();
    this.module.endWait();
    // An alert or close_notify whose write began just now leaves first.
    if (isWriteStuck || !this.#outflow.isWriting) this.#closeStream();
  }

  #closeStream(): void {
    this.#stream.close();
    this.#resolveClosed();
    this.#freeIfUnused();
  }

  #freeIfUnused(): void {
    if (this.#isFreed || this.#endReason === null || this.#outflow.isWriting || this.#requests.size > 0) return;
    this.#isFreed = true;
    this.#removeTrapListener();
    const { instance, handle } = this.module;
    if (instance.trapped === null) instance.call((wasm) => wasm.connection_free(handle));
    instance.connectionFreed();
  }

  #onTrap(): void {
    const { trapped } = this.module.instance;
    if (trapped !== null) this.#end(trapped, true);
  }
}
