/** What a backend said first on a plaintext connection: one that speaks TLS answers with a record of it, or says nothing and ends. */
import type { ByteStream } from "../runtime.ts";

export type Heard = "nothing" | "tls" | "other";

/** The stream itself, and what has been read of it so far. */
export function listen(stream: ByteStream): { readonly stream: ByteStream; readonly heard: () => Heard } {
  const first: number[] = [];
  const note = (bytes: Uint8Array | null): Uint8Array | null => {
    if (bytes !== null) first.push(...bytes.subarray(0, RECORD_START - first.length));
    return bytes;
  };
  return {
    heard: () => (first.length === 0 ? "nothing" : isTlsRecord(first) ? "tls" : "other"),
    stream: {
      // Only the first reads cost more than the stream's own.
      read: () => (first.length < RECORD_START ? stream.read().then(note) : stream.read()),
      write: (bytes) => stream.write(bytes),
      close: () => stream.close(),
    },
  };
}

/** The type and the version of a record. */
const RECORD_START = 3;
const ALERT = 21;
const HANDSHAKE = 22;

/** RFC 8446 §5.1: a type, then a version that begins with 3. Neither HTTP/1.1 nor HTTP/2 begins so. */
const isTlsRecord = ([type, major, minor]: readonly number[]): boolean =>
  (type === ALERT || type === HANDSHAKE) && major === 3 && minor !== undefined && minor <= 4;
