/** An exchange's response as a workerd Response. */
import type { ExchangeResponse } from "../../backend/exchange.ts";
import { toWorkerd } from "./fields.ts";

/** Responses without content, whatever their fields say (RFC 9110 §6.4.1). */
const BODILESS = new Set([204, 205, 304]);

export function respond({ status, headers, body }: ExchangeResponse, request: Request): Response {
  const fields = toWorkerd(headers);
  // `manual`: the body is already in the encoding that content-encoding names.
  const init: ResponseInit = { status, headers: fields, encodeBody: "manual" };
  if (body === null || BODILESS.has(status) || request.method === "HEAD") {
    void body?.cancel().catch(() => undefined);
    return new Response(null, init);
  }
  // Repeated ("5, 5") or above what workerd counts to, it is left out, and the body sent in chunks.
  const length = Number(fields.get("content-length") ?? Number.NaN);
  if (!Number.isSafeInteger(length)) {
    fields.delete("content-length");
    return new Response(body, init);
  }
  // A stream of known length keeps its content-length, and breaks when the backend sends less.
  const fixed = new FixedLengthStream(length);
  body.pipeTo(fixed.writable).catch(() => undefined);
  return new Response(fixed.readable, init);
}
