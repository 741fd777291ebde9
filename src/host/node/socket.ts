/** Connections to backends over node:net. */
import { connect, type Socket } from "node:net";
import { type ByteStream, type Dial, DialError } from "../../backend/index.ts";
import { SocketReads } from "./socket-reads.ts";
import { Turns } from "./turns.ts";

/** The time that the last bytes have to leave after close(). */
const LINGER_MS = 1_000;

/** One for the process, which has one event loop. */
const turns = new Turns();

/** Dials over TCP. The peer is stopped while the stream is not read. Rejects with a DialError that has the reason. */
export const nodeDial: Dial = (endpoint, signal) =>
  new Promise((resolve, reject) => {
    if (signal.aborted) return reject(new DialError("timeout", "aborted before dialling"));
    const reads = new SocketReads();
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

class SocketStream implements ByteStream {
  readonly #socket: Socket;
  readonly #reads: SocketReads;
  readonly #backend: string;
  #failure: Error | null = null;
  #ended = false;
  /** The number of bytes that were read. */
  #received = 0;
  #wakeWriter: (() => void) | null = null;

  constructor(socket: Socket, reads: SocketReads, backend: string) {
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
