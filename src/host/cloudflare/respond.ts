/** An exchange's response as a workerd Response. */
import type { ExchangeResponse } from "../../backend/exchange.ts";
import { webHeaders } from "../../gateway/app.ts";

/** Responses without content, whatever their fields say (RFC 9110 §6.4.1). */
const BODILESS = new Set([204, 205, 304]);

export function respond({ status, headers, body }: ExchangeResponse, request: Request): Response {
  // The Response constructor takes 200 to 599; a backend that answers outside of that broke HTTP (RFC 9110 §15).
  if (status < 200 || status > 599) return new Response(null, { status: 502 });
  const fields = webHeaders(headers);
  // `manual`: the body is already in the encoding that content-encoding names.
  const init: ResponseInit = { status, headers: fields, encodeBody: "manual" };
  if (body === null || BODILESS.has(status) || request.method === "HEAD") {
    void body?.cancel().catch(() => undefined);
    return new Response(null, init);
  }
  const length = fields.get("content-length");
  if (length === null || !/^\d+$/.test(length)) return new Response(body, init);
  // A stream of known length keeps its content-length, and breaks when the backend sends less.
  const fixed = new FixedLengthStream(BigInt(length));
  body.pipeTo(fixed.writable).catch(() => undefined);
  return new Response(fixed.readable, init);
}
