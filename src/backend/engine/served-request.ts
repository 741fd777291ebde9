/** One request of a client, and the response to it, between the host's streams and the module's queues. */
import { type ExchangeResponse, type HeaderList, SWITCHING_PROTOCOLS } from "../exchange.ts";
import { trailerFields } from "../framing.ts";
import { RequestAbort } from "../request-signal.ts";
import type { ByteStream } from "../runtime.ts";
import { EVENT, RESET, type StatusExports } from "./abi.ts";
import { Reader, Writer } from "./codec.ts";
import { ConnectionError } from "./errors.ts";
import { Exchange } from "./exchange.ts";
import { type RoomWait, Upload } from "./request-body.ts";
import { responseBody, sourceOf, type StreamedExchange, type TakenBytes } from "./response-body.ts";
import { ServedHead } from "./served-head.ts";
import { upgradedClient } from "./served-upgrade.ts";
import { splice } from "./splice.ts";
import type { ServingConnection } from "./serving-connection.ts";
import { Wakeup } from "./wakeup.ts";

const CONTINUE = 100;

/** Callbacks of a request's host. */
export interface ServedRequestHooks {
  /** Called once, when the response was written whole or cannot be any more. */
  readonly onOver: () => void;
  /** Called when a wait for bytes of the request's body begins, and when it ends with so many bytes. */
  readonly onBodyWait?: { began(): void; ended(bytes: number): void };
  /** Called about the waits in which the client takes nothing of the response. */
  readonly onRoomWait?: RoomWait;
}

/** One request on a client's connection. */
export class ServedRequest implements StreamedExchange {
  /** Aborts when the client has left before its response was written. */
  readonly signal = new RequestAbort();
  #head: ServedHead | null = null;
  hooks: ServedRequestHooks | null = null;
  readonly #connection: ServingConnection;
  /** The request's number in the module. */
  readonly #number: number;
  readonly #reader = new Wakeup();
  #body: ReadableStream<Uint8Array> | null = null;
  #trailers: Pick<PromiseWithResolvers<HeaderList>, "promise" | "resolve"> | null = null;
  #receivedTrailers: HeaderList = [];
  #upload: Upload | null = null;
  /** The backend's response that the module passes on. */
  #source: Exchange | null = null;
  /** How the request's message stands: not read to its end yet, ended, or why it never will be. */
  #message: "open" | "ended" | ConnectionError = "open";
  #isDropped = false;
  #isUpgraded = false;
  #hasContinued = false;
  #isResponded = false;
  /** Whether the module has the whole response. */
  #isSent = false;
  /** Whether hyper has written the whole response. */
  #isAnswered = false;
  #isOver = false;

  constructor(connection: ServingConnection, number: number) {
    this.#connection = connection;
    this.#number = number;
  }

  /** Takes the head; false when there is none, because the client has left. Called by the connection. */
  takeHead(): boolean {
    const { instance, handle } = this.#connection.module;
    const event = this.#connection.module.call((wasm) => wasm.response_next(handle, this.#number));
    if (event !== EVENT.head) return false;
    const head = new ServedHead(instance.output);
    this.#head = head;
    if (!head.hasBody) this.#message = "ended";
    return true;
  }

