/** Maps whose lookups are noted, so that it is known what a result was made from. */

/** A lookup of `key` in a source, and what it found. Where `key` is null, the source as a whole was read. */
export interface Lookup {
  readonly source: Source<unknown>;
  readonly key: string | null;
  readonly value: unknown;
}

/** A map that notes every lookup in it. */
export class Source<V> implements ReadonlyMap<string, V> {
  map: ReadonlyMap<string, V> = new Map();
  readonly #note: (lookup: Lookup) => void;

  constructor(note: (lookup: Lookup) => void) {
    this.#note = note;
  }

  get(key: string): V | undefined {
    const value = this.map.get(key);
    this.#note({ source: this, key, value });
    return value;
  }

  has(key: string): boolean {
    return this.get(key) !== undefined;
  }

  get size(): number {
    return this.#whole().size;
  }

  forEach(...[callback]: Parameters<ReadonlyMap<string, V>["forEach"]>): void {
    this.#whole().forEach(callback);
  }

  entries(): MapIterator<[string, V]> {
    return this.#whole().entries();
  }

  keys(): MapIterator<string> {
    return this.#whole().keys();
  }

  values(): MapIterator<V> {
    return this.#whole().values();
  }

  [Symbol.iterator](): MapIterator<[string, V]> {
    return this.entries();
  }

  #whole(): ReadonlyMap<string, V> {
    this.#note({ source: this, key: null, value: this.map });
    return this.map;
  }
}
