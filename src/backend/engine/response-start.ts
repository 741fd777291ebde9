/**
 * The start of a response: its head and the first bytes of its body, copied out of the module and kept until both are
 * handed over together. A small response thereby frees its connection at once, and is no stream.
 */
import { joined } from "../../bundle/bytes.ts";
import type { HeaderList } from "../exchange.ts";
import { announcedLength } from "../framing.ts";

/** Body bytes kept before anyone reads the body, and the longest body that is wanted whole. */
const KEPT_BYTES = 128 * 1024;

/** The head, and the body's first bytes: in one piece where content-length announces how many come. */
export class ResponseStart {
  readonly status: number;
  readonly headers: HeaderList;
  /** The announced length of a body that is wanted whole; null: the first bytes of the body are enough. */
  readonly #wholeBytes: number | null;
  readonly #chunks: Uint8Array<ArrayBuffer>[] = [];
  #piece: Uint8Array<ArrayBuffer> | null = null;
  #length = 0;

  constructor(status: number, headers: HeaderList) {
    this.status = status;
    this.headers = headers;
    const announced = announcedLength(headers);
    this.#wholeBytes = announced !== null && announced <= KEPT_BYTES ? announced : null;
  }

  /** Whether further bytes are kept: all of a body that is wanted whole, so that its end is noticed at once. */
  get hasRoom(): boolean {
    return this.#wholeBytes !== null || this.#length < KEPT_BYTES;
  }

  /** Whether the response can be handed over before its body has ended. */
  get isEnough(): boolean {
    return this.#wholeBytes === null && this.#length > 0;
  }

  /** Keeps a copy of the next bytes. The engine holds a body to its content-length, so the one piece has room for them. */
  push(bytes: Uint8Array): void {
    if (this.#wholeBytes === null) {
      this.#chunks.push(new Uint8Array(bytes));
    } else {
      this.#piece ??= new Uint8Array(this.#wholeBytes);
      this.#piece.set(bytes, this.#length);
    }
    this.#length += bytes.length;
  }

  /** Whether kept bytes are still to be taken. */
  get hasBytes(): boolean {
    return this.#piece !== null || this.#chunks.length > 0;
  }

  /** Takes the next kept bytes; null when all were taken. */
  take(): Uint8Array<ArrayBuffer> | null {
    const piece = this.#piece;
    if (piece === null) return this.#chunks.shift() ?? null;
    this.#piece = null;
    // A slow reader does not hold memory for bytes that have not come.
    return this.#length < piece.length ? piece.slice(0, this.#length) : piece;
  }

  /** Takes all kept bytes as one piece; null when there are none. */
  takeAll(): Uint8Array<ArrayBuffer> | null {
    if (this.#piece !== null || this.#chunks.length <= 1) return this.take();
    return joined(this.#chunks.splice(0));
  }
}
