/** One client of a port that speaks HTTP/1.1: its socket, its requests, and its time limits. */
import type { Socket } from "node:net";
import {
  type ClientHandler,
  type ClientProtocol,
  type ClientSocket,
  dropBody,
  type ExchangeRequest,
  type ExchangeResponse,
  type RefusedBytes,
  type ServedConnection,
  type ServedRequest,
} from "../../backend/index.ts";
import { failureResponse } from "../../gateway/index.ts";
import type { Answering, Client } from "./clients.ts";
import type { FrontLimits } from "./limits.ts";
import { exchangeOfHead } from "./exchange-of-head.ts";
import { ServedSocket, type SocketOwner } from "./served-socket.ts";
import type { Pace, Paces } from "./pace.ts";
import { lastMessage, LATE, refusalOf } from "./refusals.ts";
import { relayStreams } from "./relay-streams.ts";

/** The time that a client which expects 100 waits: a backend over HTTP/2 passes no 100 on. */
const CONTINUE_MS = 1_000;
/** The time after which an idle connection gives its memory in the module back. */
const RELEASE_MS = 1_000;

/** A function that serves a client's connection in the module. */
export type ServeClient = (
  socket: ClientSocket,
  handler: ClientHandler,
  protocol: ClientProtocol,
) => Pick<ServedConnection, "received" | "ended" | "broken" | "writable" | "release" | "retire" | "close">;

/** The port of a client, and what serves its requests. */
export interface HttpClientOptions {
  readonly serveClient: ServeClient;
  readonly answering: Answering;
  readonly limits: FrontLimits;
  readonly paces: Paces;
}

/** The request under way on a connection. */
interface UnderWay {
  readonly request: ServedRequest;
  readonly pace: Pace;
  /** The time by which its message must have come whole; null once it has. */
  messageByMs: number | null;
  /** The time at which a 100 is sent; null where none is awaited. */
  continueAtMs: number | null;
}

/** The connection of one client. */
export class Http1Client implements ClientHandler, SocketOwner {
  readonly #socket: ServedSocket;
  readonly #client: Client;
  readonly #options: HttpClientOptions;
  readonly #connection: ReturnType<ServeClient>;
  #underWay: UnderWay | null = null;
  /** The time since which the connection is idle, or waits for the rest of a head. */
  #sinceMs: number;
  /** Whether bytes of a head have come since the last message. */
  #hasBegun = false;
  #hasServed = false;
  #isReleased = false;
  #isUpgraded = false;
  /** Ends the wait for the client to take bytes of its response; null when there is none. */
  #pieceTaken: (() => void) | null = null;

