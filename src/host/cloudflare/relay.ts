/** Messages between a client's WebSocket and a backend's byte stream (RFC 6455), which the package ws frames. */
import { Writable } from "node:stream";
// By path, because the package's entry for browsers, which a worker's bundler takes, only throws.
import Receiver from "../../../node_modules/ws/lib/receiver.js";
import Sender from "../../../node_modules/ws/lib/sender.js";
import type { ByteStream } from "../../backend/index.ts";

/** The longest message in either direction: it is whole in memory before it is passed on, and an isolate has 128 MB. */
export const MAX_MESSAGE_BYTES = 4 << 20;
/**
 * The bytes that may wait for a backend that reads slowly; with more the WebSocket is closed, because workerd cannot be
 * asked to read less from the client. In the other direction there is no such limit: workerd's WebSocket has neither
 * `bufferedAmount` nor another sign of what its client has read (test/worker/websocket.test.ts fails when it gets one).
 */
export const MAX_WAITING_BYTES: number = 2 * MAX_MESSAGE_BYTES;
/** The time that a backend has to answer a client's Close. */
const CLOSE_MS = 10_000;
/** The time without a message after which a WebSocket ends. Pings of the client do not count: workerd answers them itself. */
export const IDLE_MS = 3_600_000;

const GOING_AWAY = 1001;
const NO_STATUS = 1005;
const ABNORMAL = 1006;
const PROTOCOL_ERROR = 1002;
const TOO_BIG = 1009;
const TRY_AGAIN_LATER = 1013;
const BAD_GATEWAY = 1014;

/** A Close message. */
interface Close {
  readonly code: number;
  readonly reason: string;
}

/** Passes messages on until both sides are closed; never rejects. `client` is the worker's end of the WebSocketPair. */
export async function relay(client: WebSocket, backend: ByteStream, idleMs: number = IDLE_MS): Promise<void> {
  const wire = writable(backend);
  const sender = new Sender(wire);
  const receiver = new Receiver({ binaryType: "arraybuffer", maxPayload: MAX_MESSAGE_BYTES });
  /** The Close for the client. Unless the backend sends one, the client learns that the backend's connection broke. */
  let finalClose: Close = { code: BAD_GATEWAY, reason: "" };
  let isClosing = false;
  let limit: ReturnType<typeof setTimeout> | undefined;
  let lastMovedMs = performance.now();
  // One timer for the whole WebSocket, because one for each message would cost more than the message.
  const watch = setInterval(() => {
    if (performance.now() - lastMovedMs < idleMs) return;
    clearInterval(watch);
    endBoth({ code: GOING_AWAY, reason: "nothing was sent for too long" });
  }, idleMs / 4);

  const closeBackend = ({ code, reason }: Close): Promise<void> =>
    new Promise((resolve) => {
      if (isClosing) return resolve();
      isClosing = true;
      sender.close(code === NO_STATUS ? undefined : code, reason, true, () => resolve());
    });
  /** Closes the backend's side; its answer to the Close then closes the client's side. */
  const endBoth = (close: Close): void => {
    finalClose = close;
    void closeBackend(close);
    limit = setTimeout(() => backend.close(), CLOSE_MS);
  };
  const giveUp = (close: Close): void => {
    finalClose = close;
    backend.close();
  };

  // allowHalfOpen: workerd would otherwise answer the client's Close before the backend has.
  client.accept({ allowHalfOpen: true });
  client.binaryType = "arraybuffer";
  client.addEventListener("message", ({ data }) => {
    lastMovedMs = performance.now();
    if (isClosing) return;
    sender.send(data, { binary: typeof data !== "string", fin: true, mask: true, compress: false });
    if (wire.writableLength > MAX_WAITING_BYTES)
      giveUp({ code: TRY_AGAIN_LATER, reason: "the backend reads too slowly" });
  });
  client.addEventListener("close", ({ code, reason }) => {
    finalClose = { code, reason };
    if (code === ABNORMAL) backend.close();
    else endBoth(finalClose);
  });
  client.addEventListener("error", () => backend.close());

  let hasConcluded = false;
  receiver.on("message", (data, isBinary) => client.send(isBinary ? data : new TextDecoder().decode(data)));
  receiver.on("ping", (data) => sender.pong(data, true));
  receiver.on("conclude", (code, reason) => {
    hasConcluded = true;
    finalClose = { code, reason: reason.toString() };
  });
  receiver.on("error", ignoreError); // write() rejects with the same error.
  try {
    for (let bytes = await backend.read(); bytes !== null; bytes = hasConcluded ? null : await backend.read()) {
      lastMovedMs = performance.now();
      await writeTo(receiver, Buffer.from(bytes));
    }
    if (hasConcluded) await closeBackend(finalClose);
  } catch (error) {
    if (isFramingError(error)) {
      const isTooBig = error.code === "WS_ERR_UNSUPPORTED_MESSAGE_LENGTH";
      finalClose = isTooBig ? { code: TOO_BIG, reason: "" } : { code: BAD_GATEWAY, reason: error.message };
      await closeBackend({ code: isTooBig ? TOO_BIG : PROTOCOL_ERROR, reason: "" });
    }
  } finally {
    clearTimeout(limit);
    clearInterval(watch);
    backend.close();
    if (finalClose.code === NO_STATUS || finalClose.code === ABNORMAL) client.close();
    else client.close(finalClose.code, finalClose.reason);
  }
}

/** The stream as ws writes to it: a frame's parts in one write. */
function writable(backend: ByteStream): Writable {
  const wire = new Writable({
    writev: (parts, done) => {
      const bytes = Buffer.concat(parts.map(({ chunk }) => chunk as Uint8Array));
      // oxlint-disable-next-line promise/no-callback-in-promise -- node:stream takes the outcome by this callback alone
      void backend.write(bytes).then(() => done(), done);
    },
  });
  // A stream that cannot be written to ends its reads too, which end the relay.
  return wire.on("error", ignoreError);
}

/** Resolves when the receiver has taken the bytes; rejects for bytes that break RFC 6455. */
const writeTo = (receiver: Receiver, bytes: Buffer): Promise<void> =>
  new Promise((resolve, reject) => {
    receiver.write(bytes, (error) => (error ? reject(error) : resolve()));
  });

const isFramingError = (error: unknown): error is Error & { code: string } =>
  error instanceof Error && "code" in error && String(error.code).startsWith("WS_ERR_");

/** The listener for errors that are handled where they also reject. */
function ignoreError(): void {
  // See above.
}
