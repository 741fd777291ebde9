/**
 * What Bun's node:http leaves out on a connection that is handed to a server (measured: Bun 1.4.5): it reads on when
 * nobody reads the request's body, and enforces no time limit.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import type { FrontLimits } from "./limits.ts";
import { TIMED_OUT } from "./preface.ts";

export const isBun: boolean = "bun" in process.versions;

/** One connection, made after its server has it. */
export class BunConnection {
  readonly #socket: Duplex;
  readonly #limits: FrontLimits;
  readonly #heard = (): void => this.#onBytes();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #request: IncomingMessage | null = null;
  /** Of a request whose fields are not complete. */
  #hasBegun = true;

  constructor(socket: Duplex, limits: FrontLimits) {
    this.#socket = socket;
    this.#limits = limits;
    socket.on("data", this.#heard);
    socket.once("close", () => clearTimeout(this.#timer));
    this.#limit(limits.headersMs, () => TIMED_OUT);
  }

  asked(request: IncomingMessage, response: ServerResponse): void {
    this.#request = request;
    clearTimeout(this.#timer);
    const { "content-length": length = "0", "transfer-encoding": coding } = request.headers;
    if (length !== "0" || coding !== undefined) {
      this.#limit(this.#limits.requestMs, () => (response.headersSent ? "" : TIMED_OUT));
      request.once("end", () => clearTimeout(this.#timer));
    }
    response.once("close", () => this.#answered());
    const read = request._read.bind(request);
    request._read = (size) => {
      this.#socket.resume();
      read(size);
    };
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
    this.#limit(this.#limits.idleMs, () => "");
  }

  #onBytes(): void {
    if (this.#request !== null) {
      if (this.#request.readableLength > 0) this.#socket.pause();
      return;
    }
    if (!this.#hasBegun) this.#limit(this.#limits.headersMs, () => TIMED_OUT);
    this.#hasBegun = true;
  }

  #limit(ms: number, farewell: () => string): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#socket.end(farewell(), () => this.#socket.destroy()), ms);
  }
}
