/** The lengths of a TLS stream's encrypted records, read from their headers as the bytes pass. */
import type { ByteStream } from "../runtime.ts";

/** Called with the length of each encrypted record's fragment, in bytes, in either direction. */
type Seen = (bytes: number) => void;

/**
 * The same stream, whose encrypted records are told to `seen`. In TLS 1.3 some of these belong to the handshake, and the
 * same ciphers open them. Nothing may have been read or written before.
 */
export function watchRecords(stream: ByteStream, seen: Seen): ByteStream {
  const received = new RecordLengths(seen);
  const sent = new RecordLengths(seen);
  const pass = (bytes: Uint8Array | null): void => {
    if (bytes !== null) received.pass(bytes);
  };
  return {
    read() {
      const bytes = stream.read();
      // The reader gets the stream's own promise, which is not delayed, and sees its failure.
      bytes.then(pass, () => undefined);
      return bytes;
    },
    write(bytes) {
      sent.pass(bytes);
      return stream.write(bytes);
    },
    close: () => stream.close(),
  };
}

/** RFC 8446 §5.1: a header has a type, a version of two bytes, and the fragment's length in two bytes. */
const HEADER_BYTES = 5;
const LENGTH_AT = 3;
/** The type of records with requests and responses, and in TLS 1.3 of all encrypted ones (RFC 8446 §5.2). */
const APPLICATION_DATA = 23;

/** One direction of a stream, in whatever pieces it comes. */
export class RecordLengths {
  readonly #seen: Seen;
  #type = 0;
  /** The number of the header's bytes that have passed. */
  #headerBytes = 0;
  #length = 0;
  /** The number of the fragment's bytes that have not passed yet. */
  #remaining = 0;

  constructor(seen: Seen) {
    this.#seen = seen;
  }

  /** Reads the next piece. */
  pass(piece: Uint8Array): void {
    for (let at = 0; at < piece.length;) {
      if (this.#remaining > 0) {
        const skipped = Math.min(this.#remaining, piece.length - at);
        this.#remaining -= skipped;
        at += skipped;
        continue;
      }
      if (this.#headerBytes === 0) this.#type = piece[at] ?? 0;
      if (this.#headerBytes >= LENGTH_AT) this.#length = (this.#length << 8) | (piece[at] ?? 0);
      at++;
      if (++this.#headerBytes < HEADER_BYTES) continue;
      if (this.#type === APPLICATION_DATA) this.#seen(this.#length);
      this.#remaining = this.#length;
      this.#headerBytes = 0;
      this.#length = 0;
    }
  }
}
