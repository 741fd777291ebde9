/**
 * What Bun's node:http leaves out on a connection that is handed to a server (measured: Bun 1.4.5): it reads on when
 * nobody reads the request's body, and enforces no time limit.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import type { FrontLimits } from "./limits.ts";
import type { Tap } from "./streams.ts";

export const isBun: boolean = "bun" in process.versions;

const NOTHING = Buffer.alloc(0);

/**
 * One connection, made after its server has it. As the tap of a request's body it reads only what somebody waits for: Bun
 * reads up to 512 kB at a time.
 */
export class BunConnection implements Tap {
  readonly #socket: Duplex;
  readonly #limits: FrontLimits;
  readonly #late: () => Buffer;
  readonly #heard = (): void => this.#onBytes();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #request: IncomingMessage | null = null;
  /** Somebody waits for the request's body, or wants none of it. */
  #isOpen = false;
  /** Of a request whose fields are not complete. */
  #hasBegun = true;

  /** `late`: what a client is told whose request does not come in time. */
  constructor(socket: Duplex, limits: FrontLimits, late: () => Buffer) {
    this.#socket = socket;
    this.#limits = limits;
    this.#late = late;
    socket.on("data", this.#heard);
    socket.once("close", () => clearTimeout(this.#timer));
    this.#limit(limits.headersMs, this.#late);
  }

  asked(request: IncomingMessage, response: ServerResponse): void {
    this.#request = request;
    clearTimeout(this.#timer);
    const { "content-length": length = "0", "transfer-encoding": coding } = request.headers;
    if (length !== "0" || coding !== undefined) {
      this.#limit(this.#limits.requestMs, () => (response.headersSent ? NOTHING : this.#late()));
      request.once("end", () => clearTimeout(this.#timer));
    }
    response.once("close", () => this.#answered());
    // It would read on as soon as a chunk is taken; open() does once somebody waits for the next.
    request._read = () => undefined;
  }

  open(): void {
    this.#isOpen = true;
    const request = this.#request;
    // What is there comes first; when nobody wants it, more may come at once.
    if (request === null || request.readableLength === 0 || request.readableFlowing === true) this.#socket.resume();
  }

  shut(): void {
    this.#isOpen = false;
  }

  /** It is no HTTP any more. */
  upgraded(): void {
    clearTimeout(this.#timer);
    this.#socket.off("data", this.#heard);
  }

  #answered(): void {
    this.#request = null;
    this.#hasBegun = false;
    this.#socket.resume();
    this.#limit(this.#limits.idleMs, () => NOTHING);
  }

  #onBytes(): void {
    if (this.#request !== null) {
      if (!this.#isOpen || this.#request.readableLength > 0) this.#socket.pause();
      return;
    }
    if (!this.#hasBegun) this.#limit(this.#limits.headersMs, this.#late);
    this.#hasBegun = true;
  }

  #limit(ms: number, farewell: () => Buffer): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#socket.end(farewell(), () => this.#socket.destroy()), ms);
  }
}
