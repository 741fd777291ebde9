/** Sends one request on an open connection, in the form that its protocol has; the engine's errors become failures here. */
import type { BundleEndpoint } from "../../bundle/types.ts";
import { failureOf } from "../connect/failures.ts";
import type { Connection } from "../engine/connection.ts";
import { ConnectionError } from "../engine/errors.ts";
import type { RequestOptions } from "../engine/request.ts";
import type { BodyReader } from "../engine/request-body.ts";
import {
  type ConnectionFacts,
  dropBody,
  type ExchangeRequest,
  type ExchangeResponse,
  type HeaderList,
  type Sent,
} from "../exchange.ts";
import { type BackendFailure, transportFailure, type TransportFailure } from "../failure.ts";
import { mustOmitLength, responseFault, trailerFields, upgradeFault } from "../framing.ts";

/** How a request is sent. */
export interface RequestSending {
  /** The endpoint at the other end, for the outcome. */
  readonly endpoint: BundleEndpoint;
  readonly limit: NonNullable<RequestOptions["limit"]> | null;
  readonly bodyIdleMs: number;
  /** The request's body, read in place of `request.body`. */
  readonly body: BodyReader | null;
  /** The protocol to change to; null where none was asked for, or the connection cannot be upgraded. */
  readonly upgrade: string | null;
  /** Called once, when nothing more comes on this exchange. */
  readonly onEnd: () => void;
}

/** Resolves with the response or the failure. */
export async function sendRequest(
  connection: Connection,
  request: ExchangeRequest,
  { endpoint, body, upgrade, limit, bodyIdleMs, onEnd }: RequestSending,
): Promise<Sent> {
  const { method, authority, target: path, trailers, informational, signal } = request;
  let hasEnded = false;
  const end = (): void => {
    if (!hasEnded) onEnd();
    hasEnded = true;
  };
  if (signal.aborted) {
    end();
    return failedAt(endpoint, transportFailure("client-gone", "before the request", "nothing"));
  }
  const isHttp1 = connection.protocol === "http/1.1";
  const headers = isHttp1 ? http1Headers(request.headers, upgrade) : http2Headers(request);
  try {
    const options: RequestOptions = {
      limit,
      bodyIdleMs,
      signal,
      onEnd: end,
      ...(trailers !== null && body !== null && { trailers: async () => trailerFields(await trailers) }),
      ...(informational !== null && { onInformational: informational }),
    };
    const response = await connection.request({ method, authority, path, headers }, body, options);
    const fault = responseFault(response.status, response.headers) ?? upgradeFault(response, upgrade);
    if (fault === null)
      return { kind: "response", response: withoutLength(response), endpoint, connection: factsOf(connection) };
    response.upgrade?.close();
    void dropBody(response.body).catch(() => undefined);
    // On HTTP/1.1 nobody knows any more where a message ends; on HTTP/2 other streams are not concerned.
    if (isHttp1) connection.close();
    return failedAt(
      endpoint,
      transportFailure("http-protocol-error", `expected a valid response, got ${fault}`, "maybe"),
    );
  } catch (error) {
    end(); // The engine ends only requests that have started.
    if (!(error instanceof ConnectionError)) throw error;
    const failure = withHint(failureOf(error), connection);
    // Before a byte was sent, only the request can be what is too large.
    const isRequestTooLarge = error.code === "too-large" && error.sent === "nothing";
    return failedAt(endpoint, isRequestTooLarge ? { ...failure, code: "request-too-large" } : failure);
  }
}

const failedAt = (endpoint: BundleEndpoint, failure: BackendFailure): Sent => ({ kind: "failed", failure, endpoint });

/** The failure, with a hint when a backend that speaks TLS was sent plaintext: it would read as the backend's fault. */
function withHint(failure: TransportFailure, { security, firstBytes }: Connection): TransportFailure {
  const { code } = failure;
  if (security.kind === "tls" || (code !== "connection-terminated" && code !== "http-protocol-error")) return failure;
  const hint =
    firstBytes === "tls-record"
      ? "the request went out in plaintext, and the answer is a TLS record: no BackendTLSPolicy covers the port of a backend that speaks TLS"
      : firstBytes === "nothing" && code === "connection-terminated"
        ? "the request went out in plaintext, for no BackendTLSPolicy covers the port: a backend that speaks TLS ends the connection like this"
        : null;
  return hint === null ? failure : { ...failure, detail: `${failure.detail}; ${hint}` };
}

/** The response without a Content-Length that it must not have. */
function withoutLength(response: ExchangeResponse): ExchangeResponse {
  if (!mustOmitLength(response.status)) return response;
  return { ...response, headers: response.headers.filter(([name]) => name !== "content-length") };
}

function factsOf({ protocol, security }: Connection): ConnectionFacts {
  if (security.kind === "plaintext") return { protocol, tls: null };
  const { presented } = security.peer.path.matched;
  return {
    protocol,
    tls: { version: security.version, sni: security.sni, resumed: security.resumed, matched: presented },
  };
}

const CONNECTION_SPECIFIC = new Set(["connection", "upgrade"]);

/** RFC 9110 §7.8: the sender of Upgrade MUST name it in Connection; §10.1.4: the sender of TE as well. */
function http1Headers(headers: HeaderList, upgrade: string | null): HeaderList {
  const hasTe = headers.some(([name]) => name === "te");
  if (!hasTe && upgrade === null) return headers;
  const rest: (readonly [string, string])[] = headers.filter(([name]) => !CONNECTION_SPECIFIC.has(name));
  if (upgrade !== null) rest.push(["upgrade", upgrade]);
  rest.push(["connection", [hasTe && "te", upgrade !== null && "upgrade"].filter(Boolean).join(", ")]);
  return rest;
}

/**
 * The engine reports no 1xx on HTTP/2, so a client that waits for 100 before it sends its body would get none from the
 * backend: it gets a 100 from here at once, as a proxy may send it (RFC 9110 §10.1.1), and the expectation is met.
 */
function http2Headers({ headers, informational }: ExchangeRequest): HeaderList {
  if (!headers.some(([name]) => name === "expect" || CONNECTION_SPECIFIC.has(name))) return headers;
  const kept = headers.filter(([name]) => name !== "expect" && !CONNECTION_SPECIFIC.has(name));
  if (headers.some(([name]) => name === "expect")) informational?.(100, []);
  return kept;
}
