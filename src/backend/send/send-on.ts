/** One exchange on an open connection, in the form its protocol has; the engine's errors become failures here. */
import { failureOf } from "../connect/failures.ts";
import type { Connection } from "../engine/connection.ts";
import { ConnectionError } from "../engine/errors.ts";
import type { BackendResponse, RequestOptions } from "../engine/exchange.ts";
import type { BodySource } from "../engine/upload.ts";
import { dropBody, type ExchangeRequest, type ExchangeResponse, type HeaderList } from "../exchange.ts";
import { type BackendFailure, transportFailure, type TransportFailure } from "../failure.ts";
import { responseFault, trailerFields, upgradeFault, withoutLength } from "../framing.ts";

export interface OnOptions {
  readonly limit: NonNullable<RequestOptions["limit"]> | null;
  readonly bodyIdleMs: number;
  /** Stands for the request's own. */
  readonly body: BodySource | null;
  /** The protocol to ask for; null: none, or the connection cannot change it. */
  readonly upgrade: string | null;
  /** Called once, when nothing more comes on this exchange. */
  readonly release: () => void;
}

/** The response, or why there is none. */
export async function exchangeOn(
  connection: Connection,
  request: ExchangeRequest,
  { body, upgrade, limit, bodyIdleMs, release }: OnOptions,
): Promise<ExchangeResponse | BackendFailure> {
  const { method, authority, target: path, trailers, informational, signal } = request;
  let released = false;
  const onEnd = (): void => {
    if (!released) release();
    released = true;
  };
  if (signal.aborted) {
    onEnd();
    return transportFailure("client-gone", "before the request", "nothing");
  }
  const isHttp1 = connection.protocol === "http/1.1";
  const headers = isHttp1 ? http1Headers(request.headers, upgrade) : http2Headers(request);
  try {
    const options: RequestOptions = {
      limit,
      bodyIdleMs,
      signal,
      onEnd,
      ...(trailers !== null && body !== null && { trailers: async () => trailerFields(await trailers) }),
      ...(informational !== null && { onInformational: informational }),
    };
    const response = await connection.request({ method, authority, path, headers }, body, options);
    const fault = responseFault(response.status, response.headers) ?? upgradeFault(response, upgrade);
    if (fault === null) return exchangeResponse(response);
    response.upgrade?.close();
    void dropBody(response.body).catch(() => undefined);
    // On HTTP/1.1 nobody knows any more where a message ends; an HTTP/2 stream stands for itself.
    if (isHttp1) connection.close();
    return transportFailure("http-protocol-error", `expected a valid response, got ${fault}`, "maybe");
  } catch (error) {
    onEnd(); // A request that did not even start has no end of its own.
    if (!(error instanceof ConnectionError)) throw error;
    const failure = withHint(failureOf(error), connection);
    // Too large before a byte was sent: it is the request.
    const isRequest = error.code === "too-large" && error.sent === "nothing";
    return isRequest ? { ...failure, code: "request-too-large" } : failure;
  }
}

/** A backend that speaks TLS where plaintext was sent: the failure alone would read as the backend's. */
function withHint(failure: TransportFailure, { security }: Connection): TransportFailure {
  const { code } = failure;
  if (security.kind === "tls" || (code !== "connection-terminated" && code !== "http-protocol-error")) return failure;
  const heard = security.heard();
  const hint =
    heard === "tls"
      ? "the request went out in plaintext, and the answer is a TLS record: no BackendTLSPolicy covers the port of a backend that speaks TLS"
      : heard === "nothing" && code === "connection-terminated"
        ? "the request went out in plaintext, for no BackendTLSPolicy covers the port: a backend that speaks TLS ends the connection like this"
        : null;
  return hint === null ? failure : { ...failure, detail: `${failure.detail}; ${hint}` };
}

function exchangeResponse(response: BackendResponse): ExchangeResponse {
  const { status, headers, body, trailers, upgrade } = response;
  return {
    status,
    headers: withoutLength(status, headers),
    body,
    trailers,
    upgrade: upgrade ?? null,
  };
}

const CONNECTION_SPECIFIC = new Set(["connection", "upgrade"]);

/** RFC 9110 §7.8: the sender of Upgrade MUST name it in Connection; §10.1.4: the sender of TE as well. */
function http1Headers(headers: HeaderList, upgrade: string | null): HeaderList {
  const te = headers.some(([name]) => name === "te");
  if (!te && upgrade === null) return headers;
  const rest: (readonly [string, string])[] = headers.filter(([name]) => !CONNECTION_SPECIFIC.has(name));
  if (upgrade !== null) rest.push(["upgrade", upgrade]);
  rest.push(["connection", [te && "te", upgrade !== null && "upgrade"].filter(Boolean).join(", ")]);
  return rest;
}

/**
 * The engine hears no 1xx on HTTP/2, so nobody would tell a client that waits for 100 to send its body: it is told at
 * once, as a proxy may (RFC 9110 §10.1.1), and the expectation is met.
 */
function http2Headers({ headers, informational }: ExchangeRequest): HeaderList {
  if (!headers.some(([name]) => name === "expect" || CONNECTION_SPECIFIC.has(name))) return headers;
  const kept = headers.filter(([name]) => name !== "expect" && !CONNECTION_SPECIFIC.has(name));
  if (headers.some(([name]) => name === "expect")) informational?.(100, []);
  return kept;
}
