/** An exchange's response as a workerd Response. */
import { dropBody, type ExchangeResponse } from "../../backend/index.ts";
import { toWorkerd } from "./fields.ts";
import { type Background, HANDED_OVER } from "../../gateway/index.ts";
import { respondWebSocket } from "./websocket.ts";

/** Responses without content, whatever their fields say (RFC 9110 §6.4.1). */
const BODILESS = new Set([204, 205, 304]);
const PIECE_BYTES = 128 * 1024;
/** On the response of an object that is full (pool.ts); one that a backend sends is dropped. */
export const POOL_FULL_FIELD = "lasthop-pool-full";

/** How long a client may take for one piece of a response: a slower one is cut, since it holds a connection. */
const SEND_MS = 60_000;

/** `background` keeps a WebSocket's messages alive. `sendMs`: how long a client may take for `PIECE_BYTES`. */
export function respond(
  response: ExchangeResponse,
  request: Request,
  background: Background,
  sendMs: number = SEND_MS,
): Response {
  if (response === HANDED_OVER) return new Response(null, { status: 503, headers: { [POOL_FULL_FIELD]: "1" } });
  const { status, headers, body, upgrade } = response;
  if (upgrade !== null) return respondWebSocket(headers, upgrade, background);
  const fields = toWorkerd(headers);
  fields.delete(POOL_FULL_FIELD);
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
  const isKnown = Number.isSafeInteger(length);
  if (!isKnown) fields.delete("content-length");
  // A stream of known length keeps its content-length, and breaks when the backend sends less.
  const { readable, writable } = isKnown ? new FixedLengthStream(length) : new IdentityTransformStream();
  pump(body, writable, isKnown ? Math.min(length, PIECE_BYTES) : PIECE_BYTES, sendMs).catch(told);
  return new Response(readable, init);
}

/** As `pipeTo`, in as few and as large pieces as there are bytes for; it ends when one is not taken within `sendMs`. */
async function pump(
  body: ReadableStream<Uint8Array>,
  to: WritableStream<Uint8Array>,
  pieceBytes: number,
  sendMs: number,
): Promise<void> {
  const reader = body.getReader({ mode: "byob" });
  const writer = to.getWriter();
  let waitsSinceMs: number | null = null;
  // One timer a body: one for each piece would cost more than the piece.
  const watch = setInterval(() => {
    if (waitsSinceMs === null || performance.now() - waitsSinceMs < sendMs) return;
    const slow = new Error(`the client took no ${pieceBytes} bytes within ${sendMs} ms`);
    void writer.abort(slow).catch(told);
  }, sendMs / 2);
  try {
    let buffer = new ArrayBuffer(Math.max(pieceBytes, 1));
    for (;;) {
      const { done, value } = await reader.read(new Uint8Array(buffer));
      if (done || value === undefined) return await writer.close();
      waitsSinceMs = performance.now();
      await writer.write(value);
      waitsSinceMs = null;
      buffer = value.buffer;
    }
  } catch (error) {
    await Promise.all([writer.abort(error), reader.cancel(error)]);
  } finally {
    clearInterval(watch);
  }
}

/** The client sees that its body is not whole; so does the exchange that it came from. */
function told(): void {
  // See above.
}
