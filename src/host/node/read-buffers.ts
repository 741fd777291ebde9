/**
 * Buffers that the kernel fills with the bytes of backends. A new buffer for each read would be garbage outside the heap,
 * and after a thousand connections with two large buffers each, the C library would keep that memory. So connections
 * share buffers. A connection that waits for bytes has one: a large one when its last read filled its buffer, otherwise a
 * small one. The reader has another buffer until it reads again.
 */

/** The size of small buffers: enough for a handshake and a small response, which is all that most connections get. */
export const SMALL_BYTES = 8 * 1024;
/** The size of large buffers: four of the longest TLS records. */
export const LARGE_BYTES = 64 * 1024;
/** The number of large buffers of a process. A connection that finds none free gets a small one. */
export const MAX_LARGE = 64;
/** The number of small buffers that are kept for the next connections. */
const MAX_FREE_SMALL = 64;

/** The buffers that the connections of a process share. */
export class ReadBuffers {
  readonly #small: Buffer[] = [];
  readonly #large: Buffer[] = [];
  #largeMade = 0;

  /** A buffer for the next read. */
  take(wants: "small" | "large"): Buffer {
    if (wants === "large") {
      const large = this.#large.pop();
      if (large !== undefined) return large;
      if (this.#largeMade < MAX_LARGE) {
        this.#largeMade++;
        return Buffer.allocUnsafeSlow(LARGE_BYTES);
      }
    }
    return this.#small.pop() ?? Buffer.allocUnsafeSlow(SMALL_BYTES);
  }

  /** Forgets a buffer that a reader may still use, so that the kernel never fills it again. */
  drop(buffer: Buffer): void {
    if (buffer.length === LARGE_BYTES) this.#largeMade--;
  }

  /** Takes back a buffer that neither a reader nor the kernel uses any more. */
  give(buffer: Buffer): void {
    if (buffer.length === LARGE_BYTES) this.#large.push(buffer);
    else if (this.#small.length < MAX_FREE_SMALL) this.#small.push(buffer);
  }
}
