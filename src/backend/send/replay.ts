/** A request body that can be sent again: what an attempt has read is kept for the next one, up to a bound. */
import type { BodySource } from "../engine/upload.ts";
import { RETRY_LIMITS } from "../limits.ts";

export class Replay {
  readonly #body: ReadableStream<Uint8Array>;
  #reader: ReadableStreamDefaultReader<Uint8Array> | null = null;
  /** Chunks read, the first `#dropped` of them let go. */
  #chunks: Uint8Array[] = [];
  #dropped = 0;
  #bytes = 0;
  #keeps = true;
  #ended = false;
  #filling: Promise<void> | null = null;
  #cancelled = false;
  #final = false;

  constructor(body: ReadableStream<Uint8Array>) {
    this.#body = body;
  }

  /** Another attempt can send the whole body. */
  get isWhole(): boolean {
    return this.#keeps;
  }

  /**
   * The body from its start. `keeps`: another source may be asked for. Locks the stream with the first read: a request
   * that never starts leaves it to its host.
   */
  source(keeps: boolean): BodySource {
    let at = 0;
    this.#cancelled = false;
    return {
      read: async () => {
        this.#keeps &&= keeps;
        while (at - this.#dropped >= this.#chunks.length) {
          if (this.#ended) return { done: true, value: undefined };
          await (this.#filling ??= this.#fill());
        }
        const value = this.#chunks[at - this.#dropped];
        if (value === undefined) throw new RangeError("a chunk that was let go");
        at++;
        if (!this.#keeps) this.#drop(at);
        return { done: false, value };
      },
      cancel: async () => {
        this.#cancelled = true;
        if (this.#final) await this.#cancel();
      },
    };
  }

  /** No further source is asked for. */
  finish(): void {
    this.#final = true;
    this.#keeps = false;
    // The source's own trouble; nobody reads it any more.
    if (this.#cancelled) this.#cancel().catch(() => undefined);
  }

  async #fill(): Promise<void> {
    this.#reader ??= this.#body.getReader();
    try {
      const { done, value } = await this.#reader.read();
      this.#ended = done;
      if (value === undefined) return;
      this.#chunks.push(value);
      this.#bytes += value.length;
      this.#keeps &&= this.#bytes <= RETRY_LIMITS.bodyBytes;
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
