/**
 * The wait for a client's whole ClientHello, before TLS begins. The runtime's TLS connection takes some 40 kB from its
 * first moment, and the C library keeps that memory after thousands of connections without a handshake. So a client that
 * sends nothing, or half of its hello, costs only its socket and the bytes that it has sent.
 */
import type { Socket } from "node:net";

/** RFC 8446 §5.1: type, version and length of a record. */
const RECORD_HEADER_BYTES = 5;
/** RFC 8446 §4: type and length of a handshake message. */
const MESSAGE_HEADER_BYTES = 4;
const HANDSHAKE_RECORD = 22;
const CLIENT_HELLO = 1;
/** The longest hello that is waited for; TLS judges a longer one. Clients with post-quantum key shares send 2 kB. */
const MAX_BYTES = 16 * 1024;

/** Calls `begin` with the socket paused and the hello put back; does not call it when the client disconnects before. */
export function onClientHello(socket: Socket, begin: () => void): void {
  let bytes: Buffer = Buffer.alloc(0);
  const onEnd = (): void => void socket.destroy();
  const onData = (chunk: Buffer): void => {
    bytes = bytes.length === 0 ? chunk : Buffer.concat([bytes, chunk]);
    if (isUnfinished(bytes)) return;
    socket.off("data", onData).off("end", onEnd).pause();
    socket.unshift(bytes);
    begin();
  };
  socket.on("data", onData).once("end", onEnd);
}

/** Whether `bytes` are the beginning of a ClientHello and not all of it. Records may split the hello anywhere. */
function isUnfinished(bytes: Buffer): boolean {
  if (bytes.length > MAX_BYTES) return false;
  let message = 0;
  let needed = MESSAGE_HEADER_BYTES;
  for (let at = 0; message < needed;) {
    if (bytes.length <= at) return true;
    if (bytes[at] !== HANDSHAKE_RECORD) return false;
    if (bytes.length < at + RECORD_HEADER_BYTES) return true;
    const length = bytes.readUInt16BE(at + 3);
    const fragment = bytes.subarray(at + RECORD_HEADER_BYTES, at + RECORD_HEADER_BYTES + length);
    // No client splits a hello within its header; TLS judges such a one.
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
