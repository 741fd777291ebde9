/**
 * Waits for a client's whole ClientHello before TLS begins. A TLS connection of the runtime takes some 40 kB from its
 * first moment, and where thousands of them end without a handshake, the C library keeps that memory: a client that says
 * nothing, or half of its hello, now costs a socket and what it has sent.
 */
import type { Socket } from "node:net";

/** RFC 8446 §5.1: type, version and length of a record. */
const RECORD_HEADER_BYTES = 5;
/** RFC 8446 §4: type and length of a handshake message. */
const MESSAGE_HEADER_BYTES = 4;
const HANDSHAKE = 22;
const CLIENT_HELLO = 1;
/** A longer hello begins its handshake at once, and the runtime decides. Clients with post-quantum key shares send 2 kB. */
const MAX_BYTES = 16 * 1024;

/** Calls `begin` once, paused and with the hello put back; never for a client that leaves before. */
export function onClientHello(socket: Socket, begin: () => void): void {
  let bytes: Buffer = Buffer.alloc(0);
  const left = (): void => void socket.destroy();
  const read = (chunk: Buffer): void => {
    bytes = bytes.length === 0 ? chunk : Buffer.concat([bytes, chunk]);
    if (isUnfinished(bytes)) return;
    socket.off("data", read).off("end", left).pause();
    socket.unshift(bytes);
    begin();
  };
  socket.on("data", read).once("end", left);
}

/** Whether `bytes` begin a ClientHello, whose records may split it anywhere, and do not end it. */
function isUnfinished(bytes: Buffer): boolean {
  if (bytes.length > MAX_BYTES) return false;
  let message = 0;
  let needed = MESSAGE_HEADER_BYTES;
  for (let at = 0; message < needed;) {
    if (bytes.length <= at) return true;
    if (bytes[at] !== HANDSHAKE) return false;
    if (bytes.length < at + RECORD_HEADER_BYTES) return true;
    const length = bytes.readUInt16BE(at + 3);
    const fragment = bytes.subarray(at + RECORD_HEADER_BYTES, at + RECORD_HEADER_BYTES + length);
    // A hello split within its own header is left to the runtime: no client sends one.
    if (message === 0) {
      if (length < MESSAGE_HEADER_BYTES) return false;
      if (fragment.length < MESSAGE_HEADER_BYTES) return true;
      if (fragment[0] !== CLIENT_HELLO) return false;
      needed = MESSAGE_HEADER_BYTES + fragment.readUIntBE(1, 3);
      if (needed > MAX_BYTES) return false;
    }
    message += fragment.length;
    if (fragment.length < length) return message < needed;
    at += RECORD_HEADER_BYTES + length;
  }
  return false;
}
