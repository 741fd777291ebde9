/**
 * The layout of a bundle's text: one line for each rule, host, backend, policy, certificate, anchor and set of
 * anchors, and one for each other field. So the texts of two bundles differ in the lines of the entries that differ.
 * The text is ordinary JSON as well.
 */
import { canonicalJson } from "./canonical.ts";
import type { Bundle } from "./types.ts";

/**
 * Fields that are maps whose entries have a line each. The rules and each listener's hosts are lists laid out alike.
 */
export const MAPS: ReadonlySet<string> = new Set(["anchorSets", "anchors", "backends", "certificates", "policies"]);
/** The end of the line on which a listener starts; its hosts follow, one line each. */
export const HOSTS = `"hosts":[`;

/** A maker of the texts of entries. One makes each text again whenever it is asked, another one remembers texts. */
export interface TextMaker {
  /**
   * Canonical JSON of an entry, after its key when it is in a map. The same value may be asked for again, under the
   * same key.
   */
  entry(value: unknown, key?: string): string;
  /** The text of all entries of the list or map `of`, which `list` finds when the text is not in memory. */
  entries(of: object, list: () => Entries): string;
}

/** The entries of a list or a map; `keys` is null for a list. */
export interface Entries {
  readonly values: readonly unknown[];
  readonly keys: readonly string[] | null;
}

/** The text of entries, one line each. */
export const joinEntries = ({ values, keys }: Entries, { entry }: Pick<TextMaker, "entry">): string =>
  values.map((value, index) => entry(value, keys?.[index])).join(",\n");

/** The maker that remembers no text. */
export const TEXT_MAKER: TextMaker = {
  entry: (value, key) => (key === undefined ? canonicalJson(value) : `${JSON.stringify(key)}:${canonicalJson(value)}`),
  entries: (_, list) => joinEntries(list(), TEXT_MAKER),
};

/**
 * Lays fields out as canonical text, sorted by name. The answer has the lines of the text, but all entries of a
 * field as one string.
 */
export function layOut(fields: Readonly<Record<string, unknown>>, texts: TextMaker): string[] {
  const names = Object.keys(fields)
    .filter((name) => fields[name] !== undefined)
    .sort();
  const lines = ["{"];
  for (const [index, name] of names.entries()) {
    const comma = index === names.length - 1 ? "" : ",";
    lines.push(
      ...layOutField(name, fields[name], texts).map((line, at, all) => (at === all.length - 1 ? line + comma : line)),
    );
  }
  lines.push("}");
  return lines;
}

function layOutField(name: string, value: unknown, texts: TextMaker): string[] {
  const start = `${JSON.stringify(name)}:`;
  if (MAPS.has(name) && value !== null && typeof value === "object") {
    const entries = value as Readonly<Record<string, unknown>>;
    const list = (): Entries => {
      const keys = Object.keys(entries).sort();
      return { keys, values: keys.map((key) => entries[key]) };
    };
    return [`${start}{`, ...joinedEntries(entries, list, texts), "}"];
  }
  if (name === "rules" && Array.isArray(value))
    return [`${start}[`, ...joinedEntries(value, () => ({ values: value, keys: null }), texts), "]"];
  if (name === "listeners" && Array.isArray(value)) {
    const listeners = value.map((listener) => layOutListener(listener, texts));
    return [`${start}[`, ...(listeners.length === 0 ? [] : [listeners.join(",\n")]), "]"];
  }
  return [texts.entry(value, name)];
}

/** The entries as one string in a list; an empty list when there are no entries. */
function joinedEntries(of: object, list: () => Entries, texts: TextMaker): string[] {
  const text = texts.entries(of, list);
  return text === "" ? [] : [text];
}

function layOutListener(listener: Bundle["listeners"][number], texts: TextMaker): string {
  const { hosts } = listener;
  if (!Array.isArray(hosts)) return texts.entry(listener);
  // Every field name of a listener is known, so the empty list of hosts stands in its text exactly once outside of a
  // string.
  const text = texts.entry({ ...listener, hosts: [] });
  const at = text.indexOf(`${HOSTS}]`) + HOSTS.length;
  const own = joinedEntries(hosts, () => ({ values: hosts, keys: null }), texts);
  return [text.slice(0, at), ...own, text.slice(at)].join("\n");
}
