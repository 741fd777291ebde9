/** Whether a name may be another one, misspelt. */

/** The names in `known` of which `name` may be a misspelling. */
export const nearNames = (name: string, known: readonly string[]): readonly string[] =>
  known.filter((other) => isNear(name, other));

/**
 * Whether one name may be the other one, misspelt: they differ in case, by a suffix or prefix (`app`, `app-svc`,
 * `app.shop.svc`), by one edit in names of up to 4 characters, or by up to two edits in longer names.
 */
export function isNear(a: string, b: string): boolean {
  const [one, other] = [a.toLowerCase(), b.toLowerCase()];
  const [short, long] = one.length <= other.length ? [one, other] : [other, one];
  // RFC 1035 §2.3.4: a label has at most 63 characters, and a Service's name is a label.
  if (short === "" || short.length > 63) return false;
  if (long.startsWith(`${short}-`) || long.startsWith(`${short}.`) || long.endsWith(`-${short}`)) return true;
  const most = short.length <= 4 ? 1 : 2;
  return long.length - short.length <= most && isWithin(short, long, most);
}

/** Whether the optimal string alignment distance (insertions, deletions, substitutions, swaps of neighbours) is at most `most`. */
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
    // A swap reads the row before the last one, so the search ends only when every distance in both rows is above `most`.
    if (Math.min(...row) > most && Math.min(...last) > most) return false;
    [beforeLast, last] = [last, row];
  }
  return (last[b.length] ?? Infinity) <= most;
}
