/** The memory of a compilation that is never followed by another one: it keeps nothing. */
import { type TextMaker, TEXT_MAKER } from "../../bundle/layout.ts";
import type { Diagnostics } from "../diagnostics/diagnostics.ts";
import { type Group, NO_GROUPS, regroup } from "./groups.ts";
import { Memory, type PassInputs } from "./memory.ts";

/**
 * Memory for one run. Passes give the same results with it as with a new {@link Memory}, for less time and space, since no
 * lookup is noted.
 */
export class SingleRunMemory extends Memory {
  override readonly texts: TextMaker = TEXT_MAKER;

  override source<V>(name: string, map: ReadonlyMap<string, V>): ReadonlyMap<string, V> {
    this.use("source", name);
    return map;
  }

  override each<I extends object, R>(
    name: string,
    { items }: PassInputs<I>,
    diagnostics: Diagnostics,
    make: (item: I, own: Diagnostics) => R,
  ): readonly R[] {
    this.use("pass", name);
    return items.map((item) => make(item, diagnostics));
  }

  override group<I extends object>(
    name: string,
    items: readonly I[],
    keysOf: (item: I) => readonly string[],
    compare: (a: I, b: I) => number,
  ): ReadonlyMap<string, Group<I>> {
    this.use("group", name);
    return regroup<I>(NO_GROUPS, items, keysOf, compare).groups;
  }
}
