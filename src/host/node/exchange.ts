/** Node's HTTP messages as an exchange, and back. */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { ExchangeRequest, ExchangeResponse, HeaderList } from "../../backend/exchange.ts";

/** The client's request. Its body is read as the backend takes it. */
export function exchangeOf(request: IncomingMessage, scheme: "http" | "https", signal: AbortSignal): ExchangeRequest {
  const headers = headerList(request.rawHeaders);
  // RFC 9112 §3.2.2: in absolute form the target's authority counts, and Host is ignored.
  const [, authority, path] = /^https?:\/\/([^/?#]*)(.*)$/is.exec(request.url ?? "") ?? [];
  return {
    method: request.method ?? "GET",
    scheme,
    authority: authority ?? request.headers.host ?? "",
    target: path === undefined ? (request.url ?? "") : path.startsWith("/") ? path : `/${path}`,
    headers: headers.filter(([name]) => name !== "host"),
    trailers: null,
    upgrade: null,
    informational: null,
    body: hasBody(request) ? bodyOf(request) : null,
    signal,
  };
}

/** RFC 9112 §6: a request has a body when it says how it is framed. */
function hasBody({ headers }: IncomingMessage): boolean {
  const length = headers["content-length"];
  return headers["transfer-encoding"] !== undefined || (length !== undefined && length !== "0");
}

function headerList(raw: readonly string[]): HeaderList {
  const headers: [string, string][] = [];
  for (let at = 0; at + 1 < raw.length; at += 2) headers.push([(raw[at] ?? "").toLowerCase(), raw[at + 1] ?? ""]);
  return headers;
}

function bodyOf(request: IncomingMessage): ReadableStream<Uint8Array> {
  let wanted = true;
  return new ReadableStream({
    type: "bytes",
    start(controller) {
      request.pause();
      request.on("data", (chunk: Buffer) => {
        if (!wanted) return;
        controller.enqueue(new Uint8Array(chunk));
        if ((controller.desiredSize ?? 0) <= 0) request.pause();
      });
      request.on("end", () => {
        if (!wanted) return;
        controller.close();
        // A reader that asked for its own buffer is answered with nothing.
        controller.byobRequest?.respond(0);
      });
      request.on("error", (error) => {
        if (wanted) controller.error(error);
      });
    },
    pull() {
      request.resume();
    },
    // A backend may answer before it has read everything (413, 401). The client must still get that answer, so the
    // connection stays; the rest is read and dropped, as a client that is not heard would wait for ever.
    cancel() {
      wanted = false;
      request.resume();
    },
  });
}

/** Writes the response; resolves when it has left or the client has. A body that breaks cuts the connection. */
export async function respond(response: ServerResponse, exchange: ExchangeResponse): Promise<void> {
  const { status, headers, body, trailers } = exchange;
  response.writeHead(status, headers.flat());
  if (body === null) {
    response.end();
    return;
  }
  const reader = body.getReader();
  const gone = (): void => void reader.cancel().catch(() => undefined);
  response.once("close", gone);
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      if (!response.write(value)) await writable(response);
    }
    const fields = (await trailers) ?? [];
    if (fields.length > 0 && !response.hasHeader("content-length"))
      response.addTrailers(fields.map(([name, value]): [string, string] => [name, value]));
    response.end();
  } catch {
    // The status has gone out: only a cut connection says that the body is not whole (RFC 9112 §8).
    response.destroy();
  } finally {
    response.off("close", gone);
  }
}

function writable(response: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const ready = (): void => {
      response.off("drain", ready);
      response.off("close", ready);
      resolve();
    };
    response.once("drain", ready);
    response.once("close", ready);
  });
}
