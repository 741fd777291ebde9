/** The write half of a connection: from the module to the stream, one write at a time. */
import type { ByteStream } from "../runtime.ts";

/** The connection, as its write half sees it. */
export interface Source {
  /** The next bytes, which stay as they are until {@link written}; null when there are none. */
  drain(): Uint8Array<ArrayBuffer> | null;
  /** The stream has no use for these bytes any more. */
  written(bytes: Uint8Array<ArrayBuffer>): void;
  /** The stream rejected, or the module died. */
  broke(error: unknown): void;
  /** All is written, or nothing more can be. */
  rested(): void;
}

export class Outflow {
  readonly #stream: ByteStream;
  readonly #source: Source;
  #busy = false;

  constructor(stream: ByteStream, source: Source) {
    this.#stream = stream;
    this.#source = source;
  }

  /** A write has not come back yet. */
  get busy(): boolean {
    return this.#busy;
  }

  /** Writes what waits; a run that is under way takes it along. Never rejects. */
  async run(): Promise<void> {
    if (this.#busy) return;
    this.#busy = true;
    try {
      for (let bytes = this.#source.drain(); bytes !== null; bytes = this.#source.drain()) {
        await this.#stream.write(bytes);
        this.#source.written(bytes);
      }
    } catch (error) {
      this.#source.broke(error);
    } finally {
      this.#busy = false;
    }
    this.#source.rested();
  }
}
