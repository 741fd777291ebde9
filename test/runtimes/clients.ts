/** The suite's clients. Each request has a new connection, so that checks do not share any. */
import { once } from "node:events";
import { type IncomingHttpHeaders, type IncomingMessage, request as requestHttp, type RequestOptions } from "node:http";
import { connect, type OutgoingHttpHeaders, type SecureClientSessionOptions } from "node:http2";
import { request as requestHttps, type RequestOptions as SecureOptions } from "node:https";
import { text } from "node:stream/consumers";
import type { TLSSocket } from "node:tls";

interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  readonly trailers: Readonly<Record<string, unknown>>;
  /** The status codes of informational responses. */
  readonly informational: readonly number[];
  /** The subject alternative names of the listener's certificate. */
  readonly presented: string | null;
}

interface Ask extends Pick<SecureOptions, "ca" | "cert" | "key" | "servername"> {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
  readonly trailers?: Readonly<Record<string, string>>;
}

/** Sends a request over HTTP/1.1, and over TLS when there is a `ca`. Rejects when the response is not complete. */
export async function ask(port: number, host: string, path: string, more: Ask = {}): Promise<Answer> {
  const { body, trailers: sent, ...options } = more;
  const headers: Readonly<Record<string, string>> = { host, ...more.headers };
  const method = more.method ?? (body === undefined ? "GET" : "POST");
  const whole: RequestOptions & SecureOptions = {
    servername: host,
    ...options,
    host: "127.0.0.1",
    port,
    path,
    method,
    headers,
    agent: false,
  };
  const request = more.ca === undefined ? requestHttp(whole) : requestHttps(whole);
  const informational: number[] = [];
  request.on("information", ({ statusCode }) => informational.push(statusCode));
  const answered = once(request, "response") as Promise<[IncomingMessage]>;
  answered.catch(() => undefined); // It is awaited below.
  if (headers["expect"] !== undefined) {
    await Promise.race([once(request, "continue"), answered]);
  }
  if (sent !== undefined) request.addTrailers(sent);
  request.end(body);
  request.on("error", () => undefined); // The promise of the response rejects with the error.
  const [response] = await answered;
  const certificate = (response.socket as Partial<TLSSocket>).getPeerCertificate?.();
  const all = await text(response);
  return {
    status: response.statusCode ?? 0,
    headers: response.headers,
    text: all,
    trailers: response.trailers,
    informational,
    presented: certificate?.subjectaltname ?? null,
  };
}

/** Sends a request over HTTP/2, with prior knowledge, or by ALPN when there is a `ca`. */
export async function askHttp2(port: number, host: string, path: string, more: Ask = {}): Promise<Answer> {
  const { ca, servername = host } = more;
  const tls: SecureClientSessionOptions = ca === undefined ? {} : { ca, servername };
  const session = connect(`${ca === undefined ? "http" : "https"}://127.0.0.1:${port}`, tls);
  // When the server ends the session without an error, its streams get none, so the request is aborted.
  const ended = new AbortController();
  const { signal } = ended;
  session.once("close", () => ended.abort());
  try {
    await once(session, "connect", { signal });
    session.on("error", () => undefined); // An error of the session is an error of its stream, too.
    const stream = session.request(headersOf(host, path, more), { waitForTrailers: more.trailers !== undefined });
    stream.on("wantTrailers", () => stream.sendTrailers({ ...more.trailers }));
    stream.end(more.body);
    const informational: number[] = [];
    stream.on("headers", (hints) => informational.push(hints[":status"] ?? 0));
    let trailers = {};
    stream.on("trailers", (fields) => (trailers = fields));
    const [headers] = (await once(stream, "response", { signal })) as [IncomingHttpHeaders & { ":status": number }];
    const all = await text(stream);
    return { status: headers[":status"], headers, text: all, trailers, informational, presented: null };
  } finally {
    session.destroy();
  }
}

const headersOf = (host: string, path: string, { method, headers, body }: Ask): OutgoingHttpHeaders => ({
  ":authority": host,
  ":path": path,
  ":method": method ?? (body === undefined ? "GET" : "POST"),
  ...headers,
});
