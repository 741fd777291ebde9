/** The detection of HTTP/2 on a connection without ALPN, by its preface (RFC 9113 §3.3, HTTP/2 with prior knowledge). */
import type { Socket } from "node:net";

/** RFC 9113 §3.4. */
const PREFACE = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "latin1");

/**
 * Calls `found` with the protocol and the bytes read so far, which the socket does not emit again. A client that sends too
 * little within `limitMs` gets the response that `late` makes, and its connection is closed; `late` is told whether the
 * client has sent anything.
 */
export function onPreface(
  socket: Socket,
  limitMs: number,
  late: (hasBegun: boolean) => Buffer,
  found: (protocol: "http/1.1" | "h2", first: Buffer) => void,
): void {
  const seen: Buffer[] = [];
  let length = 0;
  const timer = setTimeout(() => socket.end(late(length > 0), () => socket.destroy()), limitMs);
  const onEnd = (): void => void socket.destroy();
  const onData = (bytes: Buffer): void => {
    const rest = PREFACE.subarray(length, length + bytes.length);
    seen.push(bytes);
    length += bytes.length;
    const fits = rest.equals(bytes.subarray(0, rest.length));
    if (fits && length < PREFACE.length) return;
    clearTimeout(timer);
    socket.off("data", onData).off("end", onEnd);
    found(fits ? "h2" : "http/1.1", seen.length === 1 ? bytes : Buffer.concat(seen));
  };
  socket.on("data", onData).once("end", onEnd);
  socket.once("close", () => clearTimeout(timer));
}
