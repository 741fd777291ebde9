/**
 * What one compile remembers for the next. Passes read maps through sources, which note what a result was made from: it is
 * kept while each of those lookups finds the same object as before. So an unchanged object must stay the same object, which
 * is what the controller's store, and every pass here, sees to. A memory that is new remembers nothing: the same passes then
 * compile from scratch.
 */
import { type Entries, joinEntries, type Texts, TEXTS } from "../bundle/lines.ts";
import { compareStrings, type Diagnostic, Diagnostics } from "./diagnostics/diagnostics.ts";

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
}

/** Of {@link Memory.each}: what held in its last run. */
interface Pass {
  readonly inputs: readonly unknown[];
  readonly items: readonly object[];
  /** Of each item. */
  readonly cells: readonly Cell[];
  readonly results: readonly unknown[];
  readonly reported: readonly Diagnostic[];
  /** What each source that was read held. */
  readonly held: ReadonlyMap<Source<unknown>, ReadonlyMap<string, unknown>>;
}

/** The items of one key, in an order of their own. The same object until they change. */
export interface Group<I> {
  readonly key: string;
  readonly items: readonly I[];
}

interface Grouping {
  readonly items: readonly object[];
  readonly groups: ReadonlyMap<string, Group<object>>;
}

export class Memory {
  readonly #sources = new Map<string, Source<unknown>>();
  readonly #passes = new Map<string, Pass>();
  readonly #groupings = new Map<string, Grouping>();
  readonly #texts = new WeakMap<object, { readonly key: string | undefined; readonly text: string }>();
  readonly #stretches = new WeakMap<object, Entries & { readonly text: string }>();
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
    const last = this.#passes.get(name);
    const before = last !== undefined && sameItems(last.inputs, inputs) ? last : { ...NOTHING, inputs };
    const changed = new Set([...before.held].flatMap(([source, map]) => (source.map === map ? [] : [source])));
    const { start, end, now, gone } = difference<object>(before.items, items);
    let pass = before;
    if (changed.size > 0 || now.length > 0 || gone.length > 0) {
      const known = new Map<object, Cell | undefined>(gone.map((item, index) => [item, before.cells[start + index]]));
      const made: Cell[] = [];
      const held = (item: I, cell: Cell | undefined): Cell => {
        if (cell !== undefined && holds(cell, changed)) return cell;
        const own = this.#make(item, make);
        made.push(own);
        return own;
      };
      const still = (from: number, to: number, shift: number): readonly Cell[] => {
        const cells = before.cells.slice(from, to);
        return changed.size === 0 ? cells : cells.map((cell, index) => held(items[from + shift + index] as I, cell));
      };
      const shift = items.length - before.items.length;
      const cells = still(0, start, 0).concat(
        items.slice(start, start + now.length).map((item) => held(item, known.get(item))),
        still(end, before.items.length, shift),
      );
      pass = passOf(before, items, cells, made);
    }
    this.#passes.set(name, pass);
    for (const diagnostic of pass.reported) diagnostics.add(diagnostic);
    return pass.results as readonly R[];
  }

  /** Items by each of their keys, sorted by key; `keysOf` looks at the item alone. The same map again when nothing changed. */
  group<I extends object>(
    name: string,
    items: readonly I[],
    keysOf: (item: I) => readonly string[],
    compare: (a: I, b: I) => number,
  ): ReadonlyMap<string, Group<I>> {
    const before = this.#groupings.get(name) ?? NO_GROUPS;
    const groups = before.groups as ReadonlyMap<string, Group<I>>;
    const { now, gone } = difference(before.items as readonly I[], items);
    if (now.length === 0 && gone.length === 0) return groups;
    const [arrived, left] = [new Set(now), new Set(gone)];
    const touched = new Map<string, I[]>();
    const touch = (item: I): I[][] =>
      keysOf(item).map((key) => {
        let own = touched.get(key);
        if (own === undefined) touched.set(key, (own = (groups.get(key)?.items ?? []).filter(stays)));
        return own;
      });
    const stays = (item: I): boolean => !left.has(item) || arrived.has(item);
    for (const item of gone) if (!stays(item)) touch(item);
    for (const item of now) if (!left.has(item)) for (const own of touch(item)) own.push(item);
    const next = touched.size === 0 ? groups : replaceGroups(groups, touched, compare);
    this.#groupings.set(name, { items, groups: next });
    return next;
  }

  /** {@link TEXTS}, those of objects remembered: they must not change. */
  readonly texts: Texts = {
    entry: (value, key) => {
      if (value === null || typeof value !== "object") return TEXTS.entry(value, key);
      // A string put together from parts is a tree of them, which every join would walk again.
      const make = (): string => Buffer.from(TEXTS.entry(value, key)).toString();
      return this.#text(value, key, make);
    },
    entries: (of, list) => this.#text(of, undefined, () => this.#joined(list())),
  };

  /** By stretches, so that one entry that changed leaves most of a long text. */
  #joined({ values, keys }: Entries): string {
    const stretches: string[] = [];
    for (let from = 0; from < values.length; from += STRETCH) {
      const own = { values: values.slice(from, from + STRETCH), keys: keys?.slice(from, from + STRETCH) ?? null };
      const [first] = own.values;
      const holder = first !== null && typeof first === "object" ? first : own;
      let known = this.#stretches.get(holder);
      if (known === undefined || !sameItems(known.values, own.values) || !sameItems(known.keys ?? [], own.keys ?? [])) {
        known = { ...own, text: joinEntries(own, this.texts) };
        this.#stretches.set(holder, known);
      }
      stretches.push(known.text);
    }
    return stretches.join(",\n");
  }

  #text(of: object, key: string | undefined, make: () => string): string {
    const known = this.#texts.get(of);
    if (known !== undefined && known.key === key) return known.text;
    const text = make();
    this.#texts.set(of, { key, text });
    return text;
  }

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
      return { result: make(item, own), reads, reported: own.all };
    } finally {
      this.#reads = null;
    }
  }
}

