/** The write half of a connection: from the module to the stream, one write at a time. */
import type { ByteStream } from "../runtime.ts";

/** The connection, as its write half needs it. */
export interface WritingConnection {
  /** The next bytes to write, unchanged until `onWritten`; null when there are none. */
  nextBytes(): Uint8Array<ArrayBuffer> | null;
  /** Called when the stream needs these bytes no longer. */
  onWritten(bytes: Uint8Array<ArrayBuffer>): void;
  /** Called when the stream rejected, or the module died. */
  onBroken(error: unknown): void;
  /** Called when all is written, or nothing more can be. */
  onIdle(): void;
}

/** The loop that writes one connection. */
export class Outflow {
  readonly #stream: ByteStream;
  readonly #connection: WritingConnection;
  #isWriting = false;

  constructor(stream: ByteStream, connection: WritingConnection) {
    this.#stream = stream;
    this.#connection = connection;
  }

  /** Whether the stream has not finished a write yet. */
  get isWriting(): boolean {
    return this.#isWriting;
  }

  /** Writes what waits, unless a run is under way, which then writes that too. Never rejects. */
  async run(): Promise<void> {
    if (this.#isWriting) return;
    this.#isWriting = true;
    try {
      for (let bytes = this.#connection.nextBytes(); bytes !== null; bytes = this.#connection.nextBytes()) {
        await this.#stream.write(bytes);
        this.#connection.onWritten(bytes);
      }
    } catch (error) {
      this.#connection.onBroken(error);
    } finally {
      this.#isWriting = false;
    }
    this.#connection.onIdle();
  }
}