  constructor(socket: Socket, client: Client, options: HttpClientOptions) {
    this.#socket = new ServedSocket(socket, options.paces.nowMs, this);
    this.#client = client;
    this.#options = options;
    this.#sinceMs = options.paces.nowMs();
    this.#connection = options.serveClient(this.#socket, this, "http/1.1");
    socket.on("data", this.#onData);
    socket.once("end", () => this.#onEnd());
    socket.once("close", () => this.#connection.broken());
  }

  readonly #onData = (bytes: Buffer): void => {
    if (this.#underWay === null && !this.#hasBegun) {
      this.#hasBegun = true;
      this.#sinceMs = this.#options.paces.nowMs();
      this.#isReleased = false;
    }
    this.#connection.received(bytes);
  };

  /** A client that ends its direction in the middle of an exchange has left, as with node:http. */
  #onEnd(): void {
    if (this.#underWay === null || this.#isUpgraded) this.#connection.ended();
    else this.#socket.destroy();
  }

  waitBegan(bytes: number): void {
    if (this.#pieceTaken !== null || this.#underWay === null) return;
    const { download } = this.#underWay.pace;
    const taken = download.pieceWritten();
    download.waitBegan(bytes);
    this.#pieceTaken = () => {
      taken();
      download.waitEnded(0);
    };
  }

  waitEnded(): void {
    this.#pieceTaken?.();
    this.#pieceTaken = null;
    this.#connection.writable();
  }

  onRequest(request: ServedRequest): void {
    const { answering, limits, paces } = this.#options;
    const client = this.#client;
    const pace = paces.begin(client, () => this.#socket.destroy());
    const { head } = request;
    const underWay: UnderWay = {
      request,
      pace,
      messageByMs: head.hasBody ? this.#sinceMs + limits.requestMs : null,
      continueAtMs: head.expectsContinue ? paces.nowMs() + CONTINUE_MS : null,
    };
    this.#underWay = underWay;
    this.#hasBegun = false;
    request.hooks = {
      onOver: () => this.#over(underWay),
      ...(head.hasBody && {
        onBodyWait: {
          began: () => pace.upload.waitBegan(0),
          ended: (bytes) => {
            pace.upload.waitEnded(bytes);
          },
        },
      }),
    };
    client.requestBegan();
    const exchange = exchangeOfHead(request, client.front.scheme, pace);
    void answering.gateway
      .handle(exchange, client.front)
      .then((response) => this.#respond(request, exchange, response));
  }

  onRefused({ kind, got, request, isInBody }: RefusedBytes): Uint8Array<ArrayBuffer> {
    const failure = refusalOf(kind, got);
    // A request that was passed on is logged when its exchange ends.
    const response = isInBody
      ? failureResponse(failure)
      : this.#options.answering.gateway.refuse(request ?? {}, failure);
    return lastMessage(response);
  }

  onIdle(): void {
    this.#hasServed = true;
    this.#sinceMs = this.#options.paces.nowMs();
  }

  /** Looks at the time limits. */
  tick(nowMs: number): void {
    const { limits } = this.#options;
    if (this.#socket.waitedMs(nowMs) > limits.sendMs) return this.#socket.destroy();
    const underWay = this.#underWay;
    if (underWay !== null) {
      if (underWay.continueAtMs !== null && nowMs >= underWay.continueAtMs) {
        underWay.continueAtMs = null;
        underWay.request.inform(100, []);
      }
      if (underWay.messageByMs !== null && nowMs > underWay.messageByMs && !underWay.request.isMessageEnded)
        this.#endLate(underWay.request.isResponded ? null : failureResponse(LATE));
      return;
    }
    const waitedMs = nowMs - this.#sinceMs;
    if (this.#hasBegun && waitedMs > limits.headersMs) {
      this.#endLate(this.#options.answering.gateway.refuse({}, LATE));
    } else if (!this.#hasBegun && !this.#hasServed && waitedMs > limits.headersMs) {
      this.#endLate(failureResponse(LATE));
    } else if (!this.#hasBegun && this.#hasServed) {
      if (waitedMs > limits.idleMs) this.#socket.destroy();
      else if (waitedMs > RELEASE_MS && !this.#isReleased) {
        this.#isReleased = true;
        // A part of a head may have come together with the message before.
        this.#hasBegun = !this.#connection.release();
      }
    }
  }

  #respond(request: ServedRequest, exchange: ExchangeRequest, response: ExchangeResponse): void {
    if (response.upgrade !== null) {
      const backend = response.upgrade;
      if (!request.isOpen) return backend.close();
      this.#isUpgraded = true;
      const client = request.upgrade(response.headers);
      void relayStreams(client, backend).finally(() => {
        backend.close();
        this.#connection.close();
      });
      return;
    }
    if (!request.isOpen) {
      void dropBody(response.body).catch(() => undefined); // A failure to drop the body concerns no client any more.
      return;
    }
    request.respond(response, this.#client.isClosing || exchange.method === "CONNECT");
  }

  #over(underWay: UnderWay): void {
    if (this.#underWay !== underWay) return;
    this.#underWay = null;
    underWay.pace.end();
    this.#pieceTaken?.();
    this.#pieceTaken = null;
    this.#client.requestEnded();
  }

  #endLate(response: ExchangeResponse | null): void {
    this.#connection.close(response === null ? null : lastMessage(response));
  }
}
