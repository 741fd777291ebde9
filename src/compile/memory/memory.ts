/**
 * The memory of one compilation for the next one, so that a controller compiles only what a change affects. A pass makes a
 * result for each of its items, and looks other things up in maps that the memory has wrapped ({@link Memory.source}). The
 * memory notes every such lookup. In the next compilation it keeps a result as long as its item is the same object as
 * before, and every lookup finds the same object as before.
 *
 * Whatever has not changed must therefore stay the same object, in the store of the controller and in the results of every
 * pass. A new memory remembers nothing: with it, the same passes compile from scratch.
 */
import type { TextMaker } from "../../bundle/layout.ts";
import { type Diagnostic, Diagnostics } from "../diagnostics/diagnostics.ts";
import { type Group, type Grouping, NO_GROUPS, regroup } from "./groups.ts";
import { difference, sameItems } from "./lists.ts";
import { type Lookup, Source } from "./source.ts";
import { RememberingTextMaker } from "./texts.ts";

/** The result that a pass made for one item, with the lookups and diagnostics of making it. */
interface MadeResult {
  readonly result: unknown;
  readonly lookups: readonly Lookup[];
  readonly reported: readonly Diagnostic[];
}

/** The last run of a pass. */
interface Pass {
  readonly given: readonly unknown[];
  readonly items: readonly object[];
  /** One for each item, in their order. */
  readonly made: readonly MadeResult[];
  readonly results: readonly unknown[];
  readonly reported: readonly Diagnostic[];
  /** The map behind each source that the pass looked things up in. */
  readonly sources: ReadonlyMap<Source<unknown>, ReadonlyMap<string, unknown>>;
}

/** The inputs of a pass, besides lookups. All are compared by identity. */
export interface PassInputs<I> {
  /** One result is made for each item. No item may appear twice. */
  readonly items: readonly I[];
  /** Inputs of all results: when one of them changes, every result is made again. */
  readonly given?: readonly unknown[];
}

/** Results of passes by name. A name may be used once in a run, since its second use would overwrite what the first left. */
export class Memory {
  readonly #sources = new Map<string, Source<unknown>>();
  readonly #passes = new Map<string, Pass>();
  readonly #groupings = new Map<string, Grouping<object>>();
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
    this.use("source", name);
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
    this.use("pass", name);
    const last = this.#passes.get(name);
    const before = last !== undefined && sameItems(last.given, given) ? last : { ...NOTHING, given };
    const changed = new Set([...before.sources].flatMap(([source, map]) => (source.map === map ? [] : [source])));
    const { start, end, added, removed } = difference<object>(before.items, items);
    let pass = before;
    if (changed.size > 0 || added.length > 0 || removed.length > 0) {
      const earlier = new Map<object, MadeResult | undefined>(
        removed.map((item, index) => [item, before.made[start + index]]),
      );
      const fresh: MadeResult[] = [];
      const keepOrMake = (item: I, known: MadeResult | undefined): MadeResult => {
        if (known !== undefined && findsTheSame(known, changed)) return known;
        const made = this.#make(item, make);
        fresh.push(made);
        return made;
      };
      /**
       * Results that were made for the unchanged items between two places of the last run; `shift` is how far they have
       * moved.
       */
      const unchanged = (from: number, to: number, shift: number): readonly MadeResult[] => {
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
    this.use("group", name);
    const before = (this.#groupings.get(name) ?? NO_GROUPS) as Grouping<I>;
    const next = regroup(before, items, keysOf, compare);
    this.#groupings.set(name, next);
    return next.groups;
  }

  /** Texts of objects in bundles. An object whose text was asked for must never change. */
  readonly texts: TextMaker = new RememberingTextMaker();

  /** Forgets the passes, groups and sources whose names start with `prefix`, because their subject no longer exists. */
  forget(prefix: string): void {
    for (const map of [this.#passes, this.#groupings, this.#sources])
      for (const name of map.keys()) if (name.startsWith(prefix)) map.delete(name);
  }

  /** Notes that a name is used in this run. Throws when it has been used in this run before. */
  protected use(what: "source" | "pass" | "group", name: string): void {
    const key = `${what} ${name}`;
    if (this.#used.has(key)) throw new RangeError(`the ${what} ${JSON.stringify(name)} is used twice in one run`);
    this.#used.add(key);
  }

  #make<I>(item: I, make: (item: I, own: Diagnostics) => unknown): MadeResult {
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

const NOTHING: Omit<Pass, "given"> = { items: [], made: [], results: [], reported: [], sources: new Map() };

/** The run of a pass that follows the run `before`. `fresh` are the items of `made` that were made in this run. */
function passOf(
  before: Pass,
  items: readonly object[],
  made: readonly MadeResult[],
  fresh: readonly MadeResult[],
): Pass {
  const results: unknown[] = [];
  const all: Diagnostic[] = [];
  for (const { result, reported } of made) {
    results.push(result);
    if (reported.length > 0) all.push(...reported);
  }
  const sources = new Map([...before.sources.keys()].map((source) => [source, source.map]));
  for (const { lookups } of fresh) for (const { source } of lookups) sources.set(source, source.map);
  return {
    given: before.given,
    items,
    made,
    results: sameItems(before.results, results) ? before.results : results,
    reported: all,
    sources,
  };
}

/** Whether every lookup of a result finds what it found before. Only the sources in `changed` can give anything else. */
const findsTheSame = ({ lookups }: MadeResult, changed: ReadonlySet<Source<unknown>>): boolean =>
  changed.size === 0 ||
  lookups.every(
    ({ source, key, value }) => !changed.has(source) || (key === null ? source.map : source.map.get(key)) === value,
  );
