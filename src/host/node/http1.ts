/** HTTP/1.1 from clients: the events of node:http's server, each of which begins, answers or ends a request. */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import { type ExchangeRequest, type ExchangeResponse, RequestAbort, type RequestSignal } from "../../backend/index.ts";
import { failureResponse } from "../../gateway/index.ts";
import { BunConnection, isBun } from "./bun.ts";
import type { Answering, Client } from "./clients.ts";
import { keepFromParser, pretendToListen } from "./deno.ts";
import { exchangeOfRequest, refusedPartsOf, wantsWebSocket } from "./http1-request.ts";
import { Continue, informationalWriter, writeResponse } from "./http1-response.ts";
import type { FrontLimits } from "./limits.ts";
import type { Paces } from "./pace.ts";
import { Pipeline } from "./pipeline.ts";
import { framingFault, lastMessage, LATE, parserFailure } from "./refusals.ts";
import type { FlowControl } from "./streams.ts";
import { upgrade } from "./upgrade.ts";

/** The HTTP/1.1 side of a bound port. */
export interface Http1 {
  /** Serves one connection, whose client is registered with the port. */
  serve(socket: Duplex, client: Client): void;
  close(): void;
}

interface Connection {
  readonly client: Client;
  readonly pipeline: Pipeline;
  /** Null on runtimes but Bun. */
  readonly bun: BunConnection | null;
}

/** Serves connections handed to it within `limits`. */
export function createHttp1(answering: Answering, limits: FrontLimits, paces: Paces): Http1 {
  const connections = new WeakMap<Duplex, Connection>();
  const server = createServer({
    maxHeaderSize: limits.maxHeaderBytes,
    headersTimeout: limits.headersMs,
    requestTimeout: limits.requestMs,
    keepAliveTimeout: limits.idleMs,
    connectionsCheckingInterval: Math.min(limits.headersMs, 5_000),
    shouldUpgradeCallback: wantsWebSocket,
    // The gateway refuses a request without Host, so that the refusal is in the access log.
    requireHostHeader: false,
  });
  pretendToListen(server);
  // Node drops fields after the 2000th by default; `maxHeaderBytes` bounds them already.
  server.maxHeadersCount = 0;
  const connectionOf = ({ socket }: IncomingMessage): Connection => {
    const connection = connections.get(socket);
    if (connection === undefined) throw new TypeError("a request on a socket that was not handed to serve()");
    return connection;
  };
  const begin = (request: IncomingMessage, response: ServerResponse, expectsContinue = false): void => {
    const { client, pipeline, bun } = connectionOf(request);
    pipeline.requestBegan(request, response);
    bun?.requestBegan(request, response);
    const fault = framingFault(request);
    if (fault === null)
      return void answerRequest({ answering, client, request, response, expectsContinue, flow: bun, paces });
    pipeline.end();
    client.requestBegan();
    response.once("close", () => client.requestEnded());
    response.shouldKeepAlive = false;
    void writeResponse(response, answering.gateway.refuse(refusedPartsOf(request), fault), request.method === "HEAD");
  };
  server.on("request", begin);
  server.on("checkContinue", (request: IncomingMessage, response: ServerResponse) => begin(request, response, true));
  // RFC 9110 §10.1.1 has no proxy refuse an unknown expectation: such a request goes to the backend.
  server.on("checkExpectation", begin);
  const beginUpgrade = (request: IncomingMessage, socket: Duplex, head: Buffer, protocol: "websocket" | null): void => {
    const { client, pipeline, bun } = connectionOf(request);
    pipeline.end();
    bun?.end();
    client.requestBegan();
    const pace = paces.begin(client, () => socket.destroy());
    const exchangeOf = (signal: RequestSignal): ExchangeRequest => ({
      ...exchangeOfRequest(request, client.front.scheme, signal, { pace, flow: null }),
      upgrade: protocol,
      client: pace,
    });
    const ask = (signal: RequestSignal): Promise<ExchangeResponse> =>
      answering.gateway.handle(exchangeOf(signal), client.front);
    void upgrade(socket, head, ask).finally(() => client.requestEnded());
  };
  server.on("upgrade", (request, socket, head) => beginUpgrade(request, socket, head, "websocket"));
  server.on("connect", (request, socket, head) => beginUpgrade(request, socket, head, null));
  server.timeout = limits.sendMs;
  // No byte has moved for `sendMs`: the connection is idle, or its client takes nothing, or its backend is silent. In the
  // last case the client is not at fault, and the connection stays.
  server.on("timeout", (socket) => {
    if (connections.get(socket)?.client.isBusy !== true || socket.writableLength > 0) socket.destroy();
  });
  server.on("clientError", (error, socket) => {
    const { pipeline } = connections.get(socket) ?? {};
    const failure = parserFailure(error);
    const response = pipeline?.response ?? null;
    pipeline?.end();
    if (failure === null || !socket.writable || response?.headersSent === true) return void socket.destroy();
    // A request that was passed on is logged when its exchange ends. A client that has sent nothing has made no request.
    const isRequest = response === null && (pipeline?.hasBegun === true || failure !== LATE);
    const exchange = isRequest ? answering.gateway.refuse({}, failure) : failureResponse(failure);
    socket.end(lastMessage(exchange), () => socket.destroy());
  });
  // The server never listens, and only the event makes it enforce its time limits.
  server.emit("listening");
  return {
    serve(socket, client) {
      keepFromParser(socket);
      server.emit("connection", socket);
      const pipeline = new Pipeline(socket);
      const late = (): Buffer =>
        lastMessage(pipeline.hasBegun ? answering.gateway.refuse({}, LATE) : failureResponse(LATE));
      connections.set(socket, { client, pipeline, bun: isBun ? new BunConnection(socket, limits, late) : null });
    },
    close: () => void server.close(),
  };
}

/** One request under way. */
interface RequestUnderWay {
  readonly answering: Answering;
  readonly client: Client;
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  /** Whether the client sends its body only after a 100. */
  readonly expectsContinue: boolean;
  readonly flow: FlowControl | null;
  readonly paces: Paces;
}

/** Answers the request; resolves when the response is sent or the client has disconnected, and never rejects. */
async function answerRequest(underWay: RequestUnderWay): Promise<void> {
  const { answering, client, request, response, expectsContinue, flow, paces } = underWay;
  client.requestBegan();
  const aborted = new RequestAbort();
  response.once("close", () => {
    // A connection that closes before its response has ended was closed by the client.
    if (!response.writableFinished) aborted.abort();
    client.requestEnded();
  });
  const pace = paces.begin(client, () => request.socket.destroy());
  const awaited = expectsContinue ? new Continue(response) : null;
  const exchange = await answering.gateway.handle(
    {
      ...exchangeOfRequest(request, client.front.scheme, aborted, { pace, flow }),
      informational: informationalWriter(response, awaited),
      client: pace,
    },
    client.front,
  );
  // RFC 9110 §10.1.1: a client that got no 100 may send its body or not, so the next bytes on this connection could be
  // either a body or a request.
  if (client.isClosing || awaited?.settle() === "withheld") response.shouldKeepAlive = false;
  await writeResponse(response, exchange, request.method === "HEAD", pace);
}
