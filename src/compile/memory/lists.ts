/** Comparison of lists by the identity of their items. */

/**
 * The difference of two lists that have their start and their end in common: `before` from `start` to `end` is `removed`,
 * and `after` has `added` in its place.
 */
export function difference<I>(
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

/** Whether two lists have the same items in the same order. */
export const sameItems = (a: readonly unknown[], b: readonly unknown[]): boolean =>
  a === b || (a.length === b.length && a.every((item, index) => item === b[index]));
