/** One request and its response, between the caller's streams and the module's queues. */
import { type ExchangeResponse, type HeaderList, SWITCHING_PROTOCOLS } from "../exchange.ts";
import { announcedLength, trailerFields } from "../framing.ts";
import { EVENT } from "./abi.ts";
import { Reader, Writer } from "./codec.ts";
import { ConnectionError } from "./errors.ts";
import type { InFlightRequest, Pump } from "./pump.ts";
import type { RequestHead, RequestOptions } from "./request.ts";
import { type RequestBody, type SendingExchange, Upload } from "./request-body.ts";
import { responseBody, type StreamedExchange, type TakenBytes, upgradedStream } from "./response-body.ts";
import { ResponseStart } from "./response-start.ts";
import { Wakeup } from "./wakeup.ts";

/**
 * How long a head waits for the rest of a small response, or for the first bytes of a longer one; the module bounds what
 * waits with it. A body that breaks off by then is answered as a failure, since no head has left.
 */
const START_MS = 10;

/** One exchange on an open connection. */
export class Exchange implements InFlightRequest, SendingExchange, StreamedExchange {
  /** Resolves with the response once its head, and a start of its body, have come. */
  readonly response: Promise<ExchangeResponse>;
  readonly pump: Pump;
  /** The request's number in the module. */
  readonly number: number;
  readonly options: RequestOptions;
  /** Sends the request's body, or the bytes of an upgraded connection. */
  readonly #upload: Upload;
  readonly #trailers = Promise.withResolvers<HeaderList>();
  readonly #reader = new Wakeup();
  /** Settles {@link response}; null once it is settled. */
  #pending: Omit<PromiseWithResolvers<ExchangeResponse>, "promise"> | null;
  /** The head, and what has come of the body with it; null until the head has come. */
  start: ResponseStart | null = null;
  #startTimer: ReturnType<typeof setTimeout> | undefined;
  #receivedTrailers: HeaderList = [];
  #limitTimer: ReturnType<typeof setTimeout> | undefined;
  #end: "open" | "ended" | ConnectionError = "open";

  /** Throws a ConnectionError when the request cannot start. */
  constructor(pump: Pump, request: RequestHead, hasBody: boolean, options: RequestOptions) {
    const { module } = pump;
    this.pump = pump;
    this.options = options;
    const writer = new Writer(module.instance.input);
    writer.short(request.method);
    writer.short(request.authority);
    writer.short(request.path);
    writer.headers(request.headers);
    this.number = module.call((wasm) => wasm.request(module.handle, writer.length, hasBody ? 1 : 0));
    if (this.number < 0) throw module.instance.failure();
    const announced = hasBody ? announcedLength(request.headers) : null;
    this.#upload = new Upload(pump, this.number, announced, this);
    const pending = Promise.withResolvers<ExchangeResponse>();
    this.#pending = pending;
    this.response = pending.promise;
    this.#trailers.promise.catch(() => undefined); // The response and its body report the same failure.
    options.signal?.addEventListener("abort", this.#onAbort, { once: true });
    this.#startLimit();
    pump.add(this.number, this);
  }

  readonly #onAbort = (): void => {
    this.cancel(new ConnectionError("cancelled", "aborted by the caller", { sent: "maybe" }));
  };

  /** Whether nothing has ended the exchange. */
  get isOpen(): boolean {
    return this.#end === "open";
  }

