/** One section of a bundle's text, which shares values with the same section of the bundle before. */

/** The lines of one field and their values, in order: for a map key and value, for a list the value. */
export interface Section {
  readonly lines: string[];
  readonly values: unknown[];
}

/**
 * The number of lines, from the place after the last line found, among which a line is searched for. After as many
 * lines that were not found in this way, an index of all lines is made.
 */
const AHEAD = 8;

/** A section that is being read: each line that the section `before` has too is given the same value. */
export class SharedSection implements Section {
  readonly lines: string[] = [];
  readonly values: unknown[] = [];
  /** Whether the last line taken was not in the section before. */
  isFresh = true;
  readonly #before: Section | null;
  #cursor = 0;
  #misses = 0;
  #index: Map<string, number> | null = null;

  constructor(before: Section | null) {
    this.#before = before;
  }

  /** The value of a line: that of the section before, or what `parse` makes of the line. */
  take(line: string, parse: (line: string) => unknown): unknown {
    const at = this.#before === null ? -1 : this.#find(this.#before.lines, line);
    this.isFresh = at < 0;
    const value: unknown = at < 0 ? parse(line) : this.#before?.values[at];
    this.lines.push(line);
    this.values.push(value);
    return value;
  }

  /** The place of a line among `lines`; -1: it is not there. */
  #find(lines: readonly string[], line: string): number {
    let at = this.#cursor;
    while (at < this.#cursor + AHEAD && lines[at] !== line) at++;
    if (at === this.#cursor + AHEAD) {
      if (++this.#misses <= AHEAD) return -1;
      this.#index ??= new Map(lines.map((text, index) => [text, index]));
      at = this.#index.get(line) ?? -1;
      if (at < 0) return at;
    }
    this.#misses = 0;
    this.#cursor = at + 1;
    return at;
  }
}
