/** Node's streams as bodies, and back; HTTP/1.1 and HTTP/2 alike. */
import type { Readable, Writable } from "node:stream";
import type { Pace } from "./pace.ts";

/** Lets bytes into a stream, or keeps them out. */
export interface Tap {
  open(): void;
  shut(): void;
}

/**
 * Chunks as they came; nothing is read ahead of its reader, so a body that nobody reads stops its client. With a `tap`
 * not even what a stream buffers comes in before it is asked for.
 */
export function bodyOf(
  source: Readable,
  { upload }: Pick<Pace, "upload">,
  tap: Tap | null = null,
): ReadableStream<Uint8Array> {
  const chunks: AsyncIterator<Uint8Array> = source.iterator({ destroyOnReturn: false });
  return new ReadableStream(
    {
      async pull(controller) {
        tap?.open();
        upload.wait(0);
        const next = await chunks.next().finally(() => upload.moved(0));
        tap?.shut();
        if (next.done === true) controller.close();
        else {
          upload.moved(next.value.length);
          controller.enqueue(next.value);
        }
      },
      // A backend may answer before it has read everything (413, 401). The client must still get that answer, so the
      // connection stays; the rest is read and dropped, as a client that is not heard would wait for ever.
      async cancel() {
        upload.moved(0);
        await chunks.return?.();
        source.resume();
        tap?.open();
      },
    },
    { highWaterMark: 0 },
  );
}

/** Resolves when all of `body` has been handed over or the client has left; rejects as the body does. */
export async function writeBody(
  body: ReadableStream<Uint8Array>,
  out: Writable,
  pace: Pick<Pace, "answer"> | null = null,
): Promise<void> {
  const reader = body.getReader();
  const gone = (): void => void reader.cancel().catch(() => undefined); // The failure of a body that nobody wants.
  if (out.destroyed) return gone();
  out.once("close", gone);
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      if (out.write(value, pace?.answer.handed())) continue;
      pace?.answer.wait(value.length);
      await drained(out);
      pace?.answer.moved(0);
    }
  } finally {
    out.off("close", gone);
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