  /** Called by the pump: takes the head and the start of the body, and wakes whoever waits for more or for room. */
  notify(): void {
    if (this.#pending !== null && this.start === null) this.#takeHead();
    else if (this.#pending !== null) this.#takeStart();
    this.#wake();
  }

  /** Takes the next bytes of the body. After "nothing", wait for {@link changed}. */
  take(): TakenBytes {
    const bytes = this.start?.take() ?? null;
    if (bytes !== null) return { kind: "data", bytes };
    for (;;) {
      if (this.#end === "ended") return { kind: "end" };
      if (this.#end !== "open") return { kind: "failed", error: this.#end };
      const event = this.#takeEvent();
      if (event === EVENT.data) return { kind: "data", bytes: this.pump.module.instance.output.slice() };
      if (event === 0 && this.#end === "open") return { kind: "nothing" };
    }
  }

  /** Resolves when there may be more to take. One reader at a time. */
  changed(): Promise<void> {
    return this.#reader.wait();
  }

  /**
   * As {@link changed}, for a response's body: a backend that sends nothing for too long fails the exchange. The time runs
   * only while a reader waits, so a slow client is never taken for a silent backend.
   */
  async bodyChanged(): Promise<void> {
    const { bodyIdleMs } = this.options;
    if (bodyIdleMs === undefined) return this.changed();
    const onStall = (): void =>
      this.cancel(new ConnectionError("stalled", `nothing for ${bodyIdleMs} ms`, { sent: "maybe" }));
    const timer = setTimeout(onStall, bodyIdleMs);
    await this.changed();
    clearTimeout(timer);
  }

  /** Called when the request's body has moved: a limit to the head starts anew. */
  onBodyMoved(): void {
    if (this.#pending !== null && this.start === null && this.options.limit?.to === "head") this.#startLimit();
  }

  /** Sends the whole request body; a body that cannot be read cancels the request. */
  upload(body: RequestBody): Promise<void> {
    return this.#upload.sendBody(body, this.options.trailers);
  }

  /** As {@link Upload.write}. */
  write(bytes: Uint8Array): Promise<boolean> {
    return this.#upload.write(bytes);
  }

  /** Called after taking: the module may now read on. */
  resumeReading(): void {
    if (this.#end === "open") this.pump.schedule();
  }

  /** Cancels the exchange: by RST_STREAM on HTTP/2, by closing the connection on HTTP/1.1. */
  cancel(reason: ConnectionError): void {
    if (this.#end !== "open") return;
    this.#finish(reason);
    this.pump.cancel(this.number);
  }

  /** Starts the time limit, or starts it anew. */
  #startLimit(): void {
    const { limit } = this.options;
    if (limit === undefined || limit === null) return;
    clearTimeout(this.#limitTimer);
    const missing = limit.to === "head" ? "response head" : "whole response";
    this.#limitTimer = setTimeout(
      () => this.cancel(new ConnectionError("timed-out", `no ${missing} within ${limit.ms} ms`, { sent: "maybe" })),
      limit.ms,
    );
  }

  #wake(): void {
    this.#reader.wake();
    this.#upload.wake();
  }

  #takeHead(): void {
    while (this.#end === "open") {
      const event = this.#takeEvent();
      if (event === 0) return;
      const reader = new Reader(this.pump.module.instance.output);
      if (event === EVENT.informational) {
        this.options.onInformational?.(reader.u16(), reader.headers());
      } else if (event === EVENT.head) {
        return this.#onHead(reader.u16(), reader.headers());
      }
    }
  }

  #onHead(status: number, headers: HeaderList): void {
    const isUpgrade = status === SWITCHING_PROTOCOLS;
    if (isUpgrade || this.options.limit?.to === "head") clearTimeout(this.#limitTimer);
    this.start = new ResponseStart(status, headers);
    if (isUpgrade) {
      const upgrade = upgradedStream(this, this.pump);
      this.#pending?.resolve({ status, headers, body: null, trailers: null, upgrade });
      this.#pending = null;
      return;
    }
    this.#takeStart();
    if (this.#pending !== null) this.#startTimer = setTimeout(() => this.#handOver(), START_MS);
  }

  /** Takes what has come of the body's start, and hands the response over when that is enough. */
  #takeStart(): void {
    const start = this.start;
    if (start === null) return;
    while (start.hasRoom && this.#end === "open") {
      const event = this.#takeEvent();
      if (event === 0) break;
      if (event === EVENT.data) start.push(this.pump.module.instance.output);
    }
    this.resumeReading();
    if (start.isEnough) this.#handOver();
  }

  #handOver(): void {
    const start = this.start;
    if (this.#pending === null || start === null) return;
    const { status, headers } = start;
    clearTimeout(this.#startTimer);
    const isWhole = this.#end === "ended";
    const body = isWhole ? start.takeAll() : responseBody(this);
    const trailers = isWhole && this.#receivedTrailers.length === 0 ? null : this.#trailers.promise;
    this.#pending.resolve({ status, headers, body, trailers, upgrade: null });
    this.#pending = null;
  }

  /** Takes one event from the module and finishes the exchange where that event ends it; answers the event's kind. */
  #takeEvent(): number {
    const { module, endReason } = this.pump;
    const { instance, handle } = module;
    if (instance.trapped !== null) return this.#finish(instance.trapped);
    let event = module.call((wasm) => wasm.response_next(handle, this.number));
    if (event === 0 && endReason !== null) {
      // The connection is over, but what it received may not all have come up to the queue.
      module.call((wasm) => wasm.turn(handle));
      event = module.call((wasm) => wasm.response_next(handle, this.number));
    }
    if (event === EVENT.trailers) {
      this.#receivedTrailers = trailerFields(new Reader(instance.output).headers());
    } else if (event === EVENT.end) {
      this.#finish("ended");
    } else if (event === EVENT.failed) {
      this.#finish(instance.failure());
    } else if (event <= 0 && endReason !== null) {
      return this.#finish(endReason.withSent("maybe"));
    }
    return Math.max(event, 0);
  }

  #finish(end: "ended" | ConnectionError): 0 {
    if (this.#end !== "open") return 0;
    this.#end = end;
    clearTimeout(this.#limitTimer);
    this.options.signal?.removeEventListener("abort", this.#onAbort);
    this.pump.remove(this.number);
    if (end === "ended") {
      this.#trailers.resolve(this.#receivedTrailers);
      this.#handOver();
    } else {
      clearTimeout(this.#startTimer);
      this.#pending?.reject(this.start === null ? end : end.asIncomplete());
      this.#pending = null;
      this.#trailers.reject(end);
    }
    this.#wake();
    this.#upload.cancelSource();
    this.options.onEnd?.();
    return 0;
  }
}
