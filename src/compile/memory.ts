/**
 * What one compile remembers for the next. Passes read maps through sources, which note what a result was made from: it is
 * kept while each of those lookups finds the same object as before. So an unchanged object must stay the same object, which
 * is what the controller's store, and every pass here, sees to. A memory that is new remembers nothing: the same passes then
 * compile from scratch.
 */
import { canonicalJson } from "../bundle/codec.ts";
import { compareStrings, type Diagnostic, Diagnostics } from "./diagnostics.ts";

/** A lookup, or the map as a whole where `key` is null. */
interface Read {
  readonly source: Source<unknown>;
  readonly key: string | null;
  readonly value: unknown;
}

interface Cell {
  readonly result: unknown;
  readonly reads: readonly Read[];
  readonly reported: readonly Diagnostic[];
  /** When it was last found, or made, to hold. */
  run: number;
  /** Its place among the items of that run. */
  at: number;
}

/** Of {@link Memory.each}. */
interface Pass {
  inputs: readonly unknown[];
  items: readonly object[];
  cells: readonly Cell[];
  byItem: Map<object, Cell>;
  results: readonly unknown[];
  run: number;
  /** What each source held in that run. */
  held: ReadonlyMap<Source<unknown>, ReadonlyMap<string, unknown>>;
}

/** The items of one key, in an order of their own. The same object until they change. */
export interface Group<I> {
  readonly key: string;
  readonly items: readonly I[];
}

interface Grouping {
  items: readonly object[];
  keys: Map<object, readonly string[]>;
  groups: ReadonlyMap<string, Group<object>>;
}

export class Memory {
  readonly #sources = new Map<string, Source<unknown>>();
  readonly #passes = new Map<string, Pass>();
  readonly #groupings = new Map<string, Grouping>();
  readonly #texts = new WeakMap<object, string>();
  #reads: Read[] | null = null;

  /** A map that passes may look things up in. `name` is the same in every compile. */
  source<V>(name: string, map: ReadonlyMap<string, V>): ReadonlyMap<string, V> {
    let source = this.#sources.get(name);
    if (source === undefined) this.#sources.set(name, (source = new Source((read) => this.#reads?.push(read))));
    source.map = map;
    return source as Source<V>;
  }

  /** One result, from sources and `inputs`, which are compared by identity. */
  once<R>(name: string, inputs: readonly unknown[], diagnostics: Diagnostics, make: (own: Diagnostics) => R): R {
    const [result] = this.each(name, inputs, [ONLY], diagnostics, (_, own) => make(own));
    return result as R;
  }

