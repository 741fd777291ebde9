/** Messages between a client's WebSocket and a backend's bytes (RFC 6455), framed by ws. */
import { Writable } from "node:stream";
// By path: what the package shows to a worker's bundler only throws.
import Receiver from "../../../node_modules/ws/lib/receiver.js";
import Sender from "../../../node_modules/ws/lib/sender.js";
import type { ByteStream } from "../../backend/index.ts";

/** The longest message either way: one is whole in memory before it is passed on, and an isolate has 128 MB. */
export const MAX_MESSAGE_BYTES = 4 << 20;
/** What may wait for a backend that reads slowly: workerd hands the client's messages over whether we want them or not. */
export const MAX_WAITING_BYTES: number = 2 * MAX_MESSAGE_BYTES;
/** How long a backend may take to answer a client's Close. */
const CLOSE_MS = 10_000;
/** How long neither side may send anything. workerd answers a client's pings itself, so those count for nothing here. */
export const IDLE_MS = 3_600_000;

const GOING_AWAY = 1001;
const NO_STATUS = 1005;
const ABNORMAL = 1006;
const PROTOCOL_ERROR = 1002;
const TOO_BIG = 1009;
const TRY_AGAIN_LATER = 1013;
const BAD_GATEWAY = 1014;

interface Close {
  readonly code: number;
  readonly reason: string;
}

/** Resolves when both sides are closed; never rejects. `client`: the end of the pair that is ours. */
export async function relay(client: WebSocket, backend: ByteStream, idleMs: number = IDLE_MS): Promise<void> {
  const wire = writable(backend);
  const sender = new Sender(wire);
  const receiver = new Receiver({ binaryType: "arraybuffer", maxPayload: MAX_MESSAGE_BYTES });
  /** What the client is told in the end: without a Close from the backend, its connection broke. */
  let farewell: Close = { code: BAD_GATEWAY, reason: "" };
  let isClosing = false;
  let limit: ReturnType<typeof setTimeout> | undefined;
  let movedMs = performance.now();
  // One timer a WebSocket: one for each message would cost more than the message.
  const watch = setInterval(() => {
    if (performance.now() - movedMs < idleMs) return;
    clearInterval(watch);
    endBoth({ code: GOING_AWAY, reason: "nothing was sent for too long" });
  }, idleMs / 4);

  const closeBackend = ({ code, reason }: Close): Promise<void> =>
    new Promise((resolve) => {
      if (isClosing) return resolve();
      isClosing = true;
      sender.close(code === NO_STATUS ? undefined : code, reason, true, () => resolve());
    });
  /** The backend's answer to the Close ends the client's side. */
  const endBoth = (close: Close): void => {
    farewell = close;
    void closeBackend(close);
    limit = setTimeout(() => backend.close(), CLOSE_MS);
  };
  const giveUp = (close: Close): void => {
    farewell = close;
    backend.close();
  };

  // The client's Close goes to the backend, whose answer closes the client's side.
  client.accept({ allowHalfOpen: true });
  client.binaryType = "arraybuffer";
  client.addEventListener("message", ({ data }) => {
    movedMs = performance.now();
    if (isClosing) return;
    sender.send(data, { binary: typeof data !== "string", fin: true, mask: true, compress: false });
    if (wire.writableLength > MAX_WAITING_BYTES)
      giveUp({ code: TRY_AGAIN_LATER, reason: "the backend reads too slowly" });
  });
  client.addEventListener("close", ({ code, reason }) => {
    farewell = { code, reason };
    if (code === ABNORMAL) backend.close();
    else endBoth(farewell);
  });
  client.addEventListener("error", () => backend.close());

  let hasConcluded = false;
  receiver.on("message", (data, isBinary) => client.send(isBinary ? data : new TextDecoder().decode(data)));
  // A client's own pings are answered by workerd.
  receiver.on("ping", (data) => sender.pong(data, true));
  receiver.on("conclude", (code, reason) => {
    hasConcluded = true;
    farewell = { code, reason: reason.toString() };
  });
  receiver.on("error", told);
  try {
    for (let bytes = await backend.read(); bytes !== null; bytes = hasConcluded ? null : await backend.read()) {
      movedMs = performance.now();
      await write(receiver, Buffer.from(bytes));
    }
    if (hasConcluded) await closeBackend(farewell);
  } catch (error) {
    if (isFramingError(error)) {
      const isTooBig = error.code === "WS_ERR_UNSUPPORTED_MESSAGE_LENGTH";
      farewell = isTooBig ? { code: TOO_BIG, reason: "" } : { code: BAD_GATEWAY, reason: error.message };
      await closeBackend({ code: isTooBig ? TOO_BIG : PROTOCOL_ERROR, reason: "" });
    }
  } finally {
    clearTimeout(limit);
    clearInterval(watch);
    backend.close();
    if (farewell.code === NO_STATUS || farewell.code === ABNORMAL) client.close();
    else client.close(farewell.code, farewell.reason);
  }
}

/** The stream as ws writes to it: a frame's parts in one write. */
function writable(backend: ByteStream): Writable {
  const wire = new Writable({
    writev: (parts, done) => {
      const bytes = Buffer.concat(parts.map(({ chunk }) => chunk as Uint8Array));
      // oxlint-disable-next-line promise/no-callback-in-promise -- node:stream has no other way to hear of it
      void backend.write(bytes).then(() => done(), done);
    },
  });
  // The read side ends too, and tells.
  return wire.on("error", told);
}

const write = (receiver: Receiver, bytes: Buffer): Promise<void> =>
  new Promise((resolve, reject) => {
    receiver.write(bytes, (error) => (error ? reject(error) : resolve()));
  });

const isFramingError = (error: unknown): error is Error & { code: string } =>
  error instanceof Error && "code" in error && String(error.code).startsWith("WS_ERR_");

/** Whoever waits for the same step hears of it. */
function told(): void {
  // See above.
}
