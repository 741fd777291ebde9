/** The read half of a connection: from the stream into the module, no faster than the module takes the bytes. */
import type { ByteStream } from "../runtime.ts";
import { Wakeup } from "./wakeup.ts";

/** The connection, as its read half needs it. */
export interface ReadingConnection {
  /** Whether the connection is over, so that no further bytes are wanted. */
  isOver(): boolean;
  /** The most bytes that `feed` takes at once. */
  readonly maxFeedBytes: number;
  /** Gives the module bytes and answers how many it took: if fewer, the module waits until a consumer takes some. */
  feed(bytes: Uint8Array): number;
  /** Called after each `feed`: acts on what it changed, which may {@link Inflow.resume} reading. */
  onFed(): void;
  /** Called when the peer has ended its direction. */
  onEnd(): void;
  /** Called when the stream rejected, or the module died. */
  onBroken(error: unknown): void;
}

/** The loop that reads one connection. */
export class Inflow {
  readonly #stream: ByteStream;
  readonly #connection: ReadingConnection;
  readonly #resumed = new Wakeup();

  constructor(stream: ByteStream, connection: ReadingConnection) {
    this.#stream = stream;
    this.#connection = connection;
  }

  /** Reads until the end. Never rejects. */
  async run(): Promise<void> {
    try {
      for (;;) {
        const bytes = await this.#stream.read();
        if (this.#connection.isOver()) return;
        if (bytes === null) return this.#connection.onEnd();
        await this.#feed(bytes);
      }
    } catch (error) {
      this.#connection.onBroken(error);
    }
  }

  /** Called when a consumer has made room, after a verdict, and at the end. */
  resume(): void {
    this.#resumed.wake();
  }

  async #feed(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length && !this.#connection.isOver();) {
      const piece = bytes.subarray(at, at + this.#connection.maxFeedBytes);
      const taken = this.#connection.feed(piece);
      at += Math.max(taken, 0);
      // The wait begins before onFed(), in which a consumer may make room already.
      const resumed = taken < piece.length ? this.#resumed.wait() : null;
      this.#connection.onFed();
      if (resumed !== null && !this.#connection.isOver()) await resumed;
    }
  }
}
