/**
 * Flow collections whose lines are indented less than YAML 1.2 §7.4 and §6.3 ask, or by tabs, and those with tabs between
 * their tokens (§6.2), all of which js-yaml refuses. kubectl's parser takes them, so operators write them:
 *
 *     data: {
 *     →"key": "value"
 *     }
 *     ports:
 *     -→{name: https, port: 443}
 */
import type { Span } from "./parts.ts";

/** A text to be parsed, and where in the original its characters stand. */
export interface Indented {
  readonly source: string;
  readonly toOriginal: (offset: number) => number;
}

export const unchanged = (source: string): Indented => ({ source, toOriginal: (offset) => offset });

/** What js-yaml says of such a line, and of no other. */
export const DEFICIENT = "deficient indentation";
/** Of one document; each is one more parse of it. */
const MAX_TRIES = 1_000;
const SPACES = 64;

/**
 * Indents line after line and writes spaces for tabs, as long as `deficientAt` names a place: white space before these
 * tokens means nothing, whatever its kind and length, so the value is the author's. Gives the last text that was tried.
 */
export function indentFlow(source: string, deficientAt: (source: string) => number | null): Indented {
  let text = source;
  /** Offset in the original of each line that was moved, and by how much. */
  const moved: Span[] = [];
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
    // Twice as far, where it was not enough.
    if (known >= 0) moved[known] = [original, spaces * 2];
    else moved.push([original, spaces]);
    moved.sort(([a], [b]) => a - b);
    text = `${text.slice(0, start)}${" ".repeat(spaces)}${text.slice(start)}`;
  }
  return { source: text, toOriginal };
}

/**
 * A space for each tab in `[start, at)` that separates tokens. A tab of a quoted or plain text is part of the value, and
 * js-yaml does not mind it: it stays when the place is sound with this one tab among spaces.
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
