/**
 * What one compilation remembers for the next one, so that a controller compiles only what a change affects. A pass makes a
 * result for each of its items, and looks other things up in maps that the memory has wrapped ({@link Memory.source}). The
 * memory notes every such lookup. In the next compilation it keeps a result as long as its item is the same object as
 * before, and every lookup finds the same object as before.
 *
 * Whatever has not changed must therefore stay the same object, in the store of the controller and in the results of every
 * pass. A new memory remembers nothing: with it, the same passes compile from scratch, as `build` does.
 */
import { type Entries, joinEntries, type Texts, TEXTS } from "../bundle/lines.ts";
import { compareStrings, type Diagnostic, Diagnostics } from "./diagnostics/diagnostics.ts";

/** A lookup of `key` in a source, and what it found. Where `key` is null, the source as a whole was read. */
interface Lookup {
  readonly source: Source<unknown>;
  readonly key: string | null;
  readonly value: unknown;
}

/** The result that a pass made for one item, with the lookups and diagnostics of making it. */
interface Made {
  readonly result: unknown;
  readonly lookups: readonly Lookup[];
  readonly reported: readonly Diagnostic[];
}

/** The last run of a pass. */
interface Pass {
  readonly given: readonly unknown[];
  readonly items: readonly object[];
  /** One for each item, in their order. */
  readonly made: readonly Made[];
  readonly results: readonly unknown[];
  readonly reported: readonly Diagnostic[];
  /** The map behind each source that the pass looked things up in. */
  readonly sources: ReadonlyMap<Source<unknown>, ReadonlyMap<string, unknown>>;
}

/** The items that have one key in common. It stays the same object until one of its items changes. */
export interface Group<I> {
  readonly key: string;
  readonly items: readonly I[];
}

interface Grouping {
  readonly items: readonly object[];
  readonly groups: ReadonlyMap<string, Group<object>>;
}

/** What a pass makes its results from, besides lookups. All are compared by identity. */
interface PassInputs<I> {
  /** One result is made for each item. No item may appear twice. */
  readonly items: readonly I[];
  /** Inputs of all results: when one of them changes, every result is made again. */
  readonly given?: readonly unknown[];
}

/** Results of passes by name. A name may be used once in a run, since its second use would overwrite what the first left. */
export class Memory {
  readonly #sources = new Map<string, Source<unknown>>();
  readonly #passes = new Map<string, Pass>();
  readonly #groupings = new Map<string, Grouping>();
  readonly #texts = new WeakMap<object, { readonly key: string | undefined; readonly text: string }>();
  readonly #chunks = new WeakMap<object, Entries & { readonly text: string }>();
  /** Names used in this run, each with what it was used for. */
  readonly #used = new Set<string>();
  /** Lookups of the result that is being made; null between results. */
  #lookups: Lookup[] | null = null;

  /** Begins a compilation: every name may be used again. */
  startRun(): void {
    this.#used.clear();
  }

  /** Wraps a map, so that lookups in it are noted. Passes must read it through the wrapper alone. */
  source<V>(name: string, map: ReadonlyMap<string, V>): ReadonlyMap<string, V> {
    this.#use("source", name);
    let source = this.#sources.get(name);
    if (source === undefined) this.#sources.set(name, (source = new Source((lookup) => this.#lookups?.push(lookup))));
    source.map = map;
    return source as Source<V>;
  }

  /** A pass with one result, which is made again when a lookup or one of `given` changes. */
  once<R>(name: string, given: readonly unknown[], diagnostics: Diagnostics, make: (own: Diagnostics) => R): R {
    const [result] = this.each(name, { items: [SINGLE], given }, diagnostics, (_, own) => make(own));
    return result as R;
  }

