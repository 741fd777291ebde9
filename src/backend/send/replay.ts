/** A request body that can be sent again: what one attempt has read is kept for the next attempt, up to a bound. */
import type { BodyReader } from "../engine/request-body.ts";
import { RETRY_LIMITS } from "../limits.ts";

/** One request body for several attempts. */
export class Replay {
  readonly #body: ReadableStream<Uint8Array>;
  #reader: ReadableStreamDefaultReader<Uint8Array> | null = null;
  /** Chunks read, without the first `#dropped` ones. */
  #chunks: Uint8Array[] = [];
  #dropped = 0;
  #bytes = 0;
  #isKept = true;
  #hasEnded = false;
  #filling: Promise<void> | null = null;
  #isCancelled = false;
  #isFinal = false;

  constructor(body: ReadableStream<Uint8Array>) {
    this.#body = body;
  }

  /** Whether another attempt can send the whole body. */
  get isWhole(): boolean {
    return this.#isKept;
  }

  /**
   * A reader of the body from its start. `isKept`: another reader may be asked for later. The first read locks the stream;
   * the stream of a request that never starts stays unlocked for its host.
   */
  reader(isKept: boolean): BodyReader {
    let at = 0;
    this.#isCancelled = false;
    return {
      read: async () => {
        this.#isKept &&= isKept;
        while (at - this.#dropped >= this.#chunks.length) {
          if (this.#hasEnded) return { done: true, value: undefined };
          await (this.#filling ??= this.#fill());
        }
        const value = this.#chunks[at - this.#dropped];
        if (value === undefined) throw new RangeError("a chunk that is no longer kept");
        at++;
        if (!this.#isKept) this.#drop(at);
        return { done: false, value };
      },
      cancel: async () => {
        this.#isCancelled = true;
        if (this.#isFinal) await this.#cancel();
      },
    };
  }

  /** Ends keeping: no further reader is asked for. */
  finish(): void {
    this.#isFinal = true;
    this.#isKept = false;
    // An error of the body's source has no reader any more who could be told.
    if (this.#isCancelled) this.#cancel().catch(() => undefined);
  }

  async #fill(): Promise<void> {
    this.#reader ??= this.#body.getReader();
    try {
      const { done, value } = await this.#reader.read();
      this.#hasEnded = done;
      if (value === undefined) return;
      this.#chunks.push(value);
      this.#bytes += value.length;
      this.#isKept &&= this.#bytes <= RETRY_LIMITS.bodyBytes;
    } finally {
      this.#filling = null;
    }
  }

  #drop(before: number): void {
    this.#chunks.splice(0, before - this.#dropped);
    this.#dropped = before;
  }

  async #cancel(): Promise<void> {
    await (this.#reader ?? this.#body).cancel();
  }
}
