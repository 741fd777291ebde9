/** One exchange on an open connection, with its time limit; the engine's errors become failures here. */
import type { Connection } from "./engine/connection.ts";
import { ConnectionError, type ConnectionErrorCode } from "./engine/errors.ts";
import type { ExchangeRequest, ExchangeResponse } from "./exchange.ts";
import { type BackendFailure, type TransportCode, transportFailure, type TransportFailure } from "./failure.ts";
import { responseFault } from "./framing.ts";
import type { Timeouts } from "./timeouts.ts";

/** The response, or why there is none. `release` is called once, when nothing more comes on this exchange. */
export async function exchangeOn(
  connection: Connection,
  request: ExchangeRequest,
  { responseMs, bodyIdleMs }: Pick<Timeouts, "responseMs" | "bodyIdleMs">,
  release: () => void,
): Promise<ExchangeResponse | BackendFailure> {
  if (request.signal.aborted) {
    release();
    return transportFailure("client-gone", "before the request", "nothing");
  }
  const limit = new AbortController();
  const leave = (): void => limit.abort();
  request.signal.addEventListener("abort", leave, { once: true });
  const timer = new Countdown(responseMs, leave);
  const over = (): void => {
    request.signal.removeEventListener("abort", leave);
    release();
  };
  try {
    const { method, authority, target: path, headers } = request;
    const body = request.body === null ? null : watched(request.body, () => timer.restart());
    const response = await connection.request({ method, authority, path, headers }, body, {
      signal: limit.signal,
      bodyIdleMs,
    });
    // Rejects as the body does; whoever reads the body hears of it.
    response.trailers.then(over, over);
    const { status, trailers, upgrade = null } = response;
    const fault = responseFault(status, response.headers);
    if (fault !== null) {
      // On HTTP/1.1 nobody knows any more where a message ends; an HTTP/2 stream stands for itself.
      if (connection.protocol === "http/1.1") connection.close();
      else void response.body.cancel().catch(() => undefined);
      return transportFailure("http-protocol-error", `expected a valid response, got ${fault}`, "maybe");
    }
    return { status, headers: response.headers, body: response.body, trailers, upgrade };
  } catch (error) {
    over();
    if (!(error instanceof ConnectionError)) throw error;
    if (timer.ran) return transportFailure("response-timeout", `no response head within ${responseMs} ms`, "maybe");
    if (request.signal.aborted) return transportFailure("client-gone", "before the response", error.sent);
    const failure = failureOf(error);
    // Too large before a byte was sent: it is the request.
    const isRequest = error.code === "too-large" && error.sent === "nothing";
    return isRequest ? { ...failure, code: "request-too-large" } : failure;
  } finally {
    timer.stop();
  }
}

class Countdown {
  readonly #ms: number;
  readonly #done: () => void;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #over = false;
  #ran = false;

  constructor(ms: number, done: () => void) {
    this.#ms = ms;
    this.#done = done;
    this.restart();
  }

  /** Whether the time is up. */
  get ran(): boolean {
    return this.#ran;
  }

  restart(): void {
    if (this.#over) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#ran = true;
      this.#done();
    }, this.#ms);
  }

  stop(): void {
    this.#over = true;
    clearTimeout(this.#timer);
  }
}

/**
 * The same bytes; `moved` is called at each step, so that a long upload is not taken for a silent backend. Locks `body`
 * with the first read: a request that never starts leaves it to its host.
 */
function watched(body: ReadableStream<Uint8Array>, moved: () => void): ReadableStream<Uint8Array> {
  let reader: ReadableStreamDefaultReader<Uint8Array> | null = null;
  return new ReadableStream(
    {
      async pull(controller) {
        reader ??= body.getReader();
        const { done, value } = await reader.read();
        moved();
        if (done) controller.close();
        else controller.enqueue(value);
      },
      cancel: (reason) => (reader ?? body).cancel(reason),
    },
    { highWaterMark: 0 },
  );
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
  stalled: "response-incomplete",
  "stream-reset": "connection-terminated",
  "going-away": "connection-terminated",
  "too-large": "http-protocol-error",
  "bad-request": "bad-request",
  "request-body": "request-body-failed",
  busy: "connection-limit",
  cancelled: "client-gone",
  "engine-trapped": "engine-trapped",
  internal: "internal-error",
};

export function failureOf(error: ConnectionError): TransportFailure {
  const alert = error.alert === null ? "" : ` (alert ${error.alert})`;
  return transportFailure(CODES[error.code], `expected ${error.expected}, got ${error.received}${alert}`, error.sent);
}
