/** The request body of one exchange: its bytes go into the module's queue as fast as the queue has room. */
import type { HeaderList } from "../exchange.ts";
import { Writer } from "./codec.ts";
import { ConnectionError } from "./errors.ts";
import type { ModuleConnection } from "./module-connection.ts";
import { Wakeup } from "./wakeup.ts";

/** A request body as a reader gives it, like the reader of a ReadableStream. */
export type BodyReader = Pick<ReadableStreamDefaultReader<Uint8Array>, "read" | "cancel">;

/** A request body. One given as bytes leaves together with its head. */
export type RequestBody = ReadableStream<Uint8Array> | BodyReader | Uint8Array;

/** The exchange whose body is sent, as its upload needs it. */
export interface SendingExchange {
  /** Whether nothing has ended the exchange. */
  readonly isOpen: boolean;
  /** Called when the source has given more of the body, or its end. */
  onBodyMoved(): void;
  /** Cancels the exchange. */
  cancel(reason: ConnectionError): void;
  /** Called about waits for room in the module's queue. */
  readonly onRoomWait?: RoomWait | undefined;
}

/** Callbacks for the waits in which the receiver of a body takes nothing. */
export interface RoomWait {
  /** Called when a wait for the receiver to take so many bytes begins. */
  began(bytes: number): void;
  /** Called when it ends, because the receiver has taken some; `bytes` are those that `began` was not told of. */
  ended(bytes: number): void;
}

/** The connection on which a body is sent, as its upload needs it. */
export interface SendingConnection {
  readonly module: ModuleConnection;
  /** Lets the module act soon, once for all that is queued until then. */
  schedule(): void;
  /** Lets the module act now. */
  flush(): void;
}

/** The least that the module's queue for a request body holds. */
const SMALL_BODY_BYTES = 32 * 1024;

/** Sends the body of one request or of a response to a client, or the bytes of an upgraded connection. */
export class Upload {
  readonly #connection: SendingConnection;
  /** The request's number in the module. */
  readonly #number: number;
  readonly #exchange: SendingExchange;
  readonly #room = new Wakeup();
  #source: BodyReader | null = null;
  /** Bytes that are missing to the content-length of the head; null without one. */
  #missingBytes: number | null;

  constructor(connection: SendingConnection, number: number, announced: number | null, exchange: SendingExchange) {
    this.#connection = connection;
    this.#number = number;
    this.#missingBytes = announced;
    this.#exchange = exchange;
  }

  /** Sends the whole request body; a body that cannot be read cancels the request. */
  async sendBody(body: RequestBody, trailers: (() => HeaderList | Promise<HeaderList>) | undefined): Promise<void> {
    try {
      if (body instanceof Uint8Array) {
        if (trailers === undefined && this.#sendAtOnce(body)) return;
        if (!(await this.write(body))) return;
      } else if (!(await this.#sendFrom(body instanceof ReadableStream ? body.getReader() : body))) {
        return;
      }
      this.#finish((await trailers?.()) ?? []);
    } catch (error) {
      const reason =
        error instanceof ConnectionError
          ? error
          : new ConnectionError("request-body", error instanceof Error ? error.message : String(error));
      this.#exchange.cancel(reason.withSent("maybe"));
    }
  }

  /**
   * Sends bytes; answers false when the exchange is over. Throws before it sends any of them when they are more than the
   * head announced: hyper would cut the body off there and take it for whole.
   */
  async write(bytes: Uint8Array): Promise<boolean> {
    this.#countDown(bytes.length);
    const { module } = this.#connection;
    const { instance, handle } = module;
    for (let at = 0; at < bytes.length;) {
      if (!this.#exchange.isOpen) return false;
      const piece = bytes.subarray(at, at + instance.inputCapacity);
      instance.input.set(piece);
      const taken = module.call((wasm) => wasm.request_write(handle, this.#number, piece.length));
      if (taken < 0) return false;
      at += taken;
      if (taken === piece.length) {
        this.#connection.schedule();
        continue;
      }
      const room = this.#room.wait();
      this.#connection.flush(); // The queue is full: nothing more can come together with what is in it.
      this.#exchange.onRoomWait?.began(bytes.length - at);
      await room;
      this.#exchange.onRoomWait?.ended(0);
    }
    return this.#exchange.isOpen;
  }

  /** Called when there may be room in the queue, or the exchange is over. */
  wake(): void {
    this.#room.wake();
  }

  /** Cancels the source, because nobody reads the rest of it; no one waits for an error of the source any more. */
  cancelSource(): void {
    this.#source?.cancel().catch(() => undefined);
  }

  /** Sends a small body together with its head; answers false when it may be too large for the queue. */
  #sendAtOnce(body: Uint8Array): boolean {
    const { module } = this.#connection;
    const { instance, handle } = module;
    if (body.length > SMALL_BODY_BYTES) return false;
    this.#countDown(body.length);
    instance.input.set(body);
    // The queue is empty, so it takes the whole body.
    if (body.length > 0) module.call((wasm) => wasm.request_write(handle, this.#number, body.length));
    this.#finish([]);
    return true;
  }

  async #sendFrom(source: BodyReader): Promise<boolean> {
    this.#source = source;
    for (;;) {
      const { done, value } = await source.read();
      if (!this.#exchange.isOpen) return false;
      this.#exchange.onBodyMoved();
      if (done) return true;
      if (!(await this.write(value))) return false;
    }
  }

  /** Counts bytes to the announced length. RFC 9110 §8.6: a sender MUST NOT forward a message with a content-length that is known to be incorrect. */
  #countDown(bytes: number): void {
    if (this.#missingBytes === null) return;
    this.#missingBytes -= bytes;
    if (this.#missingBytes < 0) throw new ConnectionError("request-body", "more than its content-length");
  }

  /** Ends the request body; throws when the head announced more. */
  #finish(trailers: HeaderList): void {
    if (!this.#exchange.isOpen) return;
    if (this.#missingBytes !== null && this.#missingBytes > 0)
      throw new ConnectionError("request-body", "less than its content-length");
    const { module } = this.#connection;
    const writer = new Writer(module.instance.input);
    if (trailers.length > 0) writer.headers(trailers);
    if (module.call((wasm) => wasm.request_end(module.handle, this.#number, writer.length)) < 0) {
      throw module.instance.failure();
    }
    this.#connection.schedule();
  }
}
