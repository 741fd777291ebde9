/**
 * Buffers that the kernel fills with what backends send. A buffer a read would be garbage outside the heap, and two
 * large ones a connection stay in the C library's heap where a thousand connections have been: so connections share
 * them. A connection has one while it waits, a small one unless its last read filled the buffer it had, and its reader
 * has another until it reads again.
 */

/** Enough for a handshake, a small response, and what most idle connections ever get. */
export const SMALL_BYTES = 8 * 1024;
/** Four of the longest TLS records. */
export const LARGE_BYTES = 64 * 1024;
/** Large buffers of a process. A connection that finds none free gets a small one. */
export const MAX_LARGE = 64;
/** Small buffers that are kept for the next connections. */
const MAX_FREE_SMALL = 64;

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

  /** Forgets a buffer that somebody may still read: it is never filled again. */
  drop(buffer: Buffer): void {
    if (buffer.length === LARGE_BYTES) this.#largeMade--;
  }

  /** Takes back a buffer that nobody reads or fills any more. */
  give(buffer: Buffer): void {
    if (buffer.length === LARGE_BYTES) this.#large.push(buffer);
    else if (this.#small.length < MAX_FREE_SMALL) this.#small.push(buffer);
  }
}
