/** Sockets of workerd, read into a buffer of ours: half the cost of large bodies against default reads. */
import { connect } from "cloudflare:sockets";
import { type ByteStream, type Dial, DialError } from "../../backend/index.ts";

/**
 * Every read costs workerd a buffer of the size that was asked for, and a wake-up: answers that fit into a small one get
 * no larger ones, and those that fill it are read in large pieces from then on.
 */
const READ_BYTES = { small: 16 * 1024, large: 128 * 1024 } as const;

export const cloudflareDial: Dial = async (endpoint, signal) => {
  const hostname = endpoint.host.includes(":") ? `[${endpoint.host}]` : endpoint.host;
  let socket: Socket;
  try {
    socket = connect({ hostname, port: endpoint.port }, { secureTransport: "off", allowHalfOpen: false });
  } catch (error) {
    throw dialError(error);
  }
  let abort = (): void => undefined;
  // Raced, because close() leaves `opened` pending while the peer does not answer its SYN.
  const aborted = new Promise<never>((_, reject) => {
    abort = () => {
      socket.close().catch(ignoreClosed);
      reject(new DialError("timeout", "aborted while connecting"));
    };
  });
  signal.addEventListener("abort", abort, { once: true });
  // `closed` rejects with the same error as `opened`; each has its own handler so that none goes unhandled.
  socket.closed.catch(ignoreClosed);
  try {
    if (signal.aborted) abort();
    await Promise.race([socket.opened, aborted]);
  } catch (error) {
    throw error instanceof DialError ? error : dialError(error);
  } finally {
    signal.removeEventListener("abort", abort);
  }
  return byteStream(socket);
};

function byteStream(socket: Socket): ByteStream {
  const reader = socket.readable.getReader({ mode: "byob" });
  const writer = socket.writable.getWriter();
  writer.closed.catch(ignoreClosed);
  let buffer = new ArrayBuffer(READ_BYTES.small);
  let closed = false;
  return {
    async read() {
      if (closed) return null;
      try {
        const { value, done } = await reader.read(new Uint8Array(buffer));
        if (done || value === undefined) return null;
        const size = value.length < READ_BYTES.small ? READ_BYTES.small : READ_BYTES.large;
        // The same again: who reads has done with it by then.
        buffer = value.buffer.byteLength === size ? value.buffer : new ArrayBuffer(size);
        return value;
      } catch (error) {
        if (closed) return null;
        throw error;
      }
    },
    write: (bytes) => writer.write(bytes),
    close() {
      if (closed) return;
      closed = true;
      socket.close().catch(ignoreClosed);
    },
  };
}

/** A socket that breaks while we close it, or after, tells its reader; there is nobody else to tell. */
function ignoreClosed(): void {
  // See above.
}

/**
 * workerd says why only in words, and "cannot connect to the specified address" alike for a closed port, a missing
 * route and, deployed, an address that Cloudflare blocks: that is `unreachable`.
 */
function dialError(error: unknown): DialError {
  const message = error instanceof Error ? error.message : String(error);
  if (/timed? ?out/i.test(message)) return new DialError("timeout", message);
  if (/refused/i.test(message)) return new DialError("refused", message);
  return new DialError("unreachable", message);
}
