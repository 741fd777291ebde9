/**
 * The exchange: one request and its response, in the form that gateway/ and backend/ pass on. Each host converts between
 * an exchange and the types of its runtime. A web `Response` would not do, because it has no trailers and, outside
 * workerd, no 101.
 */
import type { BundleEndpoint, BundleRetry } from "../bundle/types.ts";
import type { BackendFailure } from "./failure.ts";
import type { RequestSignal } from "./request-signal.ts";
import type { ByteStream } from "./runtime.ts";

/**
 * Header fields in order; names in lower case, values as latin-1 strings without CR, LF or NUL. A name may stand more than
 * once: `[["accept", "text/html"], ["cookie", "a=1"], ["cookie", "b=2"]]`.
 */
export type HeaderList = readonly (readonly [name: string, value: string])[];

/** A request, from a client or to a backend. */
export interface ExchangeRequest {
  readonly method: string;
  readonly scheme: "http" | "https";
  /** The hostname, and the port if the client sent one: the value of `Host` or `:authority`. */
  readonly authority: string;
  /** Path and query, starting with `/`, or `*`. From a client: as sent. To a backend: normalized. */
  readonly target: string;
  /** All fields except `host`. */
  readonly headers: HeaderList;
  readonly body: ReadableStream<Uint8Array> | null;
  /** Settles when the body has ended. Null where the client's side carries no trailers. */
  readonly trailers: Promise<HeaderList> | null;
  /** The protocol to which the client asks to change (RFC 9110 §7.8), lower case, such as `websocket`; null: none. */
  readonly upgrade: string | null;
  /** Passes an informational response (103, for example; never 101) on at once. Null where the client's side carries none. */
  readonly informational: ((status: number, headers: HeaderList) => void) | null;
  /** Aborts when the client has left. */
  readonly signal: RequestSignal;
  /** The client that sent the request, where the host knows it: the pool gives each client its share of connections. */
  readonly client?: RequestClient;
}

/** A response's content: null where there is none, the bytes where all had come with the head, else their stream. */
export type ExchangeBody = ReadableStream<Uint8Array> | Uint8Array<ArrayBuffer> | null;

/** Cancels a body that nobody reads. */
export async function dropBody(body: ExchangeBody): Promise<void> {
  if (body instanceof ReadableStream) await body.cancel();
}

/** A response, from a backend or to a client. */
export interface ExchangeResponse {
  readonly status: number;
  readonly headers: HeaderList;
  readonly body: ExchangeBody;
  /** Resolves when the body has ended, rejects when it breaks off. Null where there can be no trailers. */
  readonly trailers: Promise<HeaderList> | null;
  /** The byte stream behind a 101 response; null for any other response. */
  readonly upgrade: ByteStream | null;
}

/** The status that changes the protocol (RFC 9110 §15.2.2). */
export const SWITCHING_PROTOCOLS = 101;

const IDEMPOTENT = new Set(["GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"]);

/** Whether a request with this method can be sent again though it may have arrived (RFC 9110 §9.2.2). */
export const isIdempotent = (method: string): boolean => IDEMPOTENT.has(method);

/** The client that sent a request, as its host knows it, and whether that client keeps the request from going on. */
export interface RequestClient {
  /** The connection that the request came on; the same object for all requests of one connection. */
  readonly connection: object;
  readonly address: string | null;
  /**
   * The time since which the client has neither sent nor taken the bytes that its request waits for, monotonic; null while
   * the request does not wait for its client.
   */
  readonly stalledSinceMs: number | null;
  /** Ends the request, because other clients need the connection that it holds. */
  cut(): void;
}

/** The limit and the retries that a route sets for its requests (`HTTPRouteRule.timeouts`, `HTTPRouteRule.retry`). */
export interface SendOptions {
  /** The limit of one attempt, from its request to the end of its response. 0: no limit; null: the defaults hold. */
  readonly backendRequestMs: number | null;
  readonly retry: BundleRetry | null;
}

/** The outcome of sending a request: the response, or why there is none, with the endpoint that was asked last. */
export type Sent =
  | {
      readonly kind: "response";
      readonly response: ExchangeResponse;
      readonly endpoint: BundleEndpoint;
      readonly connection: ConnectionFacts;
    }
  | { readonly kind: "failed"; readonly failure: BackendFailure; readonly endpoint: BundleEndpoint | null };

/** Facts for the access log about the connection on which a response came. */
export interface ConnectionFacts {
  /** "h2", "h2c" or "http/1.1". */
  readonly protocol: string;
  /** Null in plaintext. `matched` is the presented identifier that matched the policy's hostname. */
  readonly tls: {
    readonly version: string;
    readonly sni: string;
    readonly resumed: boolean;
    readonly matched: string;
  } | null;
}
