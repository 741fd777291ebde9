/** Connections to backends over node:net. */
import { connect, type OnReadOpts, type Socket } from "node:net";
import { type ByteStream, type Dial, DialError } from "../../backend/index.ts";
import { Turns } from "./turns.ts";

/** The size of the first buffers: enough for a handshake and a small response. When one is filled, larger ones follow. */
const FIRST_READ_BYTES = 8 * 1024;
const READ_BYTES = 64 * 1024;
/** The time that the last bytes have to leave after close(). */
const LINGER_MS = 1_000;

/** One for the process, which has one event loop. */
const turns = new Turns();

/** Dials over TCP. The peer is stopped while the stream is not read. Rejects with a DialError that has the reason. */
export const nodeDial: Dial = (endpoint, signal) =>
  new Promise((resolve, reject) => {
    if (signal.aborted) return reject(new DialError("timeout", "aborted before dialling"));
    const reads = new Reads();
    const socket = connect({ host: endpoint.host, port: endpoint.port, noDelay: true, onread: reads.options });
    const abort = () => {
      socket.destroy();
      reject(new DialError("timeout", `no connection to ${endpoint.host}:${endpoint.port} in time`));
    };
    signal.addEventListener("abort", abort, { once: true });
    const failed = (error: NodeJS.ErrnoException) => {
      signal.removeEventListener("abort", abort);
      reject(new DialError(reasonOf(error.code), error.message));
    };
    socket.once("error", failed);
    socket.once("connect", () => {
      signal.removeEventListener("abort", abort);
      socket.off("error", failed);
      resolve(new SocketStream(socket, reads, `${endpoint.host} ${endpoint.port}`));
    });
  });

function reasonOf(code = ""): DialError["reason"] {
  switch (code) {
    case "ECONNREFUSED":
    case "ECONNRESET":
      return "refused";
    case "ETIMEDOUT":
      return "timeout";
    case "EACCES":
    case "EPERM":
      return "prohibited";
    default:
      return "unreachable";
  }
}

/**
 * Two buffers for the reads of one socket, in turn, since a new buffer for each read would be garbage outside the heap.
 * The kernel fills one while the reader has the other. While neither is free the socket is paused.
 */
class Reads {
  #bytes = FIRST_READ_BYTES;
  readonly #buffers = [Buffer.allocUnsafeSlow(this.#bytes), Buffer.allocUnsafeSlow(this.#bytes)];
  #turn = 0;
  #filled: Uint8Array | null = null;
  #waiting: ((bytes: Uint8Array | null) => void) | null = null;

  readonly options: OnReadOpts = {
    buffer: () => this.#nextBuffer(),
    callback: (length, buffer) => this.#arrived(buffer.subarray(0, length)),
  };

  /** The bytes that came while no reader waited, or null. The socket may be resumed once they are taken. */
  take(): Uint8Array | null {
    const filled = this.#filled;
    this.#filled = null;
    return filled;
  }

  /** Waits for the next bytes; null when wake() was called for another reason. */
  wait(): Promise<Uint8Array | null> {
    return new Promise((resolve) => (this.#waiting = resolve));
  }

  wake(bytes: Uint8Array | null): void {
    const waiting = this.#waiting;
    this.#waiting = null;
    waiting?.(bytes);
  }

  /** The buffer for the next read. Node asks for one at the start and after every callback. */
  #nextBuffer(): Uint8Array {
    this.#turn = 1 - this.#turn;
    let buffer = this.#buffers[this.#turn];
    if (buffer === undefined || buffer.length < this.#bytes) {
      buffer = Buffer.allocUnsafeSlow(this.#bytes);
      this.#buffers[this.#turn] = buffer;
    }
    return buffer;
  }

  /** Takes the bytes of a read; false pauses the socket. */
  #arrived(bytes: Uint8Array): boolean {
    if (bytes.length >= FIRST_READ_BYTES) this.#bytes = READ_BYTES;
    if (this.#waiting === null) {
      this.#filled = bytes;
      return false;
    }
    this.wake(bytes);
    return true;
  }
}

class SocketStream implements ByteStream {
  readonly #socket: Socket;
  readonly #reads: Reads;
  readonly #backend: string;
  #failure: Error | null = null;
  #ended = false;
  #wakeWriter: (() => void) | null = null;

  constructor(socket: Socket, reads: Reads, backend: string) {
    this.#socket = socket;
    this.#reads = reads;
    this.#backend = backend;
    socket.on("end", () => this.#end());
    socket.on("close", () => this.#end());
    socket.on("error", (error) => {
      this.#failure = error;
      this.#end();
    });
  }

  async read(): Promise<Uint8Array | null> {
    for (;;) {
      let bytes = this.#reads.take();
      if (bytes === null) {
        if (this.#failure !== null) throw this.#failure;
        if (this.#ended) return null;
        bytes = await this.#reads.wait();
        if (bytes === null) continue;
      } else {
        this.#socket.resume();
      }
      const turn = turns.wait(this.#backend);
      if (turn !== null) await turn;
      return bytes;
    }
  }

  async write(bytes: Uint8Array): Promise<void> {
    if (this.#failure !== null) throw this.#failure;
    if (this.#socket.destroyed) throw new Error("the socket is closed");
    this.#socket.write(bytes, this.#written);
    // Bytes that the kernel took at once are not in writableLength any more.
    while (this.#socket.writableLength > 0 && this.#failure === null && !this.#socket.destroyed) {
      await new Promise<void>((resolve) => (this.#wakeWriter = resolve));
    }
    if (this.#failure !== null) throw this.#failure;
  }

  readonly #written = (): void => this.#wakeWriterUp();

  close(): void {
    this.#end();
    // Written bytes may leave (an alert, close_notify), then both directions end even when the peer does not end its own.
    // A peer that takes no bytes is not waited for.
    if (this.#socket.writableNeedDrain) return void this.#socket.destroy();
    this.#socket.end(() => this.#socket.destroy());
    // Such a peer may also have left so few bytes that writableNeedDrain is false.
    if (this.#socket.writableLength > 0) this.#socket.setTimeout(LINGER_MS, () => this.#socket.destroy());
  }

  #end(): void {
    this.#ended = true;
    this.#reads.wake(null);
    this.#wakeWriterUp();
  }

  #wakeWriterUp(): void {
    const wake = this.#wakeWriter;
    this.#wakeWriter = null;
    wake?.();
  }
}
