/** Requests that are refused before the gateway sees them: by the parser, for their framing, or for coming too late. */
import type { IncomingMessage } from "node:http";
import { type ExchangeResponse, type RefusedBytes, transportFailure } from "../../backend/index.ts";
import { type Failure, failureOf, requestFailure } from "../../gateway/index.ts";
import { headText } from "./upgrade.ts";

/** The failure of a request whose end is ambiguous, or null. Its connection must close after the response. */
export function framingFault({ httpVersion, headers, rawHeaders }: IncomingMessage): Failure | null {
  const { "transfer-encoding": coding, "content-length": length } = headers;
  if (coding === undefined)
    return length !== undefined && timesOf("content-length", rawHeaders) > 1 ? malformed("two lengths") : null;
  // RFC 9112 §6.1: the recipient of an HTTP/1.0 message with it "MUST treat the message as if the framing is faulty".
  if (httpVersion === "1.0") return malformed("a transfer coding in HTTP/1.0");
  // §6.3: a request with both "might indicate an attempt to perform request smuggling".
  if (length !== undefined) return malformed("a length and a transfer coding");
  if (timesOf("transfer-encoding", rawHeaders) > 1) return malformed("two Transfer-Encoding fields");
  const codings = coding.split(",").map((each) => each.trim().toLowerCase());
  // §6.3: where chunked is not the final coding, "the server MUST respond with the 400 status code".
  if (codings.indexOf("chunked") !== codings.length - 1) return malformed(`the transfer coding ${coding}`);
  // §6.1: "SHOULD respond with 501" to a coding that it does not understand.
  return codings.length > 1 ? requestFailure("unsupported-coding", `the transfer coding ${coding}`) : null;
}

/** The failure that a parser's error stands for; null when the connection broke, so that no response can be sent. */
export function parserFailure(error: Error): Failure | null {
  const code = "code" in error ? String(error.code) : "";
  if (code === "ERR_HTTP_REQUEST_TIMEOUT") return LATE;
  if (code === "HPE_HEADER_OVERFLOW" || code === "HPE_CHUNK_EXTENSIONS_OVERFLOW")
    return failureOf(transportFailure("request-too-large", "expected less, got more fields than may be", "nothing"));
  return code.startsWith("HPE_") ? malformed(`what is no HTTP/1.1 (${code})`) : null;
}

/** The failure of bytes that the module has refused. */
export function refusalOf(kind: RefusedBytes["kind"], got: string): Failure {
  switch (kind) {
    case "malformed":
      return malformed(got);
    case "unsupported-coding":
      return requestFailure("unsupported-coding", got);
    case "too-large":
      return failureOf(transportFailure("request-too-large", `expected less, got ${got}`, "nothing"));
  }
}

/** The failure of a request that did not come whole in time (RFC 9110 §15.5.9). */
export const LATE: Failure = requestFailure("client-timeout", "the request did not come whole in time");

/** The bytes of a response that is the last message on its connection. */
export function lastMessage({ status, headers, body }: ExchangeResponse): Buffer<ArrayBuffer> {
  return Buffer.concat([headText(status, headers, "close"), body instanceof Uint8Array ? body : Buffer.alloc(0)]);
}

const malformed = (got: string): Failure =>
  failureOf(transportFailure("bad-request", `expected a well-formed request, got ${got}`, "nothing"));

function timesOf(name: string, rawHeaders: readonly string[]): number {
  return rawHeaders.filter((field, at) => at % 2 === 0 && field.toLowerCase() === name).length;
}
