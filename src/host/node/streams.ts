/** Node's streams as the bodies of exchanges, and back, for HTTP/1.1 and HTTP/2. */
import type { Readable, Writable } from "node:stream";
import type { Pace } from "./pace.ts";

/** The flow control of a request's body on a runtime that reads its socket unasked: `resume` reads it, `pause` stops. */
export interface FlowControl {
  resume(): void;
  pause(): void;
}

/**
 * The body of a request, in the chunks in which it comes. Nothing is read before the reader asks, so a backend that does
 * not read stops the client. With `flow`, not even the stream's own buffer fills before the reader asks.
 */
export function bodyOf(
  source: Readable,
  { upload }: Pick<Pace, "upload">,
  flow: FlowControl | null = null,
): ReadableStream<Uint8Array> {
  const chunks: AsyncIterator<Uint8Array> = source.iterator({ destroyOnReturn: false });
  return new ReadableStream(
    {
      async pull(controller) {
        flow?.resume();
        upload.waitBegan(0);
        const next = await chunks.next().finally(() => upload.waitEnded(0));
        flow?.pause();
        if (next.done === true) controller.close();
        else {
          upload.waitEnded(next.value.length);
          controller.enqueue(next.value);
        }
      },
      // A backend may answer before it has read the whole body (413, 401). The client must still get that response, so the
      // connection stays, and the rest is read and dropped: many clients read no response before they have sent all.
      async cancel() {
        upload.waitEnded(0);
        await chunks.return?.();
        source.resume();
        flow?.resume();
      },
    },
    { highWaterMark: 0 },
  );
}

/** Writes `body`; resolves when all of it is written or the client has disconnected, and rejects as the body does. */
export async function writeBody(
  body: ReadableStream<Uint8Array>,
  out: Writable,
  pace: Pick<Pace, "download"> | null = null,
): Promise<void> {
  const reader = body.getReader();
  const cancel = (): void => void reader.cancel().catch(() => undefined); // A failure of the body concerns no client now.
  if (out.destroyed) return cancel();
  out.once("close", cancel);
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      if (out.write(value, pace?.download.pieceWritten())) continue;
      pace?.download.waitBegan(value.length);
      await drained(out);
      pace?.download.waitEnded(0);
    }
  } finally {
    out.off("close", cancel);
  }
}

function drained(out: Writable): Promise<void> {
  return new Promise((resolve) => {
    const ready = (): void => {
      out.off("drain", ready);
      out.off("close", ready);
      resolve();
    };
    out.once("drain", ready);
    out.once("close", ready);
  });
}
