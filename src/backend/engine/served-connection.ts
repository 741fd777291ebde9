/**
 * A client's connection in the module: moves bytes between the client's socket and the module, and announces requests.
 * There are no timers and no promises: every step follows bytes from the socket, room in it, or a call about a request.
 */
import { PHASE, REPORT, type StatusExports } from "./abi.ts";
import { Reader } from "./codec.ts";
import { ConnectionError } from "./errors.ts";
import type { Instance } from "./instance.ts";
import { ModuleConnection } from "./module-connection.ts";
import {
  type ClientHandler,
  type ClientProtocol,
  type ClientSocket,
  REFUSALS,
  type RefusedBytes,
} from "./served-client.ts";
import { ServedRequest } from "./served-request.ts";
import type { ServingConnection } from "./serving-connection.ts";

/** The connection of one client. */
export class ServedConnection implements ServingConnection {
  readonly module: ModuleConnection;
  readonly isHttp2: boolean;
  readonly #socket: ClientSocket;
  readonly #handler: ClientHandler;
  readonly #requests = new Map<number, ServedRequest>();
  readonly #removeTrapListener: () => void;
  /** Bytes that the module has not taken yet; the socket is paused meanwhile. */
  #held: Uint8Array | null = null;
  /** Bytes that the module has given, and the socket has not been given yet. */
  #unwritten: Uint8Array<ArrayBuffer> | null = null;
  /** Whether the socket has not taken the last bytes yet. */
  #isWriting = false;
  /** Whether the socket has closed. */
  #isBroken = false;
  /** The last bytes for the client of a connection that is closed. */
  #last: Uint8Array<ArrayBuffer> | null = null;
  /** Callbacks for the moment at which all is written. */
  #whenWritten: (() => void)[] = [];
  #isScheduled = false;
  #isActing = false;
  #isFreed = false;
  #endReason: ConnectionError | null = null;

  /** The client speaks HTTP/2 (its preface is yet to come) or HTTP/1.1. */
  constructor(instance: Instance, socket: ClientSocket, handler: ClientHandler, protocol: ClientProtocol) {
    const handle = instance.callOrThrow((wasm) => wasm.serve(protocol === "h2" ? 1 : 0));
    this.module = new ModuleConnection(instance, handle);
    this.isHttp2 = protocol === "h2";
    this.#socket = socket;
    this.#handler = handler;
    instance.connectionMade();
    this.#removeTrapListener = instance.onTrap(() => this.#onTrap());
    this.call((wasm) => wasm.turn(handle));
  }

  /** Why the connection is over; null while it is not. */
  get endReason(): ConnectionError | null {
    return this.#endReason;
  }

