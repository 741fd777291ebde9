/**
 * One request under way on an HTTP/1.1 connection. Node's parser makes a request and a response of everything that one
 * read brings, however much a client pipelines (RFC 9112 §9.3.2): so the parser is given one message at a time, and the
 * rest of a read waits, with the socket paused.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Duplex } from "node:stream";

type Parse = (bytes: Buffer) => void;

/** Which part of a message the next bytes are. Framing itself is the parser's: here only the ends of messages matter. */
type Part =
  /** It ends with an empty line. */
  | { readonly kind: "head" }
  | { readonly kind: "length"; left: number }
  /** The last chunk and the trailers end with an empty line (RFC 9112 §7.1). */
  | { readonly kind: "chunks"; readonly request: IncomingMessage }
  /** The message is whole, and its response is not. */
  | { readonly kind: "answer" };

const EMPTY_LINE = Buffer.from("\r\n\r\n", "latin1");
const NOTHING = Buffer.alloc(0);
const HEAD: Part = { kind: "head" };
const ANSWER: Part = { kind: "answer" };

/** Made once the server has the socket: from then on it hears the socket in the server's place. */
export class Pipeline {
  readonly #socket: Duplex;
  readonly #parse: readonly Parse[];
  readonly #resume: () => Duplex;
  readonly #hear = (bytes: Buffer): void => this.#heard(bytes);
  #part: Part = HEAD;
  /** Read, and not parsed before there is an answer; null: nothing is, and the socket may be read. */
  #held: Buffer | null = null;
  /** Of the bytes that are being parsed, what follows. */
  #rest: Buffer = NOTHING;
  /** The last bytes parsed, where an empty line may have begun in them. */
  #tail: Buffer = NOTHING;
  #response: ServerResponse | null = null;
  /** Since the last message ended, some of another has come. */
  hasBegun = false;
  #over = false;

  constructor(socket: Duplex) {
    this.#socket = socket;
    this.#parse = socket.listeners("data") as Parse[];
    socket.on("data", this.#hear);
    for (const listener of this.#parse) socket.off("data", listener);
    this.#resume = socket.resume.bind(socket);
    // node:http resumes it when a body is dropped, though there is more than may be parsed.
    socket.resume = () => (this.#held === null ? this.#resume() : socket);
  }

  /** To the request under way. */
  get response(): ServerResponse | null {
    return this.#response;
  }

  /** The parser has a request's head. */
  asked(request: IncomingMessage, response: ServerResponse): void {
    this.#response = response;
    this.hasBegun = false;
    const { "content-length": length, "transfer-encoding": coding } = request.headers;
    const bytes = Number(length ?? 0);
    if (coding !== undefined || !Number.isSafeInteger(bytes)) this.#part = { kind: "chunks", request };
    else this.#part = bytes > 0 ? { kind: "length", left: bytes } : ANSWER;
    response.once("close", () => {
      this.#response = null;
      if (this.#part.kind === "answer") this.#part = HEAD;
      // A turn of its own: a client that pipelines must not keep others from theirs.
      if (this.#held !== null) setImmediate(() => this.#goOn());
    });
  }

  /** No further message is parsed: the connection is no HTTP any more, or ends. What was read comes next from the socket. */
  end(): void {
    if (this.#over) return;
    this.#over = true;
    this.#socket.off("data", this.#hear);
    this.#socket.resume = this.#resume;
    const rest = this.#held ?? this.#rest;
    this.#held = null;
    if (rest.length > 0 && !this.#socket.destroyed) this.#socket.unshift(rest);
  }

  #heard(bytes: Buffer): void {
    if (this.#held === null) this.#take(bytes);
    else this.#hold(Buffer.concat([this.#held, bytes]));
  }

  #hold(bytes: Buffer): void {
    this.#held = bytes;
    this.#socket.pause();
  }

  #goOn(): void {
    const held = this.#held;
    if (held === null || this.#over) return;
    this.#held = null;
    this.#take(held);
    if (this.#held === null && !this.#over) this.#socket.resume();
  }

  #take(bytes: Buffer): void {
    this.#rest = bytes;
    while (this.#rest.length > 0 && !this.#over && !this.#socket.destroyed) {
      const part = this.#part;
      if (part.kind === "answer") {
        this.#hold(this.#rest);
        break;
      }
      const some = this.#rest.subarray(0, this.#lengthOf(this.#rest));
      this.#rest = this.#rest.subarray(some.length);
      if (part.kind === "head") this.hasBegun = true;
      for (const parse of this.#parse) parse.call(this.#socket, some);
      // A head brings the part that follows it.
      if (this.#part !== part) continue;
      if (part.kind === "length") part.left -= some.length;
      const isWhole = part.kind === "length" ? part.left === 0 : part.kind === "chunks" && part.request.complete;
      if (isWhole) this.#part = this.#response !== null ? ANSWER : HEAD;
    }
    this.#rest = NOTHING;
  }

  /** Up to the end of what the parser may have now. */
  #lengthOf(bytes: Buffer): number {
    if (this.#part.kind === "length") return Math.min(this.#part.left, bytes.length);
    const tail = this.#tail;
    this.#tail = NOTHING;
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
