/** An exchange's response as a workerd Response. */
import { dropBody, type ExchangeResponse } from "../../backend/exchange.ts";
import { toWorkerd } from "./fields.ts";
import type { Background } from "./serving.ts";
import { respondWebSocket } from "./websocket.ts";

/** Responses without content, whatever their fields say (RFC 9110 §6.4.1). */
const BODILESS = new Set([204, 205, 304]);
const PIECE_BYTES = 128 * 1024;

/** `background` keeps a WebSocket's messages alive. */
export function respond(response: ExchangeResponse, request: Request, background: Background): Response {
  const { status, headers, body, upgrade } = response;
  if (upgrade !== null) return respondWebSocket(headers, upgrade, background);
  const fields = toWorkerd(headers);
  // `manual`: the body is already in the encoding that content-encoding names.
  const init: ResponseInit = { status, headers: fields, encodeBody: "manual" };
  if (body === null || BODILESS.has(status) || request.method === "HEAD") {
    void dropBody(body).catch(() => undefined);
    return new Response(null, init);
  }
  // workerd counts the bytes itself; a length that is not theirs has failed the exchange.
  if (body instanceof Uint8Array) return new Response(body, init);
  // Repeated ("5, 5") or above what workerd counts to, it is left out, and the body sent in chunks.
  const length = Number(fields.get("content-length") ?? Number.NaN);
  if (!Number.isSafeInteger(length)) {
    fields.delete("content-length");
    return new Response(body, init);
  }
  // A stream of known length keeps its content-length, and breaks when the backend sends less.
  const fixed = new FixedLengthStream(length);
  pump(body, fixed.writable, Math.min(length, PIECE_BYTES)).catch(told);
  return new Response(fixed.readable, init);
}

/** As `pipeTo`, in as few and as large pieces as there are bytes for. */
async function pump(
  body: ReadableStream<Uint8Array>,
  to: WritableStream<Uint8Array>,
  pieceBytes: number,
): Promise<void> {
  const reader = body.getReader({ mode: "byob" });
  const writer = to.getWriter();
  try {
    let buffer = new ArrayBuffer(Math.max(pieceBytes, 1));
    for (;;) {
      const { done, value } = await reader.read(new Uint8Array(buffer));
      if (done || value === undefined) return await writer.close();
      await writer.write(value);
      buffer = value.buffer;
    }
  } catch (error) {
    await Promise.all([writer.abort(error), reader.cancel(error)]);
  }
}

/** The client sees that its body is not whole; so does the exchange that it came from. */
function told(): void {
  // See above.
}
