/** HTTP/2 from clients: Node's streams as exchanges, and back. */
import {
  constants,
  createServer,
  type IncomingHttpHeaders,
  type OutgoingHttpHeaders,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from "node:http2";
import type { Duplex } from "node:stream";
import { dropBody, type ExchangeRequest, type ExchangeResponse, type HeaderList } from "../../backend/index.ts";
import type { Front } from "../../gateway/index.ts";
import { isBun } from "./bun.ts";
import { type Client, type Handle, type Join, requestClient } from "./clients.ts";
import { pairs } from "./fields.ts";
import type { FrontLimits } from "./limits.ts";
import { Load } from "./load.ts";
import type { Pace, Paces } from "./pace.ts";
import { bodyOf, writeBody } from "./streams.ts";

export interface Http2 {
  serve(socket: Duplex, join: Join): void;
}

/** What one stream and one connection may have under way to us. */
const STREAM_WINDOW_BYTES = 256 * 1024;
const CONNECTION_WINDOW_BYTES = 1024 * 1024;

export function createHttp2(handle: Handle, limits: FrontLimits, paces: Paces): Http2 {
  const server = createServer({
    settings: {
      maxConcurrentStreams: limits.maxStreams,
      maxHeaderListSize: limits.maxHeaderBytes,
      initialWindowSize: STREAM_WINDOW_BYTES,
    },
  });
  // A peer that breaks the protocol loses its session, and nobody else's is touched.
  server.on("sessionError", () => undefined);
  return {
    serve(socket, join) {
      server.once("session", (session) => begin(session, join));
      server.emit("connection", socket);
    },
  };

  function begin(session: ServerHttp2Session, join: Join): void {
    // Bun's uploads stall after it (measured: Bun 1.4.5).
    if (!isBun) session.setLocalWindowSize(CONNECTION_WINDOW_BYTES);
    const client = join({ when: "at-once", leave: () => session.close() });
    session.once("close", () => client.gone());
    session.setTimeout(limits.idleMs, () => {
      if (!client.busy) session.close();
    });
    const load = new Load(limits.maxStreams);
    session.on("stream", (stream, headers, flags, raw) => {
      stream.on("error", () => undefined); // Its close says the same.
      stream.once("close", () => {
        if (load.closed(stream) || session.destroyed) return;
        // RFC 9113 §7: "its peer is exhibiting a behavior that might be generating excessive load".
        session.goaway(constants.NGHTTP2_ENHANCE_YOUR_CALM);
        session.destroy();
      });
      // RFC 9113 §8.7: nothing of it was processed, so its client may ask again.
      if (!load.begin()) {
        stream.close(constants.NGHTTP2_REFUSED_STREAM);
        return;
      }
      stream.setTimeout(limits.sendMs, () => {
        if (stream.writableLength > 0) stream.close(constants.NGHTTP2_CANCEL);
      });
      // Node resets a stream that nobody reads once its answer is written, and that may overtake the answer's end.
      if ((flags & constants.NGHTTP2_FLAG_END_STREAM) !== 0) stream.resume();
      // Listened for now, as they may come with the head.
      const trailers = (flags & constants.NGHTTP2_FLAG_END_STREAM) === 0 ? trailersOf(stream) : null;
      // What came with it in one read is known then: a request that was cancelled at once is none.
      setImmediate(() => {
        if (stream.destroyed) return load.end();
        const pace = paces.begin(() => stream.close(constants.NGHTTP2_CANCEL));
        void answer(handle, client, stream, { headers, raw, trailers }, pace).finally(() => load.end());
      });
    });
  }
}

interface Head {
  readonly headers: IncomingHttpHeaders;
  readonly raw: readonly string[];
  /** Null: neither body nor trailers follow. */
  readonly trailers: Promise<HeaderList> | null;
}

/** Resolves when the response has left or the client has; never rejects. */
async function answer(
  handle: Handle,
  client: Client,
  stream: ServerHttp2Stream,
  head: Head,
  pace: Pace,
): Promise<void> {
  client.begin();
  const left = new AbortController();
  stream.once("close", () => {
    // Before the response has ended, a closed stream is a client that has left.
    if (!stream.writableFinished) left.abort();
    client.end();
  });
  const body = head.trailers === null ? null : bodyOf(stream, pace);
  const asked = exchangeOf(stream, head, body, client.front, left.signal);
  const exchange = await handle({ ...asked, client: requestClient(client, pace) }, client.front);
  await respond(stream, exchange, pace);
}

function exchangeOf(
  stream: ServerHttp2Stream,
  { headers, raw, trailers }: Head,
  body: ExchangeRequest["body"],
  { scheme }: Front,
  signal: AbortSignal,
): ExchangeRequest {
  const { ":authority": authority, ":path": target = "", ":method": method = "GET", host, cookie } = headers;
  const fields = pairs(raw).filter(([name]) => !name.startsWith(":") && name !== "host" && name !== "cookie");
  // RFC 9113 §8.2.3: crumbs MUST be joined before they leave HTTP/2; Node has.
  if (cookie !== undefined) fields.push(["cookie", cookie]);
  return {
    method,
    scheme,
    // RFC 9113 §8.3.1: a Host that differs makes the request malformed; an empty authority is answered 400.
    authority: host !== undefined && authority !== undefined && host !== authority ? "" : (authority ?? host ?? ""),
    target,
    headers: fields,
    body,
    trailers,
    upgrade: null,
    informational: (status, hints) => {
      if (!stream.headersSent && !stream.destroyed) stream.additionalHeaders({ ...fieldsOf(hints), ":status": status });
    },
    signal,
  };
}

function trailersOf(stream: ServerHttp2Stream): Promise<HeaderList> {
  return new Promise((resolve) => {
    stream.once("trailers", (_trailers: unknown, _flags: number, raw: readonly string[]) => resolve(pairs(raw)));
    // Trailers come before the end; nothing changes after the first answer.
    for (const over of ["end", "close"]) stream.once(over, () => resolve([]));
  });
}

async function respond(
  stream: ServerHttp2Stream,
  { status, headers, body, trailers }: ExchangeResponse,
  pace: Pace,
): Promise<void> {
  if (stream.destroyed) return void dropBody(body).catch(() => undefined); // Nobody is left to hear of it.
  try {
    const more = body === null || trailers === null ? null : trailers;
    // After the body nothing else is known to be right: a failure there cuts the stream below.
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
    // RFC 9113 §8.1: what is left of the request is not wanted, and its client must not wait to send it.
    if (!stream.readableEnded) stream.once("finish", () => stream.close(constants.NGHTTP2_NO_ERROR));
  } catch {
    // The status has gone out: only a reset says that the body is not whole.
    stream.close(constants.NGHTTP2_INTERNAL_ERROR);
  }
}

/** A name that stands more than once becomes a list. */
function fieldsOf(headers: HeaderList): OutgoingHttpHeaders {
  const fields: Record<string, string | string[]> = {};
  for (const [name, value] of headers) {
    const before = fields[name];
    fields[name] = before === undefined ? value : Array.isArray(before) ? [...before, value] : [before, value];
  }
  return fields;
}
