/** One request and its response, between the caller's streams and the module's queues. */
import type { ExchangeBody } from "../exchange.ts";
import { announcedLength, trailerFields } from "../framing.ts";
import type { ByteStream } from "../runtime.ts";
import { EVENT } from "./abi.ts";
import { type Headers, Reader, Writer } from "./codec.ts";
import { Eager } from "./eager.ts";
import { ConnectionError } from "./errors.ts";
import type { Pump } from "./pump.ts";
import { responseBody, type StreamedExchange, type TakenBytes, upgradedStream } from "./streams.ts";
import { type RequestBody, Upload } from "./upload.ts";

export interface RequestHead {
  readonly method: string;
  /** `Host` or `:authority`; a `host` among the headers is ignored. */
  readonly authority: string;
  /** Origin form: path and query. */
  readonly path: string;
  /** Latin-1 values. Framing fields are the engine's, except a content-length, which the body must then meet. */
  readonly headers: Headers;
}

export interface RequestOptions {
  /** Asked for after the body ended. HTTP/1.1 sends those that a `trailer` header announced. */
  readonly trailers?: () => Headers | Promise<Headers>;
  readonly signal?: AbortSignal;
  /** How long it may take: to the head, from the request or the last its body moved; or to the response's end. */
  readonly limit?: { readonly ms: number; readonly to: "head" | "end" } | null;
  /** The longest a reader of the body waits for its next bytes. */
  readonly bodyIdleMs?: number;
  /** Called once, when nothing more comes on this exchange. */
  readonly onEnd?: () => void;
  /** 100 and 103 responses; HTTP/1.1 only (hyper gives none on HTTP/2). */
  readonly onInformational?: (status: number, headers: [string, string][]) => void;
}

export interface BackendResponse {
  readonly status: number;
  /** Lower-case names in the order received, Latin-1 values. */
  readonly headers: [string, string][];
  /** A stream is a byte stream, pulled: what is not read stays at the backend. Cancelling it cancels the request. */
  readonly body: ExchangeBody;
  /** Resolves at a body's end, with none when there are none; rejects as the body does. Null: there are surely none. */
  readonly trailers: Promise<[string, string][]> | null;
  /** After 101: the connection's bytes. */
  readonly upgrade?: ByteStream;
}

/** Body bytes taken before anyone asks, so that a small response frees its connection at once, and is no stream. */
const EAGER_BYTES = 128 * 1024;
/**
 * How long a head waits for the rest of such a response, or for the first bytes of a longer one; the module still bounds
 * what waits with it. A body that breaks by then is answered as a failure, since no head has left.
 */
const GATHER_MS = 10;

/** Settles what the caller of a request waits for. */
interface AwaitedHead {
  resolve(response: BackendResponse): void;
  reject(error: ConnectionError): void;
}

/** A response whose head has not been handed over yet. */
interface Gathered {
  readonly head: AwaitedHead;
  readonly status: number;
  readonly headers: [string, string][];
  /** Wanted whole; of another the first bytes do. */
  readonly isSmall: boolean;
  timer: ReturnType<typeof setTimeout> | undefined;
}

export class Exchange implements StreamedExchange {
  readonly #pump: Pump;
  readonly #request: number;
  readonly #options: RequestOptions;
  #eager = new Eager(null);
  #head: AwaitedHead | null;
  #gathered: Gathered | null = null;
  readonly #trailers = Promise.withResolvers<[string, string][]>();
  #receivedTrailers: [string, string][] = [];
  #timer: ReturnType<typeof setTimeout> | undefined;
  #end: "open" | "ended" | ConnectionError = "open";
  #wakeReader: (() => void) | null = null;
  /** The request's body, or an upgraded connection's bytes. */
  readonly #upload: Upload;
  readonly response: Promise<BackendResponse>;

