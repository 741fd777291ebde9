/** HTTP/2 from clients: a stream of node:http2 becomes an exchange, whose response is written to the stream. */
import {
  constants,
  createServer,
  type IncomingHttpHeaders,
  type OutgoingHttpHeaders,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from "node:http2";
import type { Duplex } from "node:stream";
import {
  dropBody,
  type ExchangeRequest,
  type ExchangeResponse,
  type HeaderList,
  RequestAbort,
  type RequestSignal,
} from "../../backend/index.ts";
import { isBun } from "./bun.ts";
import type { AddClient, Answering, Client } from "./clients.ts";
import { pairs } from "./fields.ts";
import type { FrontLimits } from "./limits.ts";
import { Load } from "./http2-load.ts";
import type { Pace, Paces } from "./pace.ts";
import { bodyOf, writeBody } from "./streams.ts";

/** The HTTP/2 side of a bound port. */
export interface Http2 {
  /**
   * Serves one connection; `addClient` registers its client with the port. `first`: the bytes read from the socket so far,
   * which it does not emit again; null when there are none.
   */
  serve(socket: Duplex, addClient: AddClient, first: Buffer | null): void;
}

/** The flow-control windows: how many bytes of bodies a client may send ahead of us, on one stream and on a connection. */
const STREAM_WINDOW_BYTES = 256 * 1024;
const CONNECTION_WINDOW_BYTES = 1024 * 1024;

/** Serves connections handed to it within `limits`. */
export function createHttp2(answering: Answering, limits: FrontLimits, paces: Paces): Http2 {
  const server = createServer({
    settings: {
      maxConcurrentStreams: limits.maxStreams,
      maxHeaderListSize: limits.maxHeaderBytes,
      initialWindowSize: STREAM_WINDOW_BYTES,
    },
  });
  // node:http2 has destroyed the session of the client that broke the protocol; other sessions go on.
  server.on("sessionError", () => undefined);
  return {
    serve(socket, addClient, first) {
      // node:http2 reads the bytes that were put back, and from then on the socket's handle.
      if (first !== null && !isBun) socket.pause().unshift(first);
      server.once("session", (session) => begin(session, addClient));
      server.emit("connection", socket);
      if (first !== null && isBun) socket.emit("data", first);
    },
  };

  function begin(session: ServerHttp2Session, addClient: AddClient): void {
    // On Bun, uploads stall once the window has been set (measured: Bun 1.4.5).
    if (!isBun) session.setLocalWindowSize(CONNECTION_WINDOW_BYTES);
    const client = addClient({ closesWhen: "at-once", close: () => session.close() });
    session.once("close", () => client.closed());
    session.setTimeout(limits.idleMs, () => {
      if (!client.isBusy) session.close();
    });
    const load = new Load(limits.maxStreams);
    session.on("stream", (stream, headers, flags, raw) => {
      stream.on("error", () => undefined); // The event "close", which follows, is the one that is handled.
      stream.once("close", () => {
        if (load.closed(stream) || session.destroyed) return;
        // RFC 9113 §7: "its peer is exhibiting a behavior that might be generating excessive load".
        session.goaway(constants.NGHTTP2_ENHANCE_YOUR_CALM);
        session.destroy();
      });
      // RFC 9113 §8.7: REFUSED_STREAM says that nothing was processed, so the client may send the request again.
      if (!load.begin()) {
        stream.close(constants.NGHTTP2_REFUSED_STREAM);
        return;
      }
      stream.setTimeout(limits.sendMs, () => {
        if (stream.writableLength > 0) stream.close(constants.NGHTTP2_CANCEL);
      });
      // Node resets a stream that is not read once its response is written, and the reset may overtake the response's end.
      if ((flags & constants.NGHTTP2_FLAG_END_STREAM) !== 0) stream.resume();
      // The listener is added now, because trailers may come in the same read as the head.
      const trailers = (flags & constants.NGHTTP2_FLAG_END_STREAM) === 0 ? trailersOfStream(stream) : null;
      // By the next turn a reset that came in the same read is known, and such a request goes to no backend.
      setImmediate(() => {
        if (stream.destroyed) return load.end();
        const pace = paces.begin(client, () => stream.close(constants.NGHTTP2_CANCEL));
        void answerStream({ answering, client, stream, head: { headers, raw, trailers }, pace }).finally(() =>
          load.end(),
        );
      });
    });
  }
}

/** The head of a request. */
interface Head {
  readonly headers: IncomingHttpHeaders;
  readonly raw: readonly string[];
  /** The trailers that will follow the body; null when the request has neither body nor trailers. */
  readonly trailers: Promise<HeaderList> | null;
}

/** One request under way. */
interface StreamRequest {
  readonly answering: Answering;
  readonly client: Client;
  readonly stream: ServerHttp2Stream;
  readonly head: Head;
  readonly pace: Pace;
}

/** Answers the request; resolves when the response is sent or the client has closed the stream, and never rejects. */
async function answerStream(request: StreamRequest): Promise<void> {
  const { answering, client, stream, pace } = request;
  client.requestBegan();
  const aborted = new RequestAbort();
  stream.once("close", () => {
    // A stream that closes before its response has ended was reset by the client.
    if (!stream.writableFinished) aborted.abort();
    client.requestEnded();
  });
  const exchange = await answering.gateway.handle(exchangeOfStream(request, aborted), client.front);
  await respondOnStream(stream, exchange, pace);
}

function exchangeOfStream({ client, stream, head, pace }: StreamRequest, signal: RequestSignal): ExchangeRequest {
  const { headers, raw, trailers } = head;
  const { ":authority": authority, ":path": target = "", ":method": method = "GET", host, cookie } = headers;
  const fields = pairs(raw).filter(([name]) => !name.startsWith(":") && name !== "host" && name !== "cookie");
  // RFC 9113 §8.2.3: the parts of a split Cookie MUST be joined before they leave HTTP/2; Node has joined them.
  if (cookie !== undefined) fields.push(["cookie", cookie]);
  return {
    method,
    scheme: client.front.scheme,
    // RFC 9113 §8.3.1: a Host that differs makes the request malformed; an empty authority is answered 400.
    authority: host !== undefined && authority !== undefined && host !== authority ? "" : (authority ?? host ?? ""),
    target,
    headers: fields,
    body: trailers === null ? null : bodyOf(stream, pace),
    trailers,
    upgrade: null,
    informational: (status, hints) => {
      if (!stream.headersSent && !stream.destroyed) stream.additionalHeaders({ ...fieldsOf(hints), ":status": status });
    },
    signal,
    client: pace,
  };
}

function trailersOfStream(stream: ServerHttp2Stream): Promise<HeaderList> {
  return new Promise((resolve) => {
    stream.once("trailers", (_trailers: unknown, _flags: number, raw: readonly string[]) => resolve(pairs(raw)));
    // Trailers come before the event "end"; a promise that has resolved ignores the later events.
    for (const over of ["end", "close"]) stream.once(over, () => resolve([]));
  });
}

async function respondOnStream(
  stream: ServerHttp2Stream,
  { status, headers, body, trailers }: ExchangeResponse,
  pace: Pace,
): Promise<void> {
  if (stream.destroyed) return void dropBody(body).catch(() => undefined); // A failure to drop the body concerns no client any more.
  try {
    const more = body === null || trailers === null ? null : trailers;
    // A rejection is handled below, once the body is sent; without this handler it would be unhandled until then.
    more?.catch(() => undefined);
    stream.respond(
      { ...fieldsOf(headers), ":status": status },
      { endStream: body === null, waitForTrailers: more !== null },
    );
    if (body instanceof ReadableStream) await writeBody(body, stream, pace);
    if (more !== null) {
      stream.once("wantTrailers", () => {
        void more
          .then((fields) => stream.sendTrailers(fieldsOf(fields)))
          .catch(() => stream.close(constants.NGHTTP2_INTERNAL_ERROR));
      });
    }
    if (body instanceof Uint8Array) stream.end(body);
    else stream.end();
    // RFC 9113 §8.1: NO_ERROR asks the client to send no more of a request that is answered already.
    if (!stream.readableEnded) stream.once("finish", () => stream.close(constants.NGHTTP2_NO_ERROR));
  } catch {
    // The status is sent, so only a reset can tell the client that the body is not whole.
    stream.close(constants.NGHTTP2_INTERNAL_ERROR);
  }
}

/** The fields as node:http2 takes them: the values of a repeated name in a list. */
function fieldsOf(headers: HeaderList): OutgoingHttpHeaders {
  const fields: Record<string, string | string[]> = {};
  for (const [name, value] of headers) {
    const before = fields[name];
    fields[name] = before === undefined ? value : Array.isArray(before) ? [...before, value] : [before, value];
  }
  return fields;
}
