/** Header fields in Node's raw form, turned into the form of an exchange. */

/** The pairs of a list `[name, value, name, value, …]`, with names in lower case. */
export function pairs(raw: readonly string[]): [string, string][] {
  const list: [string, string][] = [];
  for (let at = 0; at + 1 < raw.length; at += 2) list.push([(raw[at] ?? "").toLowerCase(), raw[at + 1] ?? ""]);
  return list;
}
