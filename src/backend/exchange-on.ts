/** One exchange on an open connection, with its time limit; the engine's errors become failures here. */
import type { Connection } from "./engine/connection.ts";
import { ConnectionError, type ConnectionErrorCode } from "./engine/errors.ts";
import type { ExchangeRequest, ExchangeResponse } from "./exchange.ts";
import { type BackendFailure, type TransportCode, transportFailure } from "./failure.ts";

/** The response, or why there is none. `release` is called once, when nothing more comes on this exchange. */
export async function exchangeOn(
  connection: Connection,
  request: ExchangeRequest,
  responseMs: number,
  release: () => void,
): Promise<ExchangeResponse | BackendFailure> {
  const limit = new AbortController();
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    limit.abort();
  }, responseMs);
  const leave = (): void => limit.abort();
  request.signal.addEventListener("abort", leave, { once: true });
  const over = (): void => {
    request.signal.removeEventListener("abort", leave);
    release();
  };
  try {
    const { method, authority, target: path, headers, body } = request;
    const response = await connection.request({ method, authority, path, headers }, body, { signal: limit.signal });
    // Rejects as the body does; whoever reads the body hears of it.
    response.trailers.then(over, over);
    const { status, trailers, upgrade = null } = response;
    return { status, headers: response.headers, body: response.body, trailers, upgrade };
  } catch (error) {
    over();
    if (!(error instanceof ConnectionError)) throw error;
    if (late) return transportFailure("response-timeout", `no response head within ${responseMs} ms`, "maybe");
    if (request.signal.aborted) return transportFailure("client-gone", "before the response", error.sent);
    return failureOf(error);
  } finally {
    clearTimeout(timer);
  }
}

const CODES: Readonly<Record<ConnectionErrorCode, TransportCode>> = {
  "tls-protocol": "tls-protocol-error",
  "tls-alert": "tls-alert-received",
  "certificate-rejected": "tls-protocol-error",
  "verdict-mismatch": "internal-error",
  "verdict-failed": "internal-error",
  "peer-closed": "connection-terminated",
  "peer-truncated": "connection-terminated",
  transport: "connection-terminated",
  "http1-protocol": "http-protocol-error",
  "http2-protocol": "http-protocol-error",
  "response-incomplete": "response-incomplete",
  "stream-reset": "connection-terminated",
  "going-away": "connection-terminated",
  "too-large": "http-protocol-error",
  "bad-request": "internal-error",
  "request-body": "request-body-failed",
  busy: "connection-limit",
  cancelled: "client-gone",
  "engine-trapped": "engine-trapped",
  internal: "internal-error",
};

export function failureOf(error: ConnectionError): BackendFailure {
  const alert = error.alert === null ? "" : ` (alert ${error.alert})`;
  return transportFailure(CODES[error.code], `expected ${error.expected}, got ${error.received}${alert}`, error.sent);
}
