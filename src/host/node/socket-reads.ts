/**
 * The reads of one socket to a backend. The kernel fills one buffer while the reader has another; while the reader has not
 * taken the bytes of the last read the socket is paused.
 */
import type { OnReadOpts } from "node:net";
import { ReadBuffers } from "./read-buffers.ts";

/** One for the process, because connections share buffers. */
const readBuffers = new ReadBuffers();

/** The reads of one socket, which is made with {@link SocketReads.options}. */
export class SocketReads {
  /** The buffer that the kernel fills. */
  #current: Buffer | null = null;
  /** The buffer whose bytes the reader has until it reads again. */
  #lent: Buffer | null = null;
  /** The bytes that came while no reader waited, and their buffer. */
  #filled: { readonly bytes: Uint8Array; readonly buffer: Buffer } | null = null;
  #next: "small" | "large" = "small";
  #isAbandoned = false;
  #waiting: ((bytes: Uint8Array | null) => void) | null = null;

  /** The options with which node:net makes the socket. */
  readonly options: OnReadOpts = {
    // All runtimes ask for a buffer at the start and after every callback, and fill no other (tried with each).
    buffer: () => (this.#current = readBuffers.take(this.#next)),
    callback: (length) => this.#arrived(length),
  };

  /**
   * The bytes that came while no reader waited, or null. The socket may be resumed once they are taken. The buffer of
   * the read before goes to another connection.
   */
  take(): Uint8Array | null {
    if (this.#lent !== null) readBuffers.give(this.#lent);
    this.#lent = this.#filled?.buffer ?? null;
    const bytes = this.#filled?.bytes ?? null;
    this.#filled = null;
    return bytes;
  }

  /** Waits for the next bytes; null when wake() was called for another reason. */
  wait(): Promise<Uint8Array | null> {
    return new Promise((resolve) => (this.#waiting = resolve));
  }

  /** Ends a wait: `bytes` came, or (null) the reader is to look at its socket again. */
  wake(bytes: Uint8Array | null): void {
    const waiting = this.#waiting;
    this.#waiting = null;
    waiting?.(bytes);
  }

  /** Gives the kernel's buffer back, once the socket has closed. */
  closed(): void {
    if (this.#current !== null) readBuffers.give(this.#current);
    this.#current = null;
  }

  /** Ends reading. The reader may still look at the bytes of its last read, so their buffer goes to nobody. */
  abandon(): void {
    this.#isAbandoned = true;
    if (this.#lent !== null) readBuffers.drop(this.#lent);
    if (this.#filled !== null) readBuffers.give(this.#filled.buffer);
    this.#lent = this.#filled = null;
  }

  /** Takes the bytes of a read; false pauses the socket. */
  #arrived(length: number): boolean {
    const buffer = this.#current;
    if (buffer === null) return false;
    this.#current = null;
    if (this.#isAbandoned) {
      readBuffers.give(buffer);
      return false;
    }
    this.#next = length === buffer.length ? "large" : "small";
    const bytes = buffer.subarray(0, length);
    if (this.#waiting === null) {
      this.#filled = { bytes, buffer };
      return false;
    }
    this.#lent = buffer;
    this.wake(bytes);
    return true;
  }
}