  /**
   * A pass with one result for each item, in the order of the items. Gives the same list as before when no result changed.
   * Diagnostics of a result that is kept are added again. `make` must not run another pass.
   */
  each<I extends object, R>(
    name: string,
    { items, given = [] }: PassInputs<I>,
    diagnostics: Diagnostics,
    make: (item: I, own: Diagnostics) => R,
  ): readonly R[] {
    this.#use("pass", name);
    const last = this.#passes.get(name);
    const before = last !== undefined && sameItems(last.given, given) ? last : { ...NOTHING, given };
    const changed = new Set([...before.sources].flatMap(([source, map]) => (source.map === map ? [] : [source])));
    const { start, end, added, removed } = difference<object>(before.items, items);
    let pass = before;
    if (changed.size > 0 || added.length > 0 || removed.length > 0) {
      const earlier = new Map<object, Made | undefined>(
        removed.map((item, index) => [item, before.made[start + index]]),
      );
      const fresh: Made[] = [];
      const keepOrMake = (item: I, known: Made | undefined): Made => {
        if (known !== undefined && holds(known, changed)) return known;
        const made = this.#make(item, make);
        fresh.push(made);
        return made;
      };
      /** What was made for the unchanged items between two places of the last run; `shift` is how far they have moved. */
      const unchanged = (from: number, to: number, shift: number): readonly Made[] => {
        const made = before.made.slice(from, to);
        if (changed.size === 0) return made;
        return made.map((known, index) => keepOrMake(items[from + shift + index] as I, known));
      };
      const shift = items.length - before.items.length;
      const made = unchanged(0, start, 0).concat(
        items.slice(start, start + added.length).map((item) => keepOrMake(item, earlier.get(item))),
        unchanged(end, before.items.length, shift),
      );
      pass = passOf(before, items, made, fresh);
    }
    this.#passes.set(name, pass);
    for (const diagnostic of pass.reported) diagnostics.add(diagnostic);
    return pass.results as readonly R[];
  }

  /**
   * Groups of items by each of their keys, sorted by key; the items of a group are sorted by `compare`. `keysOf` may look at
   * the item alone. Gives the same map as before when nothing changed.
   */
  group<I extends object>(
    name: string,
    items: readonly I[],
    keysOf: (item: I) => readonly string[],
    compare: (a: I, b: I) => number,
  ): ReadonlyMap<string, Group<I>> {
    this.#use("group", name);
    const before = this.#groupings.get(name) ?? NO_GROUPS;
    const groups = before.groups as ReadonlyMap<string, Group<I>>;
    const { added, removed } = difference(before.items as readonly I[], items);
    if (added.length === 0 && removed.length === 0) return groups;
    // The difference of two lists may hold an item on both sides: it has moved, and its groups are as before.
    const [now, then] = [new Set(added), new Set(removed)];
    const isGone = (item: I): boolean => then.has(item) && !now.has(item);
    const changed = new Map<string, I[]>();
    const groupsToChange = (item: I): I[][] =>
      keysOf(item).map((key) => {
        let own = changed.get(key);
        if (own === undefined) changed.set(key, (own = (groups.get(key)?.items ?? []).filter((each) => !isGone(each))));
        return own;
      });
    for (const item of removed) if (isGone(item)) groupsToChange(item);
    for (const item of added) if (!then.has(item)) for (const own of groupsToChange(item)) own.push(item);
    const next = changed.size === 0 ? groups : replaceGroups(groups, changed, compare);
    this.#groupings.set(name, { items, groups: next });
    return next;
  }

  /** {@link TEXTS} that remembers the text of every object, which must therefore never change. */
  readonly texts: Texts = {
    entry: (value, key) => {
      if (value === null || typeof value !== "object") return TEXTS.entry(value, key);
      // A concatenated string is kept as a tree of its parts, which every later join would walk: the copy is flat.
      const make = (): string => Buffer.from(TEXTS.entry(value, key)).toString();
      return this.#text(value, key, make);
    },
    entries: (of, list) => this.#text(of, undefined, () => this.#joined(list())),
  };

