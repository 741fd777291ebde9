/**
 * What Bun's node:http does not do on a connection that is handed to a server (measured: Bun 1.4.5): stop reading the
 * socket while the request's body is not read, and enforce time limits.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import type { FrontLimits } from "./limits.ts";
import type { FlowControl } from "./streams.ts";

/** Whether this process is Bun. */
export const isBun: boolean = "bun" in process.versions;

/** The last bytes on a connection that is closed without a response. */
const NO_RESPONSE = Buffer.alloc(0);

/**
 * One connection; made after the server has the socket. As the flow control of a request's body it lets Bun read the
 * socket only while a reader waits for bytes of the body, because Bun reads up to 512 kB at a time.
 */
export class BunConnection implements FlowControl {
  readonly #socket: Duplex;
  readonly #limits: FrontLimits;
  readonly #late: () => Buffer;
  readonly #onData = (): void => this.#onBytes();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #request: IncomingMessage | null = null;
  /** Whether a reader waits for the request's body, or the body is being dropped. */
  #isReading = false;
  /** Whether bytes of a request have come whose head is not whole. */
  #hasBegun = true;

  /** `late` makes the response to a request that does not come in time. */
  constructor(socket: Duplex, limits: FrontLimits, late: () => Buffer) {
    this.#socket = socket;
    this.#limits = limits;
    this.#late = late;
    socket.on("data", this.#onData);
    socket.once("close", () => clearTimeout(this.#timer));
    this.#limit(limits.headersMs, this.#late);
  }

  /** Says that the parser has a request's head. */
  requestBegan(request: IncomingMessage, response: ServerResponse): void {
    this.#request = request;
    clearTimeout(this.#timer);
    const { "content-length": length = "0", "transfer-encoding": coding } = request.headers;
    if (length !== "0" || coding !== undefined) {
      this.#limit(this.#limits.requestMs, () => (response.headersSent ? NO_RESPONSE : this.#late()));
      request.once("end", () => clearTimeout(this.#timer));
    }
    response.once("close", () => this.#responseEnded());
    // Bun would read the socket as soon as a chunk is taken. resume() reads it once a reader waits for the next chunk.
    request._read = () => undefined;
  }

  resume(): void {
    this.#isReading = true;
    const request = this.#request;
    // Bytes that the request holds already are read first, unless the body is being dropped.
    if (request === null || request.readableLength === 0 || request.readableFlowing === true) this.#socket.resume();
  }

  pause(): void {
    this.#isReading = false;
  }

  /** Ends the limits, because the connection changes its protocol. */
  end(): void {
    clearTimeout(this.#timer);
    this.#socket.off("data", this.#onData);
  }

  #responseEnded(): void {
    this.#request = null;
    this.#hasBegun = false;
    this.#socket.resume();
    this.#limit(this.#limits.idleMs, () => NO_RESPONSE);
  }

  #onBytes(): void {
    if (this.#request !== null) {
      if (!this.#isReading || this.#request.readableLength > 0) this.#socket.pause();
      return;
    }
    if (!this.#hasBegun) this.#limit(this.#limits.headersMs, this.#late);
    this.#hasBegun = true;
  }

  #limit(ms: number, lastBytes: () => Buffer): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#socket.end(lastBytes(), () => this.#socket.destroy()), ms);
  }
}