  /**
   * A result for each item, in their order, from the item, sources and `inputs`. The same list again when no result changed.
   * Items are told apart by identity; none comes twice.
   */
  each<I extends object, R>(
    name: string,
    inputs: readonly unknown[],
    items: readonly I[],
    diagnostics: Diagnostics,
    make: (item: I, own: Diagnostics) => R,
  ): readonly R[] {
    const before = this.#passes.get(name);
    const pass = before !== undefined && sameItems(before.inputs, inputs) ? before : newPass(inputs);
    const changed = new Set([...pass.held].flatMap(([source, map]) => (source.map === map ? [] : [source])));
    const run = pass.run + 1;
    const cells: Cell[] = [];
    const results: R[] = [];
    let cursor = 0;
    for (const [at, item] of items.entries()) {
      let cell = pass.items[cursor] === item ? pass.cells[cursor] : pass.byItem.get(item);
      cursor = (cell?.at ?? cursor) + 1;
      if (cell === undefined || !holds(cell, cell.run === pass.run ? changed : null)) {
        cell = this.#make(item, make);
        pass.byItem.set(item, cell);
      }
      [cell.run, cell.at] = [run, at];
      cells.push(cell);
      results.push(cell.result as R);
      for (const diagnostic of cell.reported) diagnostics.add(diagnostic);
    }
    // Those that are gone may come back, but not all can be waited for.
    if (pass.byItem.size > 2 * items.length + 16)
      pass.byItem = new Map(items.map((item, at) => [item, cells[at] as Cell]));
    const isSame = sameItems(pass.results, results);
    Object.assign(pass, {
      items,
      cells,
      run,
      held: new Map([...this.#sources.values()].map((each) => [each, each.map])),
    });
    if (!isSame) pass.results = results;
    this.#passes.set(name, pass);
    return pass.results as readonly R[];
  }

  /** Items by each of their keys, sorted by key; `keysOf` looks at the item alone. The same map again when nothing changed. */
  group<I extends object>(
    name: string,
    items: readonly I[],
    keysOf: (item: I) => readonly string[],
    compare: (a: I, b: I) => number,
  ): ReadonlyMap<string, Group<I>> {
    const grouping = this.#groupings.get(name) ?? {
      items: [],
      keys: new Map<I, readonly string[]>(),
      groups: new Map(),
    };
    this.#groupings.set(name, grouping);
    const keys = grouping.keys as Map<I, readonly string[]>;
    const groups = grouping.groups as ReadonlyMap<string, Group<I>>;
    if (sameItems(grouping.items, items)) return groups;
    const touched = new Map<string, I[]>();
    const touch = (key: string): I[] => {
      let own = touched.get(key);
      if (own === undefined) touched.set(key, (own = [...(groups.get(key)?.items ?? [])]));
      return own;
    };
    const added = items.filter((item) => !keys.has(item));
    const gone = new Set<I>();
    if (keys.size + added.length > items.length) {
      const now = new Set(items);
      for (const item of keys.keys()) if (!now.has(item)) gone.add(item);
    }
    for (const item of gone) {
      for (const key of keys.get(item) ?? []) touch(key);
      keys.delete(item);
    }
    for (const [key, own] of touched)
      touched.set(
        key,
        own.filter((item) => !gone.has(item)),
      );
    for (const item of added) {
      const own = keysOf(item);
      keys.set(item, own);
      for (const key of own) touch(key).push(item);
    }
    grouping.items = items;
    grouping.groups = replaceGroups(groups, touched, compare);
    return grouping.groups as ReadonlyMap<string, Group<I>>;
  }

  /** Canonical JSON, of which that of objects is remembered: they must not change. */
  readonly textOf = (value: unknown): string => {
    if (value === null || typeof value !== "object") return canonicalJson(value);
    let text = this.#texts.get(value);
    if (text === undefined) this.#texts.set(value, (text = canonicalJson(value)));
    return text;
  };

  /** Forgets passes and sources whose name starts so: what they are about is gone. */
  forget(prefix: string): void {
    for (const map of [this.#passes, this.#groupings, this.#sources])
      for (const name of map.keys()) if (name.startsWith(prefix)) map.delete(name);
  }

  #make<I>(item: I, make: (item: I, own: Diagnostics) => unknown): Cell {
    if (this.#reads !== null) throw new RangeError("a pass inside of a pass");
    const reads: Read[] = [];
    const own = new Diagnostics();
    this.#reads = reads;
    try {
      return { result: make(item, own), reads, reported: own.all, run: 0, at: 0 };
    } finally {
      this.#reads = null;
    }
  }
}

const ONLY: object = {};

const newPass = (inputs: readonly unknown[]): Pass => ({
  inputs,
  items: [],
  cells: [],
  byItem: new Map(),
  results: [],
  run: 0,
  held: new Map(),
});

/** `changed`: the sources that are not what they were when it last held; null: any may be. */
const holds = ({ reads }: Cell, changed: ReadonlySet<Source<unknown>> | null): boolean =>
  changed?.size === 0 ||
  reads.every(
    ({ source, key, value }) =>
      changed?.has(source) === false || (key === null ? source.map : source.map.get(key)) === value,
  );

const sameItems = (a: readonly unknown[], b: readonly unknown[]): boolean =>
  a === b || (a.length === b.length && a.every((item, index) => item === b[index]));

function replaceGroups<I>(
  groups: ReadonlyMap<string, Group<I>>,
  touched: ReadonlyMap<string, I[]>,
  compare: (a: I, b: I) => number,
): ReadonlyMap<string, Group<I>> {
  const next = new Map(groups);
  let isSorted = true;
  for (const [key, items] of touched) {
    if (items.length === 0) next.delete(key);
    else {
      isSorted &&= next.has(key);
      next.set(key, { key, items: items.sort(compare) });
    }
  }
  return isSorted ? next : new Map([...next].sort(([a], [b]) => compareStrings(a, b)));
}

/** A map that tells what is looked up in it. */
class Source<V> implements ReadonlyMap<string, V> {
  map: ReadonlyMap<string, V> = new Map();
  readonly #note: (read: Read) => void;

  constructor(note: (read: Read) => void) {
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
