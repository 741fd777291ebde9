/** One client of a port that speaks HTTP/2: its socket, its requests, and their time limits. */
import type { Socket } from "node:net";
import { type ClientHandler, dropBody, type ExchangeResponse, type ServedRequest } from "../../backend/index.ts";
import type { AddClient, Client } from "./clients.ts";
import type { HttpClientOptions, ServeClient } from "./http1-client.ts";
import { exchangeOfHead } from "./exchange-of-head.ts";
import { ServedSocket, type SocketOwner } from "./served-socket.ts";
import type { Pace } from "./pace.ts";

/** A request under way. */
interface StreamUnderWay {
  readonly request: ServedRequest;
  readonly pace: Pace;
  /** The time by which its message must have come whole. */
  readonly messageByMs: number;
  /** The time since which only the client is waited for; null while its response is not whole. */
  sentSinceMs: number | null;
}

/** The connection of one client. */
export class Http2Client implements ClientHandler, SocketOwner {
  readonly #socket: ServedSocket;
  readonly #client: Client;
  readonly #options: HttpClientOptions;
  readonly #connection: ReturnType<ServeClient>;
  readonly #underWay = new Set<StreamUnderWay>();
  /**
   * The number of requests whose work has begun and not ended. Open streams do not measure the load of a connection,
   * because a client may open and reset streams without end (CVE-2023-44487) while the work for each goes on.
   */
  #working = 0;
  /** The time since which the connection is idle. */
  #sinceMs: number;
  #isRetired = false;

  constructor(socket: Socket, addClient: AddClient, options: HttpClientOptions) {
    this.#options = options;
    this.#sinceMs = options.paces.nowMs();
    this.#socket = new ServedSocket(socket, options.paces.nowMs, this);
    this.#connection = options.serveClient(this.#socket, this, "h2");
    this.#client = addClient({ closesWhen: "at-once", close: () => this.#retire() });
    socket.on("data", (bytes) => this.#connection.received(bytes));
    socket.once("end", () => this.#connection.ended());
    socket.once("close", () => {
      this.#connection.broken();
      this.#client.closed();
    });
  }

  // Each response has a pace of its own, which waits for room in its stream.
  waitBegan(): void {}

  waitEnded(): void {
    this.#connection.writable();
  }

  onRequest(request: ServedRequest): void {
    const { answering, limits, paces } = this.#options;
    if (this.#working >= limits.maxStreams) return request.refuse();
    const client = this.#client;
    const pace = paces.begin(client, () => request.cut("late"));
    const underWay: StreamUnderWay = {
      request,
      pace,
      messageByMs: paces.nowMs() + limits.requestMs,
      sentSinceMs: null,
    };
    this.#underWay.add(underWay);
    this.#working++;
    // The work has ended when the gateway has answered and the response is over, whichever comes last.
    const over = Promise.withResolvers<void>();
    request.hooks = {
      onOver: () => {
        this.#underWay.delete(underWay);
        pace.end();
        over.resolve();
        client.requestEnded();
      },
      onRoomWait: {
        began: (bytes) => pace.download.waitBegan(bytes),
        ended: (bytes) => pace.download.waitEnded(bytes),
      },
      ...(request.head.hasBody && {
        onBodyWait: { began: () => pace.upload.waitBegan(0), ended: (bytes) => pace.upload.waitEnded(bytes) },
      }),
    };
    client.requestBegan();
    void answering.gateway
      .handle(exchangeOfHead(request, client.front.scheme, pace), client.front)
      .then((response) => this.#respond(request, response))
      .then(() => over.promise)
      .finally(() => this.#working--);
  }

  onRefused(): Uint8Array<ArrayBuffer> {
    throw new TypeError("HTTP/2 is refused by hyper, stream by stream or by the end of the connection");
  }

  onIdle(): void {
    this.#sinceMs = this.#options.paces.nowMs();
  }

  /** Looks at the time limits. */
  tick(nowMs: number): void {
    const { limits } = this.#options;
    if (this.#socket.waitedMs(nowMs) > limits.sendMs) return this.#socket.destroy();
    for (const underWay of this.#underWay) {
      const { request, pace } = underWay;
      if (request.isSent) underWay.sentSinceMs ??= nowMs;
      const untakenMs = nowMs - (underWay.sentSinceMs ?? pace.untakenSinceMs ?? nowMs);
      if (untakenMs > limits.sendMs || (nowMs > underWay.messageByMs && !request.isMessageEnded)) request.cut("late");
    }
    if (this.#underWay.size > 0) return;
    const waitedMs = nowMs - this.#sinceMs;
    if (waitedMs > limits.idleMs + limits.sendMs) this.#socket.destroy();
    else if (waitedMs > limits.idleMs) this.#retire();
  }

  #respond(request: ServedRequest, response: ExchangeResponse): void {
    if (request.isOpen) request.respond(response, false);
    else void dropBody(response.body).catch(() => undefined); // A failure to drop the body concerns no client any more.
  }

  #retire(): void {
    if (this.#isRetired) return;
    this.#isRetired = true;
    this.#connection.retire();
  }
}
