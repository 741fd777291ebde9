/** Names that may have been meant. */

/** Of `known`, what `name` may stand for. */
export const nearNames = (name: string, known: readonly string[]): readonly string[] =>
  known.filter((other) => isNear(name, other));

/**
 * Whether one name may be the other misspelt: upper case, a suffix or prefix too many or too few (`app`, `app-svc`,
 * `app.shop.svc`), or one edit in up to 4 characters, two in more.
 */
export function isNear(a: string, b: string): boolean {
  const [one, other] = [a.toLowerCase(), b.toLowerCase()];
  const [short, long] = one.length <= other.length ? [one, other] : [other, one];
  // RFC 1035 §2.3.4: a Service's name is a label.
  if (short === "" || short.length > 63) return false;
  if (long.startsWith(`${short}-`) || long.startsWith(`${short}.`) || long.endsWith(`-${short}`)) return true;
  const most = short.length <= 4 ? 1 : 2;
  return long.length - short.length <= most && isWithin(short, long, most);
}

/** Optimal string alignment distance: insertions, deletions, substitutions, and swaps of neighbours. */
function isWithin(a: string, b: string, most: number): boolean {
  let [beforeLast, last]: [number[], number[]] = [[], Array.from({ length: b.length + 1 }, (_, index) => index)];
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const swap =
        i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1] ? (beforeLast[j - 2] ?? 0) + 1 : Infinity;
      const change = (last[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      row.push(Math.min(change, swap, (last[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1));
    }
    // A swap reaches back two rows.
    if (Math.min(...row) > most && Math.min(...last) > most) return false;
    [beforeLast, last] = [last, row];
  }
  return (last[b.length] ?? Infinity) <= most;
}
