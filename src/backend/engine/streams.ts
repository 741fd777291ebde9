/** A response as streams: the body pulled by its reader, and the duplex after an upgrade. */
import type { ByteStream } from "../runtime.ts";
import { ConnectionError } from "./errors.ts";
import type { Pump } from "./pump.ts";

/**
 * What the module has of a body: a piece of it, valid until its buffer is given away; its end; the failure that broke it
 * off; or nothing yet.
 */
export type TakenBytes =
  | { readonly kind: "data"; readonly bytes: Uint8Array<ArrayBuffer> }
  | { readonly kind: "end" }
  | { readonly kind: "failed"; readonly error: ConnectionError }
  | { readonly kind: "nothing" };

/** The exchange that a stream reads, as far as the stream needs it. */
export interface StreamedExchange {
  take(): TakenBytes;
  /** Has the module go on with what was taken. */
  proceed(): void;
  /** Resolves when there may be more to take. */
  changed(): Promise<void>;
  /** The same for a body that is read as a stream. */
  bodyChanged(): Promise<void>;
  /** False when the upgraded connection is over. */
  write(bytes: Uint8Array): Promise<boolean>;
  cancel(error: ConnectionError): void;
}

/** Nothing is taken from the module before someone reads, so an unread body stops the backend. */
export function responseBody(exchange: StreamedExchange): ReadableStream<Uint8Array> {
  const source = new ResponseBody(exchange);
  return new ReadableStream({
    type: "bytes",
    pull: (controller) => source.pull(controller),
    cancel: () => source.cancel(),
  });
}

class ResponseBody {
  readonly #exchange: StreamedExchange;
  /** What a caller's own buffer had no room for. */
  #rest: Uint8Array<ArrayBuffer> | null = null;

  constructor(exchange: StreamedExchange) {
    this.#exchange = exchange;
  }

  async pull(controller: ReadableByteStreamController): Promise<void> {
    while (!this.#give(controller)) await this.#exchange.bodyChanged();
  }

  cancel(): void {
    this.#rest = null;
    this.#exchange.cancel(new ConnectionError("cancelled", "the reader cancelled the body", { sent: "maybe" }));
  }

  /** True when the reader got something: bytes, the end, or an error. */
  #give(controller: ReadableByteStreamController): boolean {
    const own = controller.byobRequest;
    const gave = own?.view ? this.#fill(own, own.view) : this.#enqueueAll(controller);
    this.#exchange.proceed();
    if (gave) return true;
    const end = this.#exchange.take();
    if (end.kind === "failed") {
      controller.error(end.error);
    } else if (end.kind === "end") {
      controller.close();
      controller.byobRequest?.respond(0); // A pending read of the caller's buffer is answered with nothing.
    } else {
      return false;
    }
    return true;
  }

  /** Copies into the caller's buffer as much as is there. */
  #fill(request: ReadableStreamBYOBRequest, view: ArrayBufferView): boolean {
    const room = new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
    let filled = 0;
    while (filled < room.length) {
      const bytes = this.#take();
      if (bytes === null) break;
      const fits = bytes.subarray(0, room.length - filled);
      room.set(fits, filled);
      filled += fits.length;
      if (fits.length < bytes.length) this.#rest = bytes.subarray(fits.length);
    }
    if (filled > 0) request.respond(filled);
    return filled > 0;
  }

  /** All that is there, as it came: joining chunks would cost a copy. */
  #enqueueAll(controller: ReadableByteStreamController): boolean {
    let size = 0;
    for (let bytes = this.#take(); bytes !== null; bytes = size < PULL_BYTES ? this.#take() : null) {
      size += bytes.length; // Before enqueue() takes the buffer away.
      controller.enqueue(bytes);
    }
    return size > 0;
  }

  #take(): Uint8Array<ArrayBuffer> | null {
    const rest = this.#rest;
    if (rest !== null) {
      this.#rest = null;
      return rest;
    }
    const taken = this.#exchange.take();
    return taken.kind === "data" ? taken.bytes : null;
  }
}

/** Bytes moved by one pull; the module holds about as much for one response. */
const PULL_BYTES = 64 * 1024;

/** The connection after 101, as bytes. */
export function upgradedStream(exchange: StreamedExchange, pump: Pump): ByteStream {
  return {
    async read() {
      for (;;) {
        const taken = exchange.take();
        exchange.proceed();
        if (taken.kind === "data") return taken.bytes;
        if (taken.kind === "end") return null;
        if (taken.kind === "nothing") await exchange.changed();
        else if (taken.error.code === "cancelled") return null;
        else throw taken.error;
      }
    },
    async write(bytes) {
      if (!(await exchange.write(bytes)))
        throw new ConnectionError("peer-closed", "the upgraded connection is over", { sent: "maybe" });
    },
    close() {
      pump.flush();
      exchange.cancel(new ConnectionError("cancelled", "closed by us", { sent: "maybe" }));
      pump.close();
    },
  };
}
