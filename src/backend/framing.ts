/** What HTTP forbids in a message and the engine lets pass: checked on the way out and on the way back. */
import type { ExchangeRequest, HeaderList } from "./exchange.ts";

/**
 * Why this request must not be written, or null. A length that is not the body's makes the backend take the next
 * request on the connection for the rest of it (RFC 9112 §6.3, §11.2: request smuggling).
 */
export function requestFault({ headers, body }: Pick<ExchangeRequest, "headers" | "body">): string | null {
  const [first, ...others] = valuesOf(headers, "content-length");
  if (first === undefined) return null;
  if (!/^[0-9]+$/.test(first) || !Number.isSafeInteger(Number(first)) || others.some((value) => value !== first))
    return "a content-length that is no number";
  return body === null && Number(first) !== 0 ? "a content-length without a body" : null;
}

/** Why this response must not be passed on, or null. */
export function responseFault(status: number, headers: HeaderList): string | null {
  // RFC 9110 §15: "values outside the range 100..599 are invalid".
  if (status > 599) return `status ${status}`;
  // RFC 9112 §7: a coding that our TE did not ask for would stay in the body after its field is dropped, and so would
  // chunks in chunks.
  const [coding, ...others] = valuesOf(headers, "transfer-encoding");
  if (coding === undefined) return null;
  const isChunked = others.length === 0 && coding.trim().toLowerCase() === "chunked";
  return isChunked ? null : "a transfer coding nobody asked for";
}

/** RFC 9110 §7.8: a server MUST NOT switch to a protocol that the client did not ask for. */
export function upgradeFault(
  { status, headers }: { readonly status: number; readonly headers: HeaderList },
  asked: string | null,
): string | null {
  if (status !== 101) return null;
  const [protocol, ...others] = valuesOf(headers, "upgrade");
  return others.length === 0 && protocol?.toLowerCase() === asked ? null : "an upgrade to what nobody asked for";
}

/** RFC 9110 §8.6: Content-Length MUST NOT be sent in a 1xx or 204; whoever believed it would read the next message. */
export function withoutLength(status: number, headers: HeaderList): HeaderList {
  const isBodiless = status < 200 || status === 204;
  return isBodiless ? headers.filter(([name]) => name !== "content-length") : headers;
}

/** What the first content-length announces; null: nothing does, or it is no number. */
export function announcedLength(headers: HeaderList): number | null {
  const length = Number(headers.find(([name]) => name === "content-length")?.[1] ?? Number.NaN);
  return Number.isNaN(length) ? null : length;
}

const NO_TRAILERS = new Set([
  "content-length",
  "transfer-encoding",
  "host",
  "connection",
  "keep-alive",
  "proxy-connection",
  "te",
  "trailer",
  "upgrade",
]);

/** RFC 9110 §6.5.1: what frames or routes a message, or belongs to one connection, comes too late among trailers. */
export const trailerFields = <Field extends readonly [string, string]>(trailers: readonly Field[]): Field[] =>
  trailers.filter(([name]) => !NO_TRAILERS.has(name));

const valuesOf = (headers: HeaderList, wanted: string): string[] =>
  headers.filter(([name]) => name === wanted).map(([, value]) => value);
