/** Connections to backends over workerd's sockets, read into buffers of our own: large bodies cost half of default reads. */
import { connect } from "cloudflare:sockets";
import { type ByteStream, type Dial, DialError } from "../../backend/index.ts";

/**
 * The sizes of reads. Every read costs workerd a buffer of that size, and a wake-up. So a connection begins with small
 * reads, and gets large ones while reads are filled.
 */
const READ_BYTES = { small: 16 * 1024, large: 128 * 1024 } as const;

/** Dials over TCP. Rejects with a DialError that has the reason, as far as workerd says one. */
export const cloudflareDial: Dial = async (endpoint, signal) => {
  const hostname = endpoint.host.includes(":") ? `[${endpoint.host}]` : endpoint.host;
  let socket: Socket;
  try {
    socket = connect({ hostname, port: endpoint.port }, { secureTransport: "off", allowHalfOpen: false });
  } catch (error) {
    throw dialError(error);
  }
  let abort = (): void => undefined;
  // A race, because close() leaves `opened` pending while the peer does not answer its SYN.
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
        // The buffer is used again: a reader is done with the bytes when it reads on (ByteStream.read).
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

/** The handler for a socket that breaks while it closes: reads report that, too. */
function ignoreClosed(): void {
  // See above.
}

/**
 * The error of a dial. workerd gives its reason only in words, and says "cannot connect to the specified address" for a
 * closed port, a missing route and, deployed, an address that Cloudflare blocks; all of these are `unreachable`.
 */
function dialError(error: unknown): DialError {
  const message = error instanceof Error ? error.message : String(error);
  if (/timed? ?out/i.test(message)) return new DialError("timeout", message);
  if (/refused/i.test(message)) return new DialError("refused", message);
  return new DialError("unreachable", message);
}
