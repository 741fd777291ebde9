/**
 * Buffers for large writes, used again: a buffer a write is memory outside the heap that only full collections free, and
 * over a large upload those cost more than the cipher.
 */

/** What leaves at once while a body is sent is less. */
const SPARE_BYTES = 128 * 1024;
/** Below it a buffer of its own costs less. */
const LARGE_BYTES = 4 * 1024;
/** Kept for all connections; each has one write at a time, and most sockets take it at once. */
const MAX_SPARES = 8;

export class Spares {
  readonly #free: ArrayBuffer[] = [];

  copyOf(bytes: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
    if (bytes.length < LARGE_BYTES || bytes.length > SPARE_BYTES) return bytes.slice();
    const copy = new Uint8Array(this.#free.pop() ?? new ArrayBuffer(SPARE_BYTES), 0, bytes.length);
    copy.set(bytes);
    return copy;
  }

  /** `bytes` are of {@link copyOf}, and nobody reads them any more. */
  giveBack({ buffer }: Uint8Array<ArrayBuffer>): void {
    if (buffer.byteLength === SPARE_BYTES && this.#free.length < MAX_SPARES) this.#free.push(buffer);
  }
}
