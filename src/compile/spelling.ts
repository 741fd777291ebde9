/** Names that may have been meant. */

/** Letters to insert, remove or exchange to get from one text to the other (Levenshtein); stops above `limit`. */
export function distance(a: string, b: string, limit: number): number {
  if (Math.abs(a.length - b.length) > limit) return limit + 1;
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (const [index, letter] of a.split("").entries()) {
    const next = [index + 1];
    for (const [column, other] of b.split("").entries()) {
      const exchanged = (row[column] ?? 0) + (letter === other ? 0 : 1);
      next.push(Math.min(exchanged, (row[column + 1] ?? 0) + 1, (next[column] ?? 0) + 1));
    }
    if (Math.min(...next) > limit) return limit + 1;
    row = next;
  }
  return row.at(-1) ?? 0;
}

/** The one of `known` that differs in the fewest letters, at most in a third of them and in three; null: none does. */
export function similarTo(name: string, known: Iterable<string>): string | null {
  let best: string | null = null;
  let least = Math.min(3, Math.floor(name.length / 3)) + 1;
  for (const each of known) {
    const letters = each === name ? least : distance(name, each, least - 1);
    if (letters < least) [best, least] = [each, letters];
  }
  return best;
}
