/** Dialling over node:net. */
import { connect, type Socket } from "node:net";
import { DialError, type ByteStream, type Dial } from "../../backend/host.ts";

/** Reads are asked for one at a time, so an unread socket stops its peer. */
export const nodeDial: Dial = (endpoint, signal) =>
  new Promise((resolve, reject) => {
    if (signal.aborted) return reject(new DialError("timeout", "aborted before dialling"));
    const socket = connect({ host: endpoint.host, port: endpoint.port, noDelay: true });
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
      resolve(new SocketStream(socket));
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
  #failure: Error | null = null;
  #ended = false;
  #wakeReader: (() => void) | null = null;
  #wakeWriter: (() => void) | null = null;

  constructor(socket: Socket) {
    this.#socket = socket;
    // "readable" without "data" keeps the socket paused: bytes are read when asked for.
    socket.on("readable", () => this.#wake("reader"));
    socket.on("drain", () => this.#wake("writer"));
    socket.on("end", () => this.#over());
    socket.on("close", () => this.#over());
    socket.on("error", (error) => {
      this.#failure = error;
      this.#over();
    });
  }

  async read(): Promise<Uint8Array | null> {
    for (;;) {
      const chunk: unknown = this.#socket.read();
      if (chunk instanceof Uint8Array) return chunk;
      if (this.#failure !== null) throw this.#failure;
      if (this.#ended) return null;
      await new Promise<void>((resolve) => (this.#wakeReader = resolve));
    }
  }

  async write(bytes: Uint8Array): Promise<void> {
    if (this.#failure !== null) throw this.#failure;
    if (this.#socket.destroyed) throw new Error("the socket is closed");
    if (this.#socket.write(bytes)) return;
    while (this.#socket.writableNeedDrain && this.#failure === null && !this.#socket.destroyed) {
      await new Promise<void>((resolve) => (this.#wakeWriter = resolve));
    }
    if (this.#failure !== null) throw this.#failure;
  }

  close(): void {
    this.#over();
    // Lets written bytes leave (an alert, close_notify), then ends both directions even when the peer does not.
    // A peer that takes none is not waited for.
    if (this.#socket.writableNeedDrain) this.#socket.destroy();
    else this.#socket.end(() => this.#socket.destroy());
  }

  #over(): void {
    this.#ended = true;
    this.#wake("reader");
    this.#wake("writer");
  }

  #wake(side: "reader" | "writer"): void {
    const wake = side === "reader" ? this.#wakeReader : this.#wakeWriter;
    if (side === "reader") this.#wakeReader = null;
    else this.#wakeWriter = null;
    wake?.();
  }
}
