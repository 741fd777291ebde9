/** Node's HTTP messages as an exchange, and back. */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { ExchangeRequest, ExchangeResponse, HeaderList } from "../../backend/exchange.ts";

/** The client's request. Its body is read as the backend takes it. */
export function exchangeOf(request: IncomingMessage, scheme: "http" | "https", signal: AbortSignal): ExchangeRequest {
  const headers = headerList(request.rawHeaders);
  return {
    method: request.method ?? "GET",
    scheme,
    authority: request.headers.host ?? "",
    target: originForm(request.url ?? "/"),
    headers: headers.filter(([name]) => name !== "host"),
    body: hasBody(request) ? bodyOf(request) : null,
    signal,
  };
}

/** RFC 9112 §3.2.2: an origin server must take the absolute form; its authority is the Host field's. */
function originForm(target: string): string {
  if (target.startsWith("/") || target === "*") return target;
  const parsed = URL.parse(target);
  return parsed === null ? "/" : `${parsed.pathname}${parsed.search}`;
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
  return new ReadableStream({
    type: "bytes",
    start(controller) {
      request.pause();
      request.on("data", (chunk: Buffer) => {
        controller.enqueue(new Uint8Array(chunk));
        if ((controller.desiredSize ?? 0) <= 0) request.pause();
      });
      request.on("end", () => {
        controller.close();
        // A reader that asked for its own buffer is answered with nothing.
        controller.byobRequest?.respond(0);
      });
      request.on("error", (error) => controller.error(error));
    },
    pull() {
      request.resume();
    },
    cancel() {
      request.destroy();
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