  /**
   * Whether the client has cancelled the request together with sending it. On HTTP/2 such a request goes to nobody. Called
   * by the connection, after the head was taken.
   */
  isCancelledAtOnce(): boolean {
    if (!this.#connection.isHttp2 || !this.#isCancelled()) return false;
    while (this.#takeEvent() !== 0);
    return true;
  }

  /** Whether the client has ended an HTTP/2 request. The event that says so may stand behind a body that nobody takes. */
  #isCancelled(): boolean {
    const { module } = this.#connection;
    return module.call((wasm) => wasm.request_failed(module.handle, this.#number)) === 1;
  }

  /** The request's head. */
  get head(): ServedHead {
    if (this.#head === null) throw new TypeError("the request has no head yet");
    return this.#head;
  }

  /** The request's body, made when it is asked for; null where it has none. */
  get body(): ReadableStream<Uint8Array> | null {
    if (!this.head.hasBody) return null;
    return (this.#body ??= responseBody(this));
  }

  /** Resolves when the body has ended. Null where there can be no trailers. */
  get trailers(): Promise<HeaderList> | null {
    if (!this.head.isChunked) return null;
    if (this.#trailers === null) {
      this.#trailers = Promise.withResolvers();
      if (this.#message !== "open") this.#trailers.resolve(this.#receivedTrailers);
    }
    return this.#trailers.promise;
  }

  /** Whether a response was given. */
  get isResponded(): boolean {
    return this.#isResponded;
  }

  /** Whether the module has the whole response, of which the client has yet to take the rest. */
  get isSent(): boolean {
    return this.#isSent && !this.#isOver;
  }

  /** Whether the response can still be written. */
  get isOpen(): boolean {
    return !this.#isOver;
  }

  /** Whether the request has come whole, or never will. */
  get isMessageEnded(): boolean {
    return this.#message !== "open";
  }

  /** Whether the client waits for a 100 that it has not got. */
  get awaitsContinue(): boolean {
    return this.head.expectsContinue && !this.#hasContinued;
  }

  /** Sends an informational response (RFC 9110 §15.2) before the final one. */
  inform(status: number, headers: HeaderList): void {
    // hyper's server has no way for it on HTTP/2, and RFC 9110 §15.2 lets a proxy withhold it.
    if (this.#isResponded || this.#isOver || this.head.isHttp10 || this.head.isHttp2) return;
    if (status === CONTINUE) {
      if (!this.awaitsContinue) return;
      this.#hasContinued = true;
    }
    const head = this.#writeHead(status, headers);
    if (head === null) return;
    this.#call((wasm, handle) => wasm.inform(handle, this.#number, head));
    this.#connection.flush();
  }

  /**
   * Answers the request. `closes`: the connection closes after the response, which HTTP/2 has no field for. A body that
   * breaks off resets its stream on HTTP/2. On HTTP/1.1 it closes the connection, which alone can tell the client that the
   * body is not whole (RFC 9112 §8).
   */
  respond({ status, headers, body, trailers }: ExchangeResponse, closes: boolean): void {
    if (this.#isResponded || this.#isOver) return;
    this.#isResponded = true;
    const isHead = this.head.method === "HEAD";
    // RFC 9110 §10.1.1: a client that got no 100 may send its body or not, so the next bytes could be a body or a request.
    const isLast = closes || this.awaitsContinue;
    const { instance } = this.#connection.module;
    const fields = isLast ? [...headers, CLOSE] : headers;
    const head = this.#writeHead(status, fields);
    if (head === null) return this.cut();
    const bytes = isHead || body === null ? NO_BODY : body instanceof Uint8Array && trailers === null ? body : null;
    if (!isLast && this.#message === "open" && this.#body?.locked !== true) this.dropBody();
    if (bytes !== null && head + bytes.length <= instance.inputCapacity) {
      // dropBody() has called the module, which leaves its input as it is.
      instance.input.set(bytes, head);
      if (body instanceof ReadableStream) void body.cancel().catch(() => undefined); // HEAD: nobody reads the body.
      this.#isSent = true;
      this.#call((wasm, handle) => wasm.respond_whole(handle, this.#number, head, bytes.length));
      return this.#connection.act();
    }
    this.#call((wasm, handle) => wasm.respond(handle, this.#number, head, 1));
    this.#upload = this.#newUpload();
    this.#connection.schedule();
    if (body === null) return;
    const source = body instanceof ReadableStream ? sourceOf(body) : undefined;
    const sending =
      source instanceof Exchange && source.pump.module.instance === instance
        ? this.#passOn(source, trailers)
        : this.#upload.sendBody(body, trailers === null ? undefined : () => trailers);
    void sending.then(() => (this.#isSent = true));
  }

  /** Has the module itself pass on what is left of a backend's response. */
  async #passOn(source: Exchange, trailers: Promise<HeaderList> | null): Promise<void> {
    const { module } = this.#connection;
    this.#source = source;
    // The first bytes came with the head.
    while (source.start?.hasBytes === true) {
      const taken = source.take();
      if (taken.kind !== "data" || !(await this.write(taken.bytes))) break;
    }
    if (!this.#isOver) await splice(source, this.#connection, this.#number, this.hooks?.onRoomWait);
    if (this.#isOver) return;
    // The client's side has the whole body. The trailers are read here, where forbidden ones are left out.
    let end = source.take();
    for (; end.kind === "nothing"; end = source.take()) await source.changed();
    if (end.kind !== "end") return this.cut();
    const fields = (await trailers) ?? [];
    const writer = new Writer(module.instance.input);
    writer.headers(fields);
    // A response without trailers has ended already, and its request may be over.
    this.#connection.call((wasm) => wasm.request_end(module.handle, this.#number, writer.length));
    this.#connection.schedule();
  }

  /** Changes the protocol; answers the client's side of the upgraded connection. */
  upgrade(headers: HeaderList): ByteStream {
    this.#isResponded = true;
    const head = this.#writeHead(SWITCHING_PROTOCOLS, [...headers, ["connection", "upgrade"]]);
    if (head === null) this.cut();
    else this.#call((wasm, handle) => wasm.respond(handle, this.#number, head, 1));
    this.#upload = this.#newUpload();
    this.#isUpgraded = true;
    this.#message = "open";
    this.#connection.flush();
    return upgradedClient(this);
  }

  /** Ends the bytes to the client of an upgraded connection. */
  endUpgraded(): void {
    if (this.#isOver) return;
    this.#call((wasm, handle) => wasm.request_end(handle, this.#number, 0));
    this.#connection.flush();
  }

  /** Reads and drops what is left of the request's body. */
  dropBody(): void {
    if (this.#isDropped || this.#message !== "open") return;
    this.#isDropped = true;
    // A reader that waits for the client's bytes must not wait any longer, or the client would be taken for a slow one.
    this.#reader.wake();
    this.#call((wasm, handle) => wasm.body_drop(handle, this.#number));
    this.#connection.schedule();
  }

  /** Called by the connection when the module has something new for this request. */
  notify(): void {
    this.#upload?.wake();
    // The bytes of a body are taken only when somebody reads it.
    const isReadable = this.#message === "open" && !this.#isDropped;
    if (isReadable && !(this.#connection.isHttp2 && this.#isCancelled())) return this.#reader.wake();
    while (!this.#isOver && this.#takeEvent() !== 0);
  }

  /** Called by the connection when it is over. A response that the module has whole may still be written. */
  connectionEnded(reason: ConnectionError): void {
    while (!this.#isOver && this.#takeEvent() !== 0);
    if (this.#isAnswered) this.#messageEnded(reason);
    else this.#over(reason);
  }

  /** Called by the connection when nothing more can be written. */
  lost(reason: ConnectionError): void {
    this.#messageEnded(reason);
    if (this.#isOver) return;
    this.#finish();
    this.signal.abort();
  }

  take(): TakenBytes {
    for (;;) {
      if (this.#message === "ended") return { kind: "end" };
      if (this.#message !== "open") return { kind: "failed", error: this.#message };
      if (this.#isDropped || this.#isOver) return { kind: "end" };
      const event = this.#takeEvent();
      if (event === EVENT.data) {
        const bytes = this.#connection.module.instance.output.slice();
        this.hooks?.onBodyWait?.ended(bytes.length);
        return { kind: "data", bytes };
      }
      if (event === 0 && this.#message === "open") return { kind: "nothing" };
    }
  }

  changed(): Promise<void> {
    return this.#reader.wait();
  }

  async bodyChanged(): Promise<void> {
    this.hooks?.onBodyWait?.began();
    await this.changed();
    this.hooks?.onBodyWait?.ended(0);
  }

  resumeReading(): void {
    this.#connection.schedule();
  }

  /** Writes to an upgraded connection; false when that is over. */
  write(bytes: Uint8Array): Promise<boolean> {
    return this.#upload === null ? Promise.resolve(false) : this.#upload.write(bytes);
  }

  /**
   * Called when the reader of the request's body wants no more of it. A backend may answer before it has read the whole
   * body (413, 401), and the client must still get that response.
   */
  cancel(): void {
    if (this.#isUpgraded) this.cut();
    else this.dropBody();
  }

  /** Refuses a request that nothing was done for. On HTTP/2 its client may send it again (RFC 9113 §8.7). */
  refuse(): void {
    const { handle } = this.#connection.module;
    this.#connection.call((wasm) => wasm.request_reset(handle, this.#number, RESET.refusedStream));
    this.#over(new ConnectionError("cancelled", "the request was refused", { sent: "nothing" }));
  }

  /** Ends the request at once, and on HTTP/1.1 its connection. `reason` is what an HTTP/2 client is told. */
  cut(reason: "broken" | "late" = "broken"): void {
    if (this.#isOver) return;
    const { handle } = this.#connection.module;
    const code = reason === "broken" ? RESET.internalError : RESET.cancel;
    this.#connection.call((wasm) => wasm.request_reset(handle, this.#number, code));
    this.#over(new ConnectionError("cancelled", "the response could not be completed", { sent: "maybe" }));
  }

  /** Writes a head into the module's input and answers its length; null for a head that cannot be written. */
  #writeHead(status: number, headers: HeaderList): number | null {
    const writer = new Writer(this.#connection.module.instance.input);
    try {
      writer.u16(status);
      writer.headers(headers);
      return writer.length;
    } catch (error) {
      if (!(error instanceof ConnectionError)) throw error;
      return null; // A value that is no bytes, from a filter, or more than the input holds.
    }
  }

  #call(run: (wasm: StatusExports, handle: number) => number): void {
    const { module } = this.#connection;
    if (module.instance.trapped !== null) return;
    try {
      if (module.call((wasm) => run(wasm, module.handle)) >= 0) return;
    } catch (error) {
      if (!(error instanceof ConnectionError)) throw error;
      return;
    }
    // A head that the module refuses is a bug of ours or a field beyond its bounds: no response can follow.
    this.cut();
  }

  /** The upload of the response's body. Its backend has a time limit, and its client a pace. */
  #newUpload(): Upload {
    const isOpen = (): boolean => !this.#isOver;
    return new Upload(this.#connection, this.#number, null, {
      get isOpen() {
        return isOpen();
      },
      onBodyMoved: () => undefined,
      cancel: () => this.cut(),
      onRoomWait: this.hooks?.onRoomWait,
    });
  }

  /** Takes one event; answers its kind, 0 when there is none. */
  #takeEvent(): number {
    const { module } = this.#connection;
    const { instance, handle } = module;
    if (instance.trapped !== null) return 0;
    const event = Math.max(
      module.call((wasm) => wasm.response_next(handle, this.#number)),
      0,
    );
    if (event === EVENT.trailers) this.#receivedTrailers = trailerFields(new Reader(instance.output).headers());
    else if (event === EVENT.end) this.#messageEnded("ended");
    else if (event === EVENT.failed) this.#over(instance.failure());
    else if (event === EVENT.answered) this.#over(null);
    return event;
  }

  #messageEnded(end: "ended" | ConnectionError): void {
    if (this.#message === "open") this.#message = end;
    this.#trailers?.resolve(this.#receivedTrailers);
    this.#reader.wake();
    if (this.#isOver) this.#connection.forget(this.#number);
  }

  /** The response is written (null), or cannot be any more. */
  #over(failure: ConnectionError | null): void {
    if (failure !== null) this.#messageEnded(failure);
    if (this.#isOver) return;
    if (failure === null) {
      this.#isAnswered = true;
      return this.#connection.whenWritten(() => this.#finish());
    }
    this.#finish();
    this.signal.abort();
  }

  #finish(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#upload?.wake();
    this.#upload?.cancelSource();
    this.#source?.cancel(new ConnectionError("cancelled", "the client has left", { sent: "maybe" }));
    this.hooks?.onOver();
    if (this.#message !== "open") this.#connection.forget(this.#number);
  }
}

const CLOSE = ["connection", "close"] as const;
const NO_BODY = new Uint8Array(0);
