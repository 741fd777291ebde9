/** Which HTTP a client speaks on a connection without ALPN: HTTP/2 begins with a preface that no other request does. */
import type { Socket } from "node:net";

/** RFC 9113 §3.4. */
const PREFACE = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "latin1");

/**
 * Calls `found` once the first bytes tell, with all of them, which the socket does not say again; never for a client that
 * says too little within `limitMs`, or leaves: its connection is closed, with what `late` answers for the first. RFC 9113 §3.3: HTTP/2 with
 * prior knowledge.
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
  const left = (): void => void socket.destroy();
  const read = (bytes: Buffer): void => {
    const rest = PREFACE.subarray(length, length + bytes.length);
    seen.push(bytes);
    length += bytes.length;
    const fits = rest.equals(bytes.subarray(0, rest.length));
    if (fits && length < PREFACE.length) return;
    clearTimeout(timer);
    socket.off("data", read).off("end", left);
    found(fits ? "h2" : "http/1.1", seen.length === 1 ? bytes : Buffer.concat(seen));
  };
  socket.on("data", read).once("end", left);
  socket.once("close", () => clearTimeout(timer));
}