const ONLY: object = {};
/** Entries of a stretch of text. */
const STRETCH = 128;

const NO_GROUPS: Grouping = { items: [], groups: new Map() };
const NOTHING: Omit<Pass, "inputs"> = { items: [], cells: [], results: [], reported: [], held: new Map() };

/** `made`: those of `cells` that are new. */
function passOf(before: Pass, items: readonly object[], cells: readonly Cell[], made: readonly Cell[]): Pass {
  const results = cells.map(({ result }) => result);
  const held = new Map([...before.held.keys()].map((source) => [source, source.map]));
  for (const { reads } of made) for (const { source } of reads) held.set(source, source.map);
  return {
    inputs: before.inputs,
    items,
    cells,
    results: sameItems(before.results, results) ? before.results : results,
    reported: cells.filter(({ reported }) => reported.length > 0).flatMap(({ reported }) => reported),
    held,
  };
}

/** `changed`: the sources that are not what they were when it last held. */
const holds = ({ reads }: Cell, changed: ReadonlySet<Source<unknown>>): boolean =>
  changed.size === 0 ||
  reads.every(
    ({ source, key, value }) => !changed.has(source) || (key === null ? source.map : source.map.get(key)) === value,
  );

/** All but what two lists have in common at their start and their end: `before` from `start` to `end` is `gone`. */
function difference<I>(
  before: readonly I[],
  after: readonly I[],
): { start: number; end: number; now: readonly I[]; gone: readonly I[] } {
  const most = Math.min(before.length, after.length);
  let start = 0;
  while (start < most && before[start] === after[start]) start++;
  let same = 0;
  while (same < most - start && before[before.length - 1 - same] === after[after.length - 1 - same]) same++;
  const end = before.length - same;
  return { start, end, now: after.slice(start, after.length - same), gone: before.slice(start, end) };
}

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
