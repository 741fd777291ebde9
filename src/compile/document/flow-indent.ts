/**
 * Flow collections that js-yaml refuses and kubectl accepts, so that operators write them: lines that are indented less than
 * YAML 1.2 §7.4 and §6.3 ask, or by tabs, and tabs between tokens (§6.2). For example:
 *
 *     data: {
 *     →"key": "value"
 *     }
 *     ports:
 *     -→{name: https, port: 443}
 */
import type { TextRange } from "./parts.ts";

/** A text that js-yaml accepts in place of the original one. */
export interface Indented {
  readonly source: string;
  /** Offset in the original of an offset in `source`. */
  readonly toOriginal: (offset: number) => number;
}

/** A text that js-yaml accepts as it is. */
export const unchanged = (source: string): Indented => ({ source, toOriginal: (offset) => offset });

/** The message of js-yaml about a line that is indented too little. No other fault has this message. */
export const DEFICIENT = "deficient indentation";
/** Attempts for one document; each of them parses it. */
const MAX_TRIES = 1_000;
/** Spaces that are put before a line at first. */
const SPACES = 64;

/**
 * Indents lines and replaces tabs by spaces while `deficientAt` names a place that js-yaml refuses. The result has the same
 * value, since white space before such tokens has no meaning. Gives the last text that was tried, which may still be refused.
 */
export function indentFlow(source: string, deficientAt: (source: string) => number | null): Indented {
  let text = source;
  /** Offset in the original of each line that was indented, and by how many spaces. */
  const moved: TextRange[] = [];
  const toOriginal = (offset: number): number => {
    let before = 0;
    for (const [at, spaces] of moved) {
      if (at + before > offset) break;
      before += Math.min(spaces, offset - (at + before));
    }
    return offset - before;
  };
  let tries = 0;
  const attempt = (candidate: string): number | null => (++tries > MAX_TRIES ? null : deficientAt(candidate));
  for (let at = attempt(text); at !== null; at = attempt(text)) {
    const start = Math.max(text.lastIndexOf("\n", at - 1), text.lastIndexOf("\r", at - 1)) + 1;
    if (/[^ \t]/.test(text.slice(start, at))) {
      const spaced = withoutTabs(text, start, at, attempt);
      if (spaced === text) break;
      text = spaced;
      continue;
    }
    const original = toOriginal(start);
    const known = moved.findIndex(([offset]) => offset === original);
    const spaces = known < 0 ? SPACES : (moved[known]?.[1] ?? SPACES);
    // A line for which the spaces were not enough gets twice as many.
    if (known >= 0) moved[known] = [original, spaces * 2];
    else moved.push([original, spaces]);
    moved.sort(([a], [b]) => a - b);
    text = `${text.slice(0, start)}${" ".repeat(spaces)}${text.slice(start)}`;
  }
  return { source: text, toOriginal };
}

/**
 * The text with a space for each tab in `[start, at)` that separates tokens. A tab in a quoted or plain scalar is part of the
 * value, and js-yaml accepts it: such a tab is kept, which shows when js-yaml accepts the place with this tab among spaces.
 */
function withoutTabs(text: string, start: number, at: number, deficientAt: (source: string) => number | null): string {
  const before = text.slice(start, at);
  const tabs = [...before.matchAll(/\t/g)].map(({ index }) => index);
  const parts = before.split("");
  const withLine = (line: readonly string[]): string => `${text.slice(0, start)}${line.join("")}${text.slice(at)}`;
  const spaced = parts.map((character) => (character === "\t" ? " " : character));
  for (const tab of tabs) if (deficientAt(withLine(spaced.with(tab, "\t"))) === at) parts[tab] = " ";
  return withLine(parts);
}
