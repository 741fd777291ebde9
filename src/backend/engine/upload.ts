/** The way up of one exchange: body bytes into the module's queue, as fast as it has room. */
import { type Headers, Writer } from "./codec.ts";
import { ConnectionError } from "./errors.ts";
import type { Pump } from "./pump.ts";

/** A request body as its reader gives it: what a stream's reader has. */
export type BodySource = Pick<ReadableStreamDefaultReader<Uint8Array>, "read" | "cancel">;

export type RequestBody = ReadableStream<Uint8Array> | BodySource | Uint8Array;

/** The exchange, as its upload sees it. */
export interface Uploading {
  /** Nothing has ended it. */
  readonly isOpen: boolean;
  moved(): void;
  cancel(why: ConnectionError): void;
}

/** What the module's queue for a request body holds at least. */
const SMALL_BODY_BYTES = 32 * 1024;

export class Upload {
  readonly #pump: Pump;
  readonly #request: number;
  readonly #exchange: Uploading;
  #wake: (() => void) | null = null;
  #source: BodySource | null = null;
  /** Body bytes that the head's content-length still announces; null: it announces none. */
  #announced: number | null;

  constructor(pump: Pump, request: number, announced: number | null, exchange: Uploading) {
    this.#pump = pump;
    this.#request = request;
    this.#announced = announced;
    this.#exchange = exchange;
  }

  /** Sends the whole request body; a source that fails cancels the request. */
  async all(body: RequestBody, trailers: (() => Headers | Promise<Headers>) | undefined): Promise<void> {
    try {
      if (body instanceof Uint8Array) {
        if (trailers === undefined && this.#atOnce(body)) return;
        if (!(await this.write(body))) return;
      } else if (!(await this.#from(body instanceof ReadableStream ? body.getReader() : body))) {
        return;
      }
      this.#finish((await trailers?.()) ?? []);
    } catch (error) {
      const why =
        error instanceof ConnectionError
          ? error
          : new ConnectionError("request-body", error instanceof Error ? error.message : String(error));
      this.#exchange.cancel(why.asSeenBy("maybe"));
    }
  }

  /**
   * Sends bytes. False: the exchange is over, nobody wants them. Throws before it sends any of them when they are more
   * than the head announced: hyper would cut them off and call it a whole body.
   */
  async write(bytes: Uint8Array): Promise<boolean> {
    this.#meet(bytes.length);
    const { instance, handle } = this.#pump;
    for (let at = 0; at < bytes.length;) {
      if (!this.#exchange.isOpen) return false;
      const piece = bytes.subarray(at, at + instance.inputCapacity);
      instance.input.set(piece);
      const taken = this.#pump.call((wasm) => wasm.request_write(handle, this.#request, piece.length));
      if (taken < 0) return false;
      at += taken;
      if (taken === piece.length) {
        this.#pump.schedule();
        continue;
      }
      const room = new Promise<void>((resolve) => (this.#wake = resolve));
      this.#pump.flush(); // A full queue has nothing to wait for.
      await room;
    }
    return this.#exchange.isOpen;
  }

  /** There may be room, or the exchange is over. */
  wake(): void {
    const wake = this.#wake;
    this.#wake = null;
    wake?.();
  }

  /** Nobody reads the rest; the source's own trouble is no one's any more. */
  drop(): void {
    this.#source?.cancel().catch(() => undefined);
  }

  /** A small body leaves with its head. False: it does not fit, or not yet. */
  #atOnce(body: Uint8Array): boolean {
    const { instance, handle } = this.#pump;
    if (body.length > SMALL_BODY_BYTES) return false;
    this.#meet(body.length);
    instance.input.set(body);
    // The queue is empty, so it takes all of it.
    if (body.length > 0) this.#pump.call((wasm) => wasm.request_write(handle, this.#request, body.length));
    this.#finish([]);
    return true;
  }

  async #from(source: BodySource): Promise<boolean> {
    this.#source = source;
    for (;;) {
      const { done, value } = await source.read();
      if (!this.#exchange.isOpen) return false;
      this.#exchange.moved();
      if (done) return true;
      if (!(await this.write(value))) return false;
    }
  }

  /** RFC 9110 §8.6: a sender MUST NOT forward a message with a content-length that is known to be incorrect. */
  #meet(bytes: number): void {
    if (this.#announced === null) return;
    this.#announced -= bytes;
    if (this.#announced < 0) throw new ConnectionError("request-body", "more than its content-length");
  }

  /** Ends the request body; throws when the head announced more. */
  #finish(trailers: Headers): void {
    if (!this.#exchange.isOpen) return;
    if (this.#announced !== null && this.#announced > 0)
      throw new ConnectionError("request-body", "less than its content-length");
    const writer = new Writer(this.#pump.instance.input);
    if (trailers.length > 0) writer.headers(trailers);
    if (this.#pump.call((wasm) => wasm.request_end(this.#pump.handle, this.#request, writer.length)) < 0) {
      throw this.#pump.instance.failure();
    }
    this.#pump.schedule();
  }
}
