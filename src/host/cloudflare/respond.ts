/** The response of an exchange as a Response of workerd. */
import { dropBody, type ExchangeResponse } from "../../backend/index.ts";
import { toWorkerd } from "./fields.ts";
import { type Background, HANDED_OVER } from "../../gateway/index.ts";
import { respondWebSocket } from "./websocket.ts";

/** The statuses of responses that never have content (RFC 9110 §6.4.1). */
const BODILESS = new Set([204, 205, 304]);
const PIECE_BYTES = 128 * 1024;
/** The field on the response of an object that is full (pool.ts). A backend's field of this name is dropped. */
export const POOL_FULL_FIELD = "lasthop-pool-full";

/** The time that a client has for one piece of a response. A slower client is cut off, since it holds a connection. */
const SEND_MS = 60_000;

/**
 * The response for the client. `background` keeps a WebSocket's messages going after the response; `sendMs` is the time
 * that the client has for `PIECE_BYTES`.
 */
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
  // "manual", because the body is already in the encoding that content-encoding names.
  const init: ResponseInit = { status, headers: fields, encodeBody: "manual" };
  if (body === null || BODILESS.has(status) || request.method === "HEAD") {
    void dropBody(body).catch(() => undefined);
    return new Response(null, init);
  }
  // workerd writes content-length itself. A body of another length than its field has failed before.
  if (body instanceof Uint8Array) return new Response(body, init);
  // A length that is repeated ("5, 5"), or above what workerd can count, is left out, and the body sent in chunks.
  const length = Number(fields.get("content-length") ?? Number.NaN);
  const isKnown = Number.isSafeInteger(length);
  if (!isKnown) fields.delete("content-length");
  // A stream of known length keeps its content-length, and breaks off when the backend sends less.
  const { readable, writable } = isKnown ? new FixedLengthStream(length) : new IdentityTransformStream();
  pump(body, writable, isKnown ? Math.min(length, PIECE_BYTES) : PIECE_BYTES, sendMs).catch(ignoreBreak);
  return new Response(readable, init);
}

/** Copies as `pipeTo` does, in the largest pieces that there are bytes for; ends when one is not taken within `sendMs`. */
async function pump(
  body: ReadableStream<Uint8Array>,
  to: WritableStream<Uint8Array>,
  pieceBytes: number,
  sendMs: number,
): Promise<void> {
  const reader = body.getReader({ mode: "byob" });
  const writer = to.getWriter();
  let waitsSinceMs: number | null = null;
  // One timer for the whole body, because one for each piece would cost more than the piece.
  const watch = setInterval(() => {
    if (waitsSinceMs === null || performance.now() - waitsSinceMs < sendMs) return;
    const slow = new Error(`the client took no ${pieceBytes} bytes within ${sendMs} ms`);
    void writer.abort(slow).catch(ignoreBreak);
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

/** The handler for a body that broke off: the client sees that it is not whole, and the exchange knows already. */
function ignoreBreak(): void {
  // See above.
}
