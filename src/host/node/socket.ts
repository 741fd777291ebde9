/** Connections to backends over node:net. */
import { connect, type OnReadOpts, type Socket } from "node:net";
import { type ByteStream, type Dial, DialError } from "../../backend/index.ts";
import { ReadBuffers } from "./read-buffers.ts";
import { Turns } from "./turns.ts";

/** The time that the last bytes have to leave after close(). */
const LINGER_MS = 1_000;

/** One for the process, which has one event loop. */
const turns = new Turns();
const readBuffers = new ReadBuffers();

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
 * The reads of one socket. The kernel fills one buffer while the reader has another; while the reader has not taken the
 * bytes of the last read the socket is paused.
 */
class Reads {
  /** The buffer that the kernel fills. */
  #current: Buffer | null = null;
  /** The buffer whose bytes the reader has until it reads again. */
  #lent: Buffer | null = null;
  /** The bytes that came while no reader waited, and their buffer. */
  #filled: { readonly bytes: Uint8Array; readonly buffer: Buffer } | null = null;
  #next: "small" | "large" = "small";
  #isAbandoned = false;
  #waiting: ((bytes: Uint8Array | null) => void) | null = null;

  readonly options: OnReadOpts = {
    // All runtimes ask for a buffer at the start and after every callback, and fill no other (tried with each).
    buffer: () => (this.#current = readBuffers.take(this.#next)),
    callback: (length) => this.#arrived(length),
  };

  /**
   * The bytes that came while no reader waited, or null. The socket may be resumed once they are taken. The buffer of
   * the read before goes to another connection.
   */
  take(): Uint8Array | null {
    if (this.#lent !== null) readBuffers.give(this.#lent);
    this.#lent = this.#filled?.buffer ?? null;
    const bytes = this.#filled?.bytes ?? null;
    this.#filled = null;
    return bytes;
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

  /** Gives the kernel's buffer back, once the socket has closed. */
  closed(): void {
    if (this.#current !== null) readBuffers.give(this.#current);
    this.#current = null;
  }

  /** Ends reading. The reader may still look at the bytes of its last read, so their buffer goes to nobody. */
  abandon(): void {
    this.#isAbandoned = true;
    if (this.#lent !== null) readBuffers.drop(this.#lent);
    if (this.#filled !== null) readBuffers.give(this.#filled.buffer);
    this.#lent = this.#filled = null;
  }

  /** Takes the bytes of a read; false pauses the socket. */
  #arrived(length: number): boolean {
    const buffer = this.#current;
    if (buffer === null) return false;
    this.#current = null;
    if (this.#isAbandoned) {
      readBuffers.give(buffer);
      return false;
    }
    this.#next = length === buffer.length ? "large" : "small";
    const bytes = buffer.subarray(0, length);
    if (this.#waiting === null) {
      this.#filled = { bytes, buffer };
      return false;
    }
    this.#lent = buffer;
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
  /** The number of bytes that were read. */
  #received = 0;
  #wakeWriter: (() => void) | null = null;

  constructor(socket: Socket, reads: Reads, backend: string) {
    this.#socket = socket;
    this.#reads = reads;
    this.#backend = backend;
    socket.on("end", () => this.#end());
    socket.on("close", () => {
      reads.closed();
      this.#end();
    });
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
      const turn = turns.wait(this.#backend, this.#received);
      this.#received += bytes.length;
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
    this.#reads.abandon();
    // Written bytes may leave (an alert, close_notify), then both directions end even when the peer does not end its own.
    // A peer that takes no bytes is not waited for.
    if (this.#socket.writableNeedDrain) return void this.#socket.destroy();
    this.#socket.end(() => this.#socket.destroy());
    // A peer that takes no bytes may also have left too few of them for writableNeedDrain.
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
