/** HTTP/1.1 from clients: Node's messages as exchanges, and back. */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import type { ExchangeRequest, ExchangeResponse, HeaderList } from "../../backend/index.ts";
import { failureResponse, type RefusedRequest } from "../../gateway/index.ts";
import { BunConnection, isBun } from "./bun.ts";
import { type Answering, type Client, type Handle, requestClient } from "./clients.ts";
import { pairs } from "./fields.ts";
import type { FrontLimits } from "./limits.ts";
import { type Pace, type Paces } from "./pace.ts";
import { Pipeline } from "./pipeline.ts";
import { framingFault, lastMessage, LATE, parserFailure } from "./refusals.ts";
import { bodyOf, type Tap, writeBody } from "./streams.ts";
import { upgrade } from "./upgrade.ts";

export interface Http1 {
  serve(socket: Duplex, client: Client): void;
  close(): void;
}

interface Connection {
  readonly client: Client;
  readonly pipeline: Pipeline;
  readonly guard: BunConnection | null;
}

/** How long a client that expects 100 waits: a backend over HTTP/2 passes none on. */
const CONTINUE_MS = 1_000;

export function createHttp1({ handle, refuse }: Answering, limits: FrontLimits, paces: Paces): Http1 {
  const connections = new WeakMap<Duplex, Connection>();
  const server = createServer({
    maxHeaderSize: limits.maxHeaderBytes,
    headersTimeout: limits.headersMs,
    requestTimeout: limits.requestMs,
    keepAliveTimeout: limits.idleMs,
    connectionsCheckingInterval: Math.min(limits.headersMs, 5_000),
    shouldUpgradeCallback: wantsWebSocket,
    // The gateway answers what has none, and logs it.
    requireHostHeader: false,
  });
  // Connections are handed to it. Deno (2.9.6) ends those of a server that does not listen after one answer each.
  if (isDeno) Object.defineProperty(server, "listening", { value: true });
  // By default fields past the 2000th are dropped without a word; their size is bounded.
  server.maxHeadersCount = 0;
  const connectionOf = ({ socket }: IncomingMessage): Connection => {
    const connection = connections.get(socket);
    if (connection === undefined) throw new TypeError("a request on a socket that nobody served");
    return connection;
  };
  const take = (request: IncomingMessage, response: ServerResponse, expectsContinue: boolean): void => {
    const { client, pipeline, guard } = connectionOf(request);
    pipeline.asked(request, response);
    guard?.asked(request, response);
    const fault = framingFault(request);
    if (fault !== null) {
      pipeline.end();
      client.begin();
      response.once("close", () => client.end());
      response.shouldKeepAlive = false;
      void respond(response, refuse(readOf(request), fault), request.method === "HEAD");
      return;
    }
    void answer(handle, client, request, response, { expectsContinue, tap: guard, paces });
  };
  server.timeout = limits.sendMs;
  // Nothing has moved on it for so long: it is idle, its client takes nothing, or its backend is silent, which is not its
  // client's fault.
  server.on("timeout", (socket) => {
    if (connections.get(socket)?.client.busy !== true || socket.writableLength > 0) socket.destroy();
  });
  server.on("request", (request, response) => take(request, response, false));
  server.on("checkContinue", (request: IncomingMessage, response: ServerResponse) => take(request, response, true));
  // An expectation that is not known goes to the backend: RFC 9110 §10.1.1 has no proxy refuse it.
  server.on("checkExpectation", (request: IncomingMessage, response: ServerResponse) => take(request, response, false));
  const leave = (request: IncomingMessage, socket: Duplex, head: Buffer, protocol: "websocket" | null): void => {
    const { client, pipeline, guard } = connectionOf(request);
    pipeline.end();
    guard?.upgraded();
    client.begin();
    const pace = paces.begin(() => socket.destroy());
    const asked = (signal: AbortSignal): ExchangeRequest => ({
      ...exchangeOf(request, client.front.scheme, signal, { pace, tap: null }),
      upgrade: protocol,
      client: requestClient(client, pace),
    });
    void upgrade(socket, head, (signal) => handle(asked(signal), client.front)).finally(() => client.end());
  };
  server.on("upgrade", (request, socket, head) => leave(request, socket, head, "websocket"));
  server.on("connect", (request, socket, head) => leave(request, socket, head, null));
  server.on("clientError", (error, socket) => {
    const { pipeline } = connections.get(socket) ?? {};
    const failure = parserFailure(error);
    const response = pipeline?.response ?? null;
    pipeline?.end();
    if (failure === null || !socket.writable || response?.headersSent === true) return void socket.destroy();
    // A request that was passed on is logged when that ends; of a client that never said anything there is no request.
    const isRequest = response === null && (pipeline?.hasBegun === true || failure !== LATE);
    const exchange = isRequest ? refuse({}, failure) : failureResponse(failure);
    socket.end(lastMessage(exchange), () => socket.destroy());
  });
  // It never listens, as connections are handed to it; without the event it would not enforce its time limits.
  server.emit("listening");
  return {
    serve(socket, client) {
      if (isDeno) keepFromParser(socket);
      server.emit("connection", socket);
      const pipeline = new Pipeline(socket);
      const late = (): Buffer => lastMessage(pipeline.hasBegun ? refuse({}, LATE) : failureResponse(LATE));
      connections.set(socket, { client, pipeline, guard: isBun ? new BunConnection(socket, limits, late) : null });
    },
    close: () => void server.close(),
  };
}