  /** The text of a long list, joined chunk by chunk: when one entry changes, the texts of the other chunks are kept. */
  #joined({ values, keys }: Entries): string {
    const chunks: string[] = [];
    for (let from = 0; from < values.length; from += CHUNK) {
      const own = { values: values.slice(from, from + CHUNK), keys: keys?.slice(from, from + CHUNK) ?? null };
      const [first] = own.values;
      const holder = first !== null && typeof first === "object" ? first : own;
      let known = this.#chunks.get(holder);
      if (known === undefined || !sameItems(known.values, own.values) || !sameItems(known.keys ?? [], own.keys ?? [])) {
        known = { ...own, text: joinEntries(own, this.texts) };
        this.#chunks.set(holder, known);
      }
      chunks.push(known.text);
    }
    return chunks.join(",\n");
  }

  #text(of: object, key: string | undefined, make: () => string): string {
    const known = this.#texts.get(of);
    if (known !== undefined && known.key === key) return known.text;
    const text = make();
    this.#texts.set(of, { key, text });
    return text;
  }

  /** Forgets the passes, groups and sources whose names start with `prefix`, because their subject no longer exists. */
  forget(prefix: string): void {
    for (const map of [this.#passes, this.#groupings, this.#sources])
      for (const name of map.keys()) if (name.startsWith(prefix)) map.delete(name);
  }

  #use(what: "source" | "pass" | "group", name: string): void {
    const key = `${what} ${name}`;
    if (this.#used.has(key)) throw new RangeError(`the ${what} ${JSON.stringify(name)} is used twice in one run`);
    this.#used.add(key);
  }

  #make<I>(item: I, make: (item: I, own: Diagnostics) => unknown): Made {
    if (this.#lookups !== null) throw new RangeError("a pass runs inside of another pass");
    const lookups: Lookup[] = [];
    const own = new Diagnostics();
    this.#lookups = lookups;
    try {
      return { result: make(item, own), lookups, reported: own.all };
    } finally {
      this.#lookups = null;
    }
  }
}

/** The only item of a pass with one result. */
const SINGLE: object = {};
/** Entries in one chunk of a long text. */
const CHUNK = 128;

const NO_GROUPS: Grouping = { items: [], groups: new Map() };
const NOTHING: Omit<Pass, "given"> = { items: [], made: [], results: [], reported: [], sources: new Map() };

/** The run of a pass that follows `before`. `fresh` are those of `made` that were not kept. */
function passOf(before: Pass, items: readonly object[], made: readonly Made[], fresh: readonly Made[]): Pass {
  const results = made.map(({ result }) => result);
  const sources = new Map([...before.sources.keys()].map((source) => [source, source.map]));
  for (const { lookups } of fresh) for (const { source } of lookups) sources.set(source, source.map);
  return {
    given: before.given,
    items,
    made,
    results: sameItems(before.results, results) ? before.results : results,
    reported: made.filter(({ reported }) => reported.length > 0).flatMap(({ reported }) => reported),
    sources,
  };
}

/** Whether every lookup of a result finds what it found before. Only the sources in `changed` can give anything else. */
const holds = ({ lookups }: Made, changed: ReadonlySet<Source<unknown>>): boolean =>
  changed.size === 0 ||
  lookups.every(
    ({ source, key, value }) => !changed.has(source) || (key === null ? source.map : source.map.get(key)) === value,
  );

/**
 * The difference of two lists that have their start and their end in common: `before` from `start` to `end` is `removed`,
 * and `after` has `added` in its place.
 */
function difference<I>(
  before: readonly I[],
  after: readonly I[],
): { start: number; end: number; added: readonly I[]; removed: readonly I[] } {
  const most = Math.min(before.length, after.length);
  let start = 0;
  while (start < most && before[start] === after[start]) start++;
  let same = 0;
  while (same < most - start && before[before.length - 1 - same] === after[after.length - 1 - same]) same++;
  const end = before.length - same;
  return { start, end, added: after.slice(start, after.length - same), removed: before.slice(start, end) };
}

const sameItems = (a: readonly unknown[], b: readonly unknown[]): boolean =>
  a === b || (a.length === b.length && a.every((item, index) => item === b[index]));

function replaceGroups<I>(
  groups: ReadonlyMap<string, Group<I>>,
  changed: ReadonlyMap<string, I[]>,
  compare: (a: I, b: I) => number,
): ReadonlyMap<string, Group<I>> {
  const next = new Map(groups);
  let isSorted = true;
  for (const [key, items] of changed) {
    if (items.length === 0) next.delete(key);
    else {
      isSorted &&= next.has(key);
      next.set(key, { key, items: items.sort(compare) });
    }
  }
  return isSorted ? next : new Map([...next].sort(([a], [b]) => compareStrings(a, b)));
}

/** A map that notes every lookup in it. */
class Source<V> implements ReadonlyMap<string, V> {
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
