/** Requests that are refused before the gateway sees them: by the module, or for coming too late. */
import { STATUS_CODES } from "node:http";
import { type ExchangeResponse, type RefusedBytes, transportFailure } from "../../backend/index.ts";
import { type Failure, failureOf, requestFailure } from "../../gateway/index.ts";

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
  const fields = headers.map(([name, value]) => `${name}: ${value}\r\n`).join("");
  const head = `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ""}\r\n${fields}connection: close\r\n\r\n`;
  return Buffer.concat([Buffer.from(head, "latin1"), body instanceof Uint8Array ? body : Buffer.alloc(0)]);
}

const malformed = (got: string): Failure =>
  failureOf(transportFailure("bad-request", `expected a well-formed request, got ${got}`, "nothing"));