const isDeno = "deno" in process.versions;

/**
 * node:http lets its parser read the socket itself where nobody has before, and stops that for whoever listens; Deno's
 * (2.9.6) does not stop.
 */
function keepFromParser(socket: Duplex): void {
  const handle: unknown = Reflect.get(socket, "_handle");
  if (typeof handle === "object" && handle !== null) Reflect.set(handle, "_consumed", true);
}

/** Resolves when the response has left or the client has; never rejects. */
async function answer(
  handle: Handle,
  client: Client,
  request: IncomingMessage,
  response: ServerResponse,
  {
    expectsContinue,
    tap,
    paces,
  }: { readonly expectsContinue: boolean; readonly tap: Tap | null; readonly paces: Paces },
): Promise<void> {
  client.begin();
  const left = new AbortController();
  response.once("close", () => {
    // Before the response has ended, a closed connection is a client that has left.
    if (!response.writableFinished) left.abort();
    client.end();
  });
  const pace = paces.begin(() => request.socket.destroy());
  const goOn = expectsContinue ? new Continue(response) : null;
  const exchange = await handle(
    {
      ...exchangeOf(request, client.front.scheme, left.signal, { pace, tap }),
      informational: informationalOf(response, goOn),
      client: requestClient(client, pace),
    },
    client.front,
  );
  // RFC 9110 §10.1.1: without 100 the client may send its body or not; only a new connection is sure to start afresh.
  if (client.leaving || goOn?.settle() === "withheld") response.shouldKeepAlive = false;
  await respond(response, exchange, request.method === "HEAD", pace);
}

const readOf = ({ method = "", url = "", headers }: IncomingMessage): RefusedRequest => ({
  method,
  authority: headers.host ?? "",
  target: url,
});