  /** Throws a ConnectionError when the request cannot start. */
  constructor(pump: Pump, request: RequestHead, hasBody: boolean, options: RequestOptions) {
    this.#pump = pump;
    this.#options = options;
    const writer = new Writer(pump.instance.input);
    writer.short(request.method);
    writer.short(request.authority);
    writer.short(request.path);
    writer.headers(request.headers);
    this.#request = pump.call((wasm) => wasm.request(pump.handle, writer.length, hasBody ? 1 : 0));
    if (this.#request < 0) throw pump.instance.failure();
    const announced = hasBody ? announcedLength(request.headers) : null;
    this.#upload = new Upload(pump, this.#request, announced, this);
    const head = Promise.withResolvers<BackendResponse>();
    this.#head = head;
    this.response = head.promise;
    this.#trailers.promise.catch(() => undefined); // Failures are told by the head and the body too.
    options.signal?.addEventListener("abort", this.#abort, { once: true });
    this.#restart();
    pump.add(this.#request, this);
  }

  readonly #abort = (): void => {
    this.cancel(new ConnectionError("cancelled", "aborted by the caller", { sent: "maybe" }));
  };

  /** The time runs, again from now. */
  #restart(): void {
    const { limit } = this.#options;
    if (limit === undefined || limit === null) return;
    clearTimeout(this.#timer);
    const what = limit.to === "head" ? "response head" : "whole response";
    this.#timer = setTimeout(
      () => this.cancel(new ConnectionError("timed-out", `no ${what} within ${limit.ms} ms`, { sent: "maybe" })),
      limit.ms,
    );
  }

  /** From the pump: take the head and a little more, wake whoever waits for the rest. */
  notify(): void {
    if (this.#head !== null) this.#awaitHead(this.#head);
    else if (this.#gathered !== null) this.#gather(this.#gathered);
    this.wake();
  }

  /** The next bytes; `nothing` means: wait for {@link changed}. */
  take(): TakenBytes {
    const bytes = this.#eager.shift();
    if (bytes !== null) return { kind: "data", bytes };
    for (;;) {
      if (this.#end === "ended") return { kind: "end" };
      if (this.#end !== "open") return { kind: "failed", error: this.#end };
      const event = this.#next();
      if (event === EVENT.data) return { kind: "data", bytes: this.#pump.instance.output.slice() };
      if (event === 0 && this.#end === "open") return { kind: "nothing" };
    }
  }

  /** Resolves when there may be more to take. One reader at a time. */
  changed(): Promise<void> {
    return new Promise((resolve) => (this.#wakeReader = resolve));
  }

  /**
   * As {@link changed}, for a body: a backend that sends nothing for too long fails the exchange. Only a reader that
   * waits counts, so a slow client is never taken for a silent backend.
   */
  async bodyChanged(): Promise<void> {
    const { bodyIdleMs } = this.#options;
    if (bodyIdleMs === undefined) return this.changed();
    const stalled = (): void =>
      this.cancel(new ConnectionError("stalled", `nothing for ${bodyIdleMs} ms`, { sent: "maybe" }));
    const timer = setTimeout(stalled, bodyIdleMs);
    await this.changed();
    clearTimeout(timer);
  }

  get isOpen(): boolean {
    return this.#end === "open";
  }

  /** The request's body moved. */
  moved(): void {
    if (this.#head !== null && this.#options.limit?.to === "head") this.#restart();
  }

  /** Sends the whole request body; a source that fails cancels the request. */
  upload(body: RequestBody): Promise<void> {
    return this.#upload.all(body, this.#options.trailers);
  }

  /** As {@link Upload.write}. */
  write(bytes: Uint8Array): Promise<boolean> {
    return this.#upload.write(bytes);
  }

  /** Call after taking: the module may now read on. */
  proceed(): void {
    if (this.#end === "open") this.#pump.schedule();
  }

  /** HTTP/2: RST_STREAM; HTTP/1.1: the connection closes. */
  cancel(why: ConnectionError): void {
    if (this.#end !== "open") return;
    this.#finish(why);
    this.#pump.cancel(this.#request);
  }

  wake(): void {
    const reader = this.#wakeReader;
    this.#wakeReader = null;
    reader?.();
    this.#upload.wake();
  }

  #awaitHead(head: AwaitedHead): void {
    while (this.#end === "open") {
      const event = this.#next();
      if (event === 0) return;
      const reader = new Reader(this.#pump.instance.output);
      if (event === EVENT.informational) {
        this.#options.onInformational?.(reader.u16(), reader.headers());
      } else if (event === EVENT.head) {
        return this.#answer(head, reader.u16(), reader.headers());
      }
    }
  }

  #answer(head: AwaitedHead, status: number, headers: [string, string][]): void {
    this.#head = null;
    const isUpgrade = status === SWITCHING_PROTOCOLS;
    if (isUpgrade || this.#options.limit?.to === "head") clearTimeout(this.#timer);
    if (isUpgrade) {
      const upgrade = upgradedStream(this, this.#pump);
      return head.resolve({ status, headers, body: null, trailers: null, upgrade });
    }
    const length = announcedLength(headers);
    const isSmall = length !== null && length <= EAGER_BYTES;
    this.#eager = new Eager(isSmall ? length : null);
    const gathered: Gathered = { head, status, headers, isSmall, timer: undefined };
    this.#gathered = gathered;
    this.#gather(gathered);
    if (this.#gathered !== null) gathered.timer = setTimeout(() => this.#handOver(), GATHER_MS);
  }

  /** Takes what is there of a response, which is handed over when enough has come, or it has ended. */
  #gather({ isSmall }: Gathered): void {
    while (this.#eager.length < EAGER_BYTES && this.#end === "open") {
      const event = this.#next();
      if (event === 0) break;
      if (event === EVENT.data) this.#eager.push(this.#pump.instance.output);
    }
    this.proceed();
    if (!isSmall && this.#eager.length > 0) this.#handOver();
  }

  #handOver(): void {
    if (this.#gathered === null) return;
    const { head, status, headers, timer } = this.#gathered;
    this.#gathered = null;
    clearTimeout(timer);
    const isWhole = this.#end === "ended";
    const body = isWhole ? this.#eager.whole() : responseBody(this);
    const trailers = isWhole && this.#receivedTrailers.length === 0 ? null : this.#trailers.promise;
    head.resolve({ status, headers, body, trailers });
  }

  /** Takes one event and follows what ends the exchange; answers its kind. */
  #next(): number {
    const { instance, handle, over } = this.#pump;
    if (instance.trapped !== null) return this.#finish(instance.trapped);
    let event = this.#pump.call((wasm) => wasm.response_next(handle, this.#request));
    if (event === 0 && over !== null) {
      // The connection ended, but what it received may not all have come up to the queue.
      this.#pump.call((wasm) => wasm.turn(handle));
      event = this.#pump.call((wasm) => wasm.response_next(handle, this.#request));
    }
    if (event === EVENT.trailers) {
      this.#receivedTrailers = trailerFields(new Reader(instance.output).headers());
    } else if (event === EVENT.end) {
      this.#finish("ended");
    } else if (event === EVENT.failed) {
      this.#finish(instance.failure());
    } else if (event <= 0 && over !== null) {
      return this.#finish(over.asSeenBy("maybe"));
    }
    return Math.max(event, 0);
  }

  #finish(end: "ended" | ConnectionError): 0 {
    if (this.#end !== "open") return 0;
    this.#end = end;
    clearTimeout(this.#timer);
    this.#options.signal?.removeEventListener("abort", this.#abort);
    this.#pump.remove(this.#request);
    if (end === "ended") {
      this.#trailers.resolve(this.#receivedTrailers);
    } else {
      this.#head?.reject(end);
      this.#head = null;
      clearTimeout(this.#gathered?.timer);
      this.#gathered?.head.reject(end.asIncomplete());
      this.#gathered = null;
      this.#trailers.reject(end);
    }
    this.#handOver();
    this.wake();
    this.#upload.drop();
    this.#options.onEnd?.();
    return 0;
  }
}

const SWITCHING_PROTOCOLS = 101;
