/** Groups of items by key, which are kept where none of their items has changed. */
import { compareStrings } from "../diagnostics/diagnostics.ts";
import { difference } from "./lists.ts";

/** The items that have one key in common. A group stays the same object until one of its items changes. */
export interface Group<I> {
  readonly key: string;
  readonly items: readonly I[];
}

/** Items, and the groups that they form. */
export interface Grouping<I> {
  readonly items: readonly I[];
  /** Groups by key, sorted by key. */
  readonly groups: ReadonlyMap<string, Group<I>>;
}

/** The grouping of no items. */
export const NO_GROUPS: Grouping<never> = { items: [], groups: new Map() };

/** The grouping of `items`, in which groups of `before` are kept where nothing has changed; `before` itself if nothing has. */
export function regroup<I>(
  before: Grouping<I>,
  items: readonly I[],
  keysOf: (item: I) => readonly string[],
  compare: (a: I, b: I) => number,
): Grouping<I> {
  const { groups } = before;
  const { added, removed } = difference(before.items, items);
  if (added.length === 0 && removed.length === 0) return before;
  // The difference of two lists may have an item on both sides: such an item has moved, and its groups are as before.
  const then = new Set(removed);
  const now = new Set(removed.length === 0 ? [] : added);
  const isGone = (item: I): boolean => then.has(item) && !now.has(item);
  const changed = new Map<string, I[]>();
  const groupsToChange = (item: I): I[][] =>
    keysOf(item).map((key) => {
      let own = changed.get(key);
      if (own === undefined) {
        own = groups.get(key)?.items.filter((each) => !isGone(each)) ?? [];
        changed.set(key, own);
      }
      return own;
    });
  for (const item of removed) if (isGone(item)) groupsToChange(item);
  for (const item of added) if (!then.has(item)) for (const own of groupsToChange(item)) own.push(item);
  return { items, groups: changed.size === 0 ? groups : replaceGroups(groups, changed, compare) };
}

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
      next.set(key, { key, items: items.length > 1 ? items.sort(compare) : items });
    }
  }
  if (isSorted) return next;
  const sorted = [...next.values()].sort((a, b) => compareStrings(a.key, b.key));
  return new Map(sorted.map((group) => [group.key, group]));
}
