/**
 * Buffers for large writes, used again. Memory of an ArrayBuffer lies outside the heap and only full collections free
 * it: with a new buffer for each write of a large upload, these collections cost more than the cipher.
 */

/** The size of a kept buffer. What leaves in one write while a body is sent is smaller. */
const BUFFER_BYTES = 128 * 1024;
/** For a smaller write, a new buffer costs less than a kept one. */
const LARGE_BYTES = 4 * 1024;
/** Buffers kept for all connections; each connection has one write at a time, and most sockets take it at once. */
const MAX_BUFFERS = 8;

/** The kept buffers of one instance of the module. */
export class SpareBuffers {
  readonly #free: ArrayBuffer[] = [];

  /** A copy of `bytes`, in a kept buffer if `bytes` are many. {@link giveBack} takes it when the write has ended. */
  copyOf(bytes: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
    if (bytes.length < LARGE_BYTES || bytes.length > BUFFER_BYTES) return bytes.slice();
    const copy = new Uint8Array(this.#free.pop() ?? new ArrayBuffer(BUFFER_BYTES), 0, bytes.length);
    copy.set(bytes);
    return copy;
  }

  /** Takes back the buffer of a copy, which nobody may read any more. */
  giveBack({ buffer }: Uint8Array<ArrayBuffer>): void {
    if (buffer.byteLength === BUFFER_BYTES && this.#free.length < MAX_BUFFERS) this.#free.push(buffer);
  }
}
