/** A response as streams: its body, which the reader pulls, and the byte stream behind an upgrade. */
import type { ByteStream } from "../runtime.ts";
import { ConnectionError } from "./errors.ts";
import type { Pump } from "./pump.ts";

/**
 * What the module has of a body: a piece of it, whose buffer belongs to the taker; its end; the failure that broke it
 * off; or nothing yet.
 */
export type TakenBytes =
  | { readonly kind: "data"; readonly bytes: Uint8Array<ArrayBuffer> }
  | { readonly kind: "end" }
  | { readonly kind: "failed"; readonly error: ConnectionError }
  | { readonly kind: "nothing" };

/** The exchange whose response is read as a stream, as the stream needs it. */
export interface StreamedExchange {
  /** Takes the next bytes. */
  take(): TakenBytes;
  /** Called after taking: the module may read on. */
  resumeReading(): void;
  /** Resolves when there may be more to take. */
  changed(): Promise<void>;
  /** As `changed`, but a backend that sends nothing for too long fails the exchange. */
  bodyChanged(): Promise<void>;
  /** Writes to an upgraded connection; answers false when that connection is over. */
  write(bytes: Uint8Array): Promise<boolean>;
  /** Cancels the exchange. */
  cancel(error: ConnectionError): void;
}

/** The body as a stream. Nothing is taken from the module before somebody reads, so an unread body stops the backend. */
export function responseBody(exchange: StreamedExchange): ReadableStream<Uint8Array> {
  const source = new ResponseBody(exchange);
  const stream: ReadableStream<Uint8Array> = new ReadableStream({
    type: "bytes",
    pull: (controller) => source.pull(controller),
    cancel: () => source.cancel(),
  });
  SOURCES.set(stream, exchange);
  return stream;
}

const SOURCES = new WeakMap<ReadableStream, StreamedExchange>();

/** The exchange whose body `stream` is, while nobody has read from it; undefined for any other stream. */
export const sourceOf = (stream: ReadableStream): StreamedExchange | undefined =>
  stream.locked ? undefined : SOURCES.get(stream);

class ResponseBody {
  readonly #exchange: StreamedExchange;
  /** Bytes taken that a caller's own buffer had no room for. */
  #rest: Uint8Array<ArrayBuffer> | null = null;

  constructor(exchange: StreamedExchange) {
    this.#exchange = exchange;
  }

  async pull(controller: ReadableByteStreamController): Promise<void> {
    while (!this.#deliver(controller)) await this.#exchange.bodyChanged();
  }

  cancel(): void {
    this.#rest = null;
    this.#exchange.cancel(new ConnectionError("cancelled", "the reader cancelled the body", { sent: "maybe" }));
  }

  /** Delivers what there is to the reader; answers false when there is nothing: no bytes, no end, no error. */
  #deliver(controller: ReadableByteStreamController): boolean {
    const own = controller.byobRequest;
    const hasDelivered = own?.view ? this.#fill(own, own.view) : this.#enqueueAll(controller);
    this.#exchange.resumeReading();
    if (hasDelivered) return true;
    const end = this.#exchange.take();
    if (end.kind === "failed") {
      controller.error(end.error);
    } else if (end.kind === "end") {
      controller.close();
      controller.byobRequest?.respond(0); // Settles a pending read into the caller's own buffer.
    } else {
      return false;
    }
    return true;
  }

  /** Copies as many bytes into the caller's own buffer as there are, or as fit. */
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

  /** Enqueues what there is, chunk by chunk as it came: joining chunks would cost a copy. */
  #enqueueAll(controller: ReadableByteStreamController): boolean {
    let size = 0;
    for (let bytes = this.#take(); bytes !== null; bytes = size < PULL_BYTES ? this.#take() : null) {
      size += bytes.length; // Read before enqueue(), which transfers the buffer.
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

/** Waits until an upgraded connection has bytes, or has ended. */
export async function nextOfUpgraded(
  exchange: Pick<StreamedExchange, "take" | "resumeReading" | "changed">,
): Promise<Exclude<TakenBytes, { readonly kind: "nothing" }>> {
  for (;;) {
    const taken = exchange.take();
    exchange.resumeReading();
    if (taken.kind !== "nothing") return taken;
    await exchange.changed();
  }
}

/** The connection after a 101 response, as a byte stream. */
export function upgradedStream(exchange: StreamedExchange, pump: Pump): ByteStream {
  return {
    async read() {
      const taken = await nextOfUpgraded(exchange);
      if (taken.kind === "data") return taken.bytes;
      if (taken.kind === "end" || taken.error.code === "cancelled") return null;
      throw taken.error;
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
