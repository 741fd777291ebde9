/** The first bytes of a response, copied out of the module: into one piece where their number is known. */
import { joined } from "../../bundle/bytes.ts";

export class Eager {
  readonly #announced: number | null;
  readonly #chunks: Uint8Array<ArrayBuffer>[] = [];
  #room: Uint8Array<ArrayBuffer> | null = null;
  #length = 0;

  /** `announced`: by content-length, which the engine holds the response to; null: not, or too many for one piece. */
  constructor(announced: number | null) {
    this.#announced = announced;
  }

  /** Pushed in all. */
  get length(): number {
    return this.#length;
  }

  /** Copies. */
  push(bytes: Uint8Array): void {
    if (this.#announced === null) {
      this.#chunks.push(new Uint8Array(bytes));
    } else {
      this.#room ??= new Uint8Array(this.#announced);
      this.#room.set(bytes, this.#length);
    }
    this.#length += bytes.length;
  }

  /** The next piece; null: all were taken. */
  shift(): Uint8Array<ArrayBuffer> | null {
    const room = this.#room;
    if (room === null) return this.#chunks.shift() ?? null;
    this.#room = null;
    // A reader that takes its time does not hold room that nothing came for.
    return this.#length < room.length ? room.slice(0, this.#length) : room;
  }

  /** All that was pushed; null: nothing was. */
  whole(): Uint8Array<ArrayBuffer> | null {
    if (this.#room !== null || this.#chunks.length <= 1) return this.shift();
    return joined(this.#chunks.splice(0));
  }
}
