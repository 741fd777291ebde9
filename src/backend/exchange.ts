/**
 * The exchange: one request and its response as gateway/ and backend/ speak of them. Hosts adapt it to what their
 * runtime has, because a web `Response` carries no trailers and, outside workerd, no 101.
 */
import type { ByteStream } from "./runtime.ts";

/** In order; names lower case, values as latin-1 strings without CR, LF or NUL. A name may stand more than once. */
export type HeaderList = readonly (readonly [name: string, value: string])[];

export interface ExchangeRequest {
  readonly method: string;
  readonly scheme: "http" | "https";
  /** Host and, where it was sent, port: the `Host` field or `:authority`. */
  readonly authority: string;
  /** Path and query, starting with `/`, or `*`. From a client: as sent. To a backend: normalized. */
  readonly target: string;
  /** Without `host`. */
  readonly headers: HeaderList;
  readonly body: ReadableStream<Uint8Array> | null;
  /** Settles when the body has ended. Null where the client's side carries none. */
  readonly trailers: Promise<HeaderList> | null;
  /** The protocol the client asks to change to (RFC 9110 §7.8), lower case: `websocket`. Null: none. */
  readonly upgrade: string | null;
  /** Passes an informational response (103, say; never 101) on at once. Null where the client's side carries none. */
  readonly informational: ((status: number, headers: HeaderList) => void) | null;
  /** Aborts when the client has left. */
  readonly signal: AbortSignal;
  /** Whose it is, where a host tells: the pool gives each its share. */
  readonly client?: RequestClient;
}

/** What most requests have none of. */
export const PLAIN_REQUEST = { body: null, trailers: null, upgrade: null, informational: null } as const;

/** A response's content: null where there is none, the bytes where all had come with the head, else their stream. */
export type ExchangeBody = ReadableStream<Uint8Array> | Uint8Array<ArrayBuffer> | null;

/** Nobody reads it. */
export async function dropBody(body: ExchangeBody): Promise<void> {
  if (body instanceof ReadableStream) await body.cancel();
}

export interface ExchangeResponse {
  readonly status: number;
  readonly headers: HeaderList;
  readonly body: ExchangeBody;
  /** Settles when the body has ended. Null where there can be none. */
  readonly trailers: Promise<HeaderList> | null;
  /** The byte stream behind a 101. */
  readonly upgrade: ByteStream | null;
}

const IDEMPOTENT = new Set(["GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"]);

/** Whether a request that may have arrived can be sent again (RFC 9110 §9.2.2). */
export const isIdempotent = (method: string): boolean => IDEMPOTENT.has(method);

/** Whose a request is, and how it gets on with it: a host tells. */
export interface RequestClient {
  /** The connection that it came on; the same object for all its requests. */
  readonly connection: object;
  readonly address: string | null;
  /** Since when the client keeps its request from going on: it does not send, or does not take. Null: it does. Monotonic. */
  readonly stalledSinceMs: number | null;
  /** Ends the request: others need what it holds. */
  cut(): void;
}