  /** Takes bytes from the socket, which keeps them unchanged. */
  received(bytes: Uint8Array): void {
    if (this.#endReason !== null) return;
    this.#held = this.#held === null ? bytes : concatenated(this.#held, bytes);
    this.#feed();
  }

  /** Says that the client has ended its direction. */
  ended(): void {
    this.call((wasm) => wasm.end(this.module.handle, 0));
  }

  /** Says that the socket has closed: nothing that waits will be written. */
  broken(): void {
    this.#isBroken = true;
    this.call((wasm) => wasm.end(this.module.handle, 1));
    for (const request of this.#requests.values()) request.lost(this.#endReason ?? GONE);
    this.#free();
  }

  /** Says that the socket has taken all bytes that were written. */
  writable(): void {
    this.#isWriting = false;
    this.act();
    // hyper reads on where its output has room again.
    if (this.#held !== null && this.#requests.size > 0) this.schedule();
  }

  /** Lets the module act on what was queued, once for all that callers queue until `Runtime.soon` acts. */
  schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    this.module.instance.soon(this.#onScheduled);
  }

  readonly #onScheduled = (): void => {
    this.#isScheduled = false;
    this.flush();
  };

  /** Lets the module act now, and reads on where that has made room. */
  flush(): void {
    this.call((wasm) => wasm.turn(this.module.handle));
    if (this.#held !== null) this.#feed();
  }

  /** Has an HTTP/2 connection end once its requests are answered (RFC 9113 §6.8: GOAWAY). */
  retire(): void {
    this.call((wasm) => wasm.retire(this.module.handle));
  }

  /** Gives back the memory of an idle connection; false when it is not idle, for a part of a head has come. */
  release(): boolean {
    if (this.#requests.size > 0 || this.#held !== null) return false;
    return this.call((wasm) => wasm.release(this.module.handle)) === 1;
  }

  /** Ends the connection, and a request under way with it. `last` is written behind what was written before. */
  close(last: Uint8Array<ArrayBuffer> | null = null): void {
    if (this.#endReason !== null) return;
    this.#last = last;
    this.call((wasm) => wasm.close(this.module.handle));
  }

  /** As {@link ServingConnection.whenWritten}: at once, when there is nothing. */
  whenWritten(written: () => void): void {
    this.#whenWritten.push(written);
  }

  /** Forgets a request that is over. Called by the request. */
  forget(number: number): void {
    if (!this.#requests.delete(number) || this.#requests.size > 0 || this.#endReason !== null) return;
    this.#handler.onIdle();
    // In the next turn of the event loop, so that a client that pipelines does not delay other clients.
    if (this.#held !== null) this.schedule();
  }

  #feed(): void {
    const { instance, handle } = this.module;
    for (let held = this.#held; held !== null && this.#endReason === null; held = this.#held) {
      const piece = held.length > instance.inputCapacity ? held.subarray(0, instance.inputCapacity) : held;
      if (instance.trapped !== null) return;
      instance.input.set(piece);
      let taken = 0;
      try {
        taken = Math.max(
          this.module.call((wasm) => wasm.feed(handle, piece.length)),
          0,
        );
      } catch (error) {
        if (!(error instanceof ConnectionError)) throw error;
        return;
      }
      this.#held = taken === held.length ? null : held.subarray(taken);
      this.act();
      if (taken < piece.length) break;
    }
    if (this.#held === null || this.#endReason !== null) this.#socket.resume();
    else this.#socket.pause();
  }

  /** As {@link ServingConnection.call}. Answers the module's answer, -1 after a trap. */
  call(run: (wasm: StatusExports) => number): number {
    if (this.#isFreed || this.module.instance.trapped !== null) return -1;
    try {
      const answer = this.module.call(run);
      this.act();
      return answer;
    } catch (error) {
      if (!(error instanceof ConnectionError)) throw error;
      return -1; // The instance has trapped, which onTrap reports.
    }
  }

  /** Does what the status asks for: notifies requests, writes, ends. What it calls may change the status again. */
  act(): void {
    if (this.#isActing || this.#isFreed) return;
    this.#isActing = true;
    try {
      // What a step calls may end the connection, whose status then says nothing any more.
      for (let goesOn = true; goesOn && !this.#isFreed;) {
        if (this.#canWrite && this.#hasUnwritten) goesOn = this.#write();
        else if (this.module.hasNews) goesOn = this.#notify();
        else if (this.#canWrite && this.#whenWritten.length > 0) this.#tellWritten();
        else goesOn = false;
      }
    } catch (error) {
      if (!(error instanceof ConnectionError)) throw error;
    } finally {
      this.#isActing = false;
    }
    if (this.module.phase === PHASE.closed) this.#end();
  }

  get #canWrite(): boolean {
    return !this.#isWriting && !this.#isBroken;
  }

  get #hasUnwritten(): boolean {
    return this.#unwritten !== null || this.module.hasOutput;
  }

  #tellWritten(): void {
    const callbacks = this.#whenWritten;
    this.#whenWritten = [];
    for (const written of callbacks) written();
  }

  /** Announces news to one request; false when there were none. */
  #notify(): boolean {
    const { handle } = this.module;
    const number = this.module.call((wasm) => wasm.next_ready(handle));
    if (number <= 0) return false;
    const known = this.#requests.get(number);
    if (known !== undefined) {
      known.notify();
      return true;
    }
    const request = new ServedRequest(this, number);
    if (!request.takeHead() || request.isCancelledAtOnce()) return true;
    this.#requests.set(number, request);
    this.#handler.onRequest(request);
    return true;
  }

  /** Writes what waits; false when there was nothing. */
  #write(): boolean {
    const { instance, handle } = this.module;
    if (this.#unwritten === null) {
      if (this.module.call((wasm) => wasm.drain(handle)) <= 0) return false;
      // Copied, because the module's memory changes, and may move, while the socket still reads.
      this.#unwritten = instance.spareBuffers.copyOf(instance.output);
    }
    const bytes = this.#unwritten;
    this.#unwritten = null;
    if (this.#socket.write(bytes)) instance.spareBuffers.giveBack(bytes);
    else this.#isWriting = true;
    return true;
  }

  /** The module's part is over: requests fail, what is written leaves, and refused bytes are answered. */
  #end(): void {
    if (this.#endReason === null) {
      const { instance, handle } = this.module;
      instance.call((wasm) => wasm.failure(handle));
      this.#endReason = instance.failure();
      const kind = REFUSALS.get(instance.report(REPORT.code));
      const last = kind === undefined ? this.#last : this.#refused(kind, this.#endReason.received);
      if (last !== null) this.#unwritten = this.#unwritten === null ? last : concatenated(this.#unwritten, last);
      for (const request of this.#requests.values()) request.connectionEnded(this.#endReason);
      return this.act();
    }
    if (this.#canWrite && !this.#hasUnwritten) {
      this.#socket.end();
      this.#free();
    }
  }

  #refused(kind: RefusedBytes["kind"], got: string): Uint8Array<ArrayBuffer> | null {
    const { instance, handle } = this.module;
    const [underWay] = this.#requests.values();
    if (underWay?.isResponded) return null;
    instance.call((wasm) => wasm.evidence(handle));
    const reader = new Reader(instance.output);
    const text = (): string => reader.latin1(reader.u16());
    const request = instance.output.length === 0 ? null : { method: text(), authority: text(), target: text() };
    return this.#handler.onRefused({ kind, got, request, isInBody: underWay !== undefined });
  }

  /** Frees the connection's memory in the module, once nobody needs it. */
  #free(): void {
    if (this.#isFreed || this.#requests.size > 0 || (this.#isWriting && !this.#isBroken)) return;
    this.#isFreed = true;
    this.#held = this.#unwritten = null;
    this.#removeTrapListener();
    const { instance, handle } = this.module;
    if (instance.trapped === null) instance.call((wasm) => wasm.connection_free(handle));
    instance.connectionFreed();
  }

  /** The module has died: nothing more can be written. */
  #onTrap(): void {
    const { trapped } = this.module.instance;
    if (trapped === null || this.#isFreed) return;
    this.#endReason ??= trapped;
    this.#isBroken = true;
    for (const request of this.#requests.values()) request.lost(trapped);
    this.#socket.end();
    this.#free();
  }
}

/** The end of a connection whose socket has closed. */
const GONE = new ConnectionError("peer-closed", "the client has left", { sent: "maybe" });

function concatenated(first: Uint8Array, second: Uint8Array): Uint8Array<ArrayBuffer> {
  const both = new Uint8Array(first.length + second.length);
  both.set(first);
  both.set(second, first.length);
  return both;
}
