/** What HTTP forbids in a message and the engine does not check: in requests before they are sent, and in responses. */
import type { ExchangeRequest, HeaderList } from "./exchange.ts";

/**
 * The fault for which a request must not be written, or null. With a Content-Length above the body's length, the backend
 * would take the next request on the connection for the rest of the body (RFC 9112 §6.3, §11.2: request smuggling).
 */
export function requestFault({ headers, body }: Pick<ExchangeRequest, "headers" | "body">): string | null {
  const [first, ...others] = valuesOf(headers, "content-length");
  if (first === undefined) return null;
  if (!/^[0-9]+$/.test(first) || !Number.isSafeInteger(Number(first)) || others.some((value) => value !== first))
    return "a content-length that is no number";
  return body === null && Number(first) !== 0 ? "a content-length without a body" : null;
}

/** The fault for which a response must not be passed on, or null. */
export function responseFault(status: number, headers: HeaderList): string | null {
  // RFC 9110 §15: "values outside the range 100..599 are invalid".
  if (status > 599) return `status ${status}`;
  // RFC 9112 §7: the field is dropped before the response goes on, so a coding that our TE did not ask for, and a second
  // layer of chunks, would stay in the body unannounced.
  const [coding, ...others] = valuesOf(headers, "transfer-encoding");
  if (coding === undefined) return null;
  const isChunked = others.length === 0 && coding.trim().toLowerCase() === "chunked";
  return isChunked ? null : "a transfer coding nobody asked for";
}

/**
 * The fault for which a 101 must not be passed on, or null. RFC 9110 §7.8: a server MUST NOT switch to a protocol that was
 * not asked for.
 */
export function upgradeFault(
  { status, headers }: { readonly status: number; readonly headers: HeaderList },
  asked: string | null,
): string | null {
  if (status !== 101) return null;
  const [protocol, ...others] = valuesOf(headers, "upgrade");
  return others.length === 0 && protocol?.toLowerCase() === asked ? null : "an upgrade to what nobody asked for";
}

/**
 * Whether a response must have no Content-Length. RFC 9110 §8.6: a server MUST NOT send the field in a 1xx or
 * 204. A client that believed the field would take the next message for the rest of this one.
 */
export const mustOmitLength = (status: number): boolean => status < 200 || status === 204;

/** The number in the first content-length; null without one, or when it is no number. */
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

/** The trailers that may be passed on. RFC 9110 §6.5.1: fields that frame or route a message, or are for one connection, may not. */
export const trailerFields = <Field extends readonly [string, string]>(trailers: readonly Field[]): Field[] =>
  trailers.filter(([name]) => !NO_TRAILERS.has(name));

const valuesOf = (headers: HeaderList, wanted: string): string[] =>
  headers.filter(([name]) => name === wanted).map(([, value]) => value);