/** The client's request. Its body is read as the backend takes it. */
export function exchangeOf(
  request: IncomingMessage,
  scheme: "http" | "https",
  signal: AbortSignal,
  { pace, tap }: { readonly pace: Pace; readonly tap: Tap | null },
): ExchangeRequest {
  const { rawHeaders, url = "" } = request;
  const headers: [string, string][] = [];
  let host: string | null = null;
  for (let at = 0; at + 1 < rawHeaders.length; at += 2) {
    const name = (rawHeaders[at] ?? "").toLowerCase();
    const value = rawHeaders[at + 1] ?? "";
    if (name !== "host") headers.push([name, value]);
    // RFC 9112 §3.2: a server MUST answer 400 to more than one Host, as to none.
    else host = host === null ? value : "";
  }
  // RFC 9112 §3.2.2: in absolute form the target's authority counts, and Host is ignored.
  const absolute = url.startsWith("/") ? null : /^https?:\/\/([^/?#]*)(.*)$/is.exec(url);
  const path = absolute?.[2] ?? url;
  const hasTrailers = request.headers["transfer-encoding"] !== undefined;
  return {
    method: request.method ?? "GET",
    scheme,
    authority: absolute?.[1] ?? host ?? "",
    target: absolute === null || path.startsWith("/") ? path : `/${path}`,
    headers,
    body: hasTrailers || hasLength(request) ? bodyOf(request, pace, tap) : null,
    trailers: hasTrailers ? trailersOf(request) : null,
    upgrade: null,
    informational: null,
    signal,
  };
}

/** RFC 9112 §6: a request has a body when it says how it is framed. */
function hasLength({ headers }: IncomingMessage): boolean {
  const length = headers["content-length"];
  return length !== undefined && length !== "0";
}

function trailersOf(request: IncomingMessage): Promise<HeaderList> {
  return new Promise((resolve) => {
    request.once("close", () => resolve(pairs(request.rawTrailers)));
  });
}

/** RFC 9110 §7.8: a server MAY ignore Upgrade, as for `h2c` and for a request with a body. */
const wantsWebSocket = (request: IncomingMessage): boolean =>
  request.method === "GET" &&
  request.headers.upgrade?.toLowerCase() === "websocket" &&
  request.headers["transfer-encoding"] === undefined &&
  !hasLength(request);

/** The one 100 that a client waits for: the backend's, or ours when the backend is silent. */
class Continue {
  readonly #response: ServerResponse;
  readonly #timer: ReturnType<typeof setTimeout>;
  #state: "waiting" | "sent" | "withheld" = "waiting";

  constructor(response: ServerResponse) {
    this.#response = response;
    this.#timer = setTimeout(() => this.send(), CONTINUE_MS);
  }

  send(): void {
    if (this.#state !== "waiting") return;
    clearTimeout(this.#timer);
    this.#state = "sent";
    if (!this.#response.destroyed) this.#response.writeContinue();
  }

  /** The final response is here. */
  settle(): "sent" | "withheld" {
    clearTimeout(this.#timer);
    if (this.#state === "waiting") this.#state = "withheld";
    return this.#state === "sent" ? "sent" : "withheld";
  }
}

/** Node writes 100, 102, and a 103 with Link fields; others it cannot. RFC 9110 §15.2 lets a proxy withhold them. */
function informationalOf(response: ServerResponse, goOn: Continue | null): ExchangeRequest["informational"] {
  return (status, headers) => {
    if (response.headersSent || response.destroyed) return;
    if (status === 100) goOn?.send();
    if (status === 102) response.writeProcessing();
    if (status !== 103) return;
    const hints: Record<string, string[]> = {};
    for (const [name, value] of headers) (hints[name] ??= []).push(value);
    try {
      response.writeEarlyHints(hints);
    } catch {
      // A Link that Node takes for malformed: a hint may be lost, the response may not.
    }
  };
}

async function respond(
  response: ServerResponse,
  exchange: ExchangeResponse,
  isHead: boolean,
  pace: Pace | null = null,
): Promise<void> {
  const { status, headers, body, trailers } = exchange;
  const fields: string[] = [];
  let length: number | null = null;
  for (const [name, value] of headers) {
    fields.push(name, value);
    if (name === "content-length") length = Number(value);
  }
  try {
    if (body === null) {
      // RFC 9110 §8.6: neither with 204 nor 304, nor, where the backend kept it to itself, with HEAD.
      if (length === null && !isHead && status !== 204 && status !== 304) fields.push("content-length", "0");
      response.writeHead(status, fields).end();
      return;
    }
    response.writeHead(status, fields);
    if (body instanceof Uint8Array) {
      if (length !== null) return endWhole(response, body);
      response.write(body);
    } else {
      // Node keeps a head for the first bytes of its body, which may be long in coming. On Deno (2.9.6) a flushed head
      // keeps a TLS connection from ending, so there it waits.
      const late = isDeno ? undefined : setImmediate(() => response.flushHeaders());
      await writeBody(body, response, pace).finally(() => clearImmediate(late));
    }
    const more = length !== null ? [] : ((await trailers) ?? []);
    if (more.length > 0) response.addTrailers(more.map(([name, value]): [string, string] => [name, value]));
    response.end();
  } catch {
    // The status has gone out: only a cut connection says that the body is not whole (RFC 9112 §8).
    response.destroy();
  }
}

/** What is cheaper to copy than to write apart from its head. */
const SMALL_BODY_BYTES = 4 * 1024;

/** As a string a small body joins its head: one buffer is written, where bytes would be gathered from three. */
function endWhole(response: ServerResponse, { buffer, byteOffset, length }: Uint8Array<ArrayBuffer>): void {
  const bytes = Buffer.from(buffer, byteOffset, length);
  if (length > SMALL_BODY_BYTES) response.end(bytes);
  else response.end(bytes.toString("latin1"), "latin1");
}
