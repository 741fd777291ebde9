/** The read half of a connection: from the stream into the module, no faster than the module takes it. */
import type { ByteStream } from "../runtime.ts";

/** The connection, as its read half sees it. */
export interface Sink {
  /** Nobody wants further bytes. */
  over(): boolean;
  /** The longest `feed`. */
  readonly capacity: number;
  /** Gives the module bytes and answers how many it took; fewer means that it waits for a consumer. */
  feed(bytes: Uint8Array): number;
  /** Acts on what `feed` changed, which may {@link Inflow.wake} the reader. */
  follow(): void;
  /** The peer ended its direction. */
  ended(): void;
  /** The stream rejected, or the module died. */
  broke(error: unknown): void;
}

export class Inflow {
  readonly #stream: ByteStream;
  readonly #sink: Sink;
  #resume: (() => void) | null = null;

  constructor(stream: ByteStream, sink: Sink) {
    this.#stream = stream;
    this.#sink = sink;
  }

  /** Reads until the end. Never rejects. */
  async run(): Promise<void> {
    try {
      for (;;) {
        const bytes = await this.#stream.read();
        if (this.#sink.over()) return;
        if (bytes === null) return this.#sink.ended();
        await this.#feed(bytes);
      }
    } catch (error) {
      this.#sink.broke(error);
    }
  }

  /** After a consumer made room, after a verdict, and at the end. */
  wake(): void {
    const resume = this.#resume;
    this.#resume = null;
    resume?.();
  }

  async #feed(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length && !this.#sink.over();) {
      const piece = bytes.subarray(at, at + this.#sink.capacity);
      const taken = this.#sink.feed(piece);
      at += Math.max(taken, 0);
      // Before follow(), in which a consumer may already make room.
      const resumed = taken < piece.length ? new Promise<void>((resolve) => (this.#resume = resolve)) : null;
      this.#sink.follow();
      if (resumed !== null && !this.#sink.over()) await resumed;
    }
  }
}
