/** Node's raw fields as an exchange has them. */

/** `[name, value, …]` as pairs, names in lower case. */
export function pairs(raw: readonly string[]): [string, string][] {
  const list: [string, string][] = [];
  for (let at = 0; at + 1 < raw.length; at += 2) list.push([(raw[at] ?? "").toLowerCase(), raw[at + 1] ?? ""]);
  return list;
}
