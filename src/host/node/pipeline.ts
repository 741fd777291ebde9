/**
 * One request at a time on an HTTP/1.1 connection. Node's parser makes a request and a response of every message in the
 * bytes of one read, however many a client pipelines (RFC 9112 §9.3.2). Therefore the parser is given one message at a
 * time; the rest of the bytes waits, and the socket is paused meanwhile.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Duplex } from "node:stream";

type Parse = (bytes: Buffer) => void;

/** The part of a message that the next bytes belong to. Only the ends of messages matter here; the parser checks framing. */
type Part =
  /** A head ends with an empty line. */
  | { readonly kind: "head" }
  /** A body with Content-Length. */
  | { readonly kind: "length"; remaining: number }
  /** The last chunk and the trailers end with an empty line (RFC 9112 §7.1). */
  | { readonly kind: "chunks"; readonly request: IncomingMessage }
  /** No part: the message is whole, and its response has not ended. */
  | { readonly kind: "response" };

const EMPTY_LINE = Buffer.from("\r\n\r\n", "latin1");
const NO_BYTES = Buffer.alloc(0);
const HEAD: Part = { kind: "head" };
const RESPONSE: Part = { kind: "response" };

/** The pipeline of one connection. Made after the server has the socket: its `data` listener replaces the server's. */
export class Pipeline {
  readonly #socket: Duplex;
  readonly #parse: readonly Parse[];
  readonly #resume: () => Duplex;
  readonly #onData = (bytes: Buffer): void => this.#received(bytes);
  #part: Part = HEAD;
  /** Bytes that were read and wait for the response to end; null when the socket may be read. */
  #held: Buffer | null = null;
  /** The bytes that follow those which the parser has now. */
  #rest: Buffer = NO_BYTES;
  /** The last three bytes that were parsed, because an empty line may begin in them. */
  #tail: Buffer = NO_BYTES;
  #response: ServerResponse | null = null;
  /** Whether bytes of a message have come since the last message ended. */
  hasBegun = false;
  #hasEnded = false;

  constructor(socket: Duplex) {
    this.#socket = socket;
    this.#parse = socket.listeners("data") as Parse[];
    socket.on("data", this.#onData);
    for (const listener of this.#parse) socket.off("data", listener);
    this.#resume = socket.resume.bind(socket);
    // node:http resumes a socket when it drops a body, even though bytes wait here.
    socket.resume = () => (this.#held === null ? this.#resume() : socket);
  }

  /** The response to the request under way, or null. */
  get response(): ServerResponse | null {
    return this.#response;
  }

  /** Says that the parser has a request's head. */
  requestBegan(request: IncomingMessage, response: ServerResponse): void {
    this.#response = response;
    this.hasBegun = false;
    const { "content-length": length, "transfer-encoding": coding } = request.headers;
    const bytes = Number(length ?? 0);
    if (coding !== undefined || !Number.isSafeInteger(bytes)) this.#part = { kind: "chunks", request };
    else this.#part = bytes > 0 ? { kind: "length", remaining: bytes } : RESPONSE;
    response.once("close", () => {
      this.#response = null;
      if (this.#part.kind === "response") this.#part = HEAD;
      // In the next turn of the event loop, so that a client that pipelines does not delay other clients.
      if (this.#held !== null) setImmediate(() => this.#parseHeld());
    });
  }

  /** Parses no further message, because the connection changes its protocol or closes. The socket gets unparsed bytes back. */
  end(): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.#socket.off("data", this.#onData);
    this.#socket.resume = this.#resume;
    const rest = this.#held ?? this.#rest;
    this.#held = null;
    if (rest.length > 0 && !this.#socket.destroyed) this.#socket.unshift(rest);
  }

  #received(bytes: Buffer): void {
    if (this.#held === null) this.#parseMessages(bytes);
    else this.#hold(Buffer.concat([this.#held, bytes]));
  }

  #hold(bytes: Buffer): void {
    this.#held = bytes;
    this.#socket.pause();
  }

  #parseHeld(): void {
    const held = this.#held;
    if (held === null || this.#hasEnded) return;
    this.#held = null;
    this.#parseMessages(held);
    if (this.#held === null && !this.#hasEnded) this.#socket.resume();
  }

  #parseMessages(bytes: Buffer): void {
    this.#rest = bytes;
    while (this.#rest.length > 0 && !this.#hasEnded && !this.#socket.destroyed) {
      const part = this.#part;
      if (part.kind === "response") {
        this.#hold(this.#rest);
        break;
      }
      const piece = this.#rest.subarray(0, this.#lengthOf(this.#rest));
      this.#rest = this.#rest.subarray(piece.length);
      if (part.kind === "head") this.hasBegun = true;
      for (const parse of this.#parse) parse.call(this.#socket, piece);
      // The end of a head was parsed, and requestBegan() has set the part that follows.
      if (this.#part !== part) continue;
      if (part.kind === "length") part.remaining -= piece.length;
      const isWhole = part.kind === "length" ? part.remaining === 0 : part.kind === "chunks" && part.request.complete;
      if (isWhole) this.#part = this.#response !== null ? RESPONSE : HEAD;
    }
    this.#rest = NO_BYTES;
  }

  /** The number of `bytes` that the parser may have now: up to the end of the message, as far as that is known. */
  #lengthOf(bytes: Buffer): number {
    if (this.#part.kind === "length") return Math.min(this.#part.remaining, bytes.length);
    const tail = this.#tail;
    this.#tail = NO_BYTES;
    if (tail.length > 0) {
      const seam = Buffer.concat([tail, bytes.subarray(0, EMPTY_LINE.length - 1)]).indexOf(EMPTY_LINE);
      if (seam >= 0) return seam + EMPTY_LINE.length - tail.length;
    }
    const end = bytes.indexOf(EMPTY_LINE);
    if (end >= 0) return end + EMPTY_LINE.length;
    this.#tail = Buffer.concat([tail, bytes.subarray(1 - EMPTY_LINE.length)]).subarray(1 - EMPTY_LINE.length);
    return bytes.length;
  }
}
