/**
 * Lines of flow collections and quoted texts that are indented less than YAML 1.2 §7.4 and §6.3 ask, or by tabs. kubectl's
 * parser takes them, so operators write them:
 *
 *     data: {
 *     →"key": "value"
 *     }
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
/** Each is one more parse of the document. */
const MAX_LINES = 1_000;
const SPACES = 64;

/**
 * Indents line after line, as long as `deficientAt` names one: leading white space of these lines means nothing, whatever
 * its length, so the value is the author's. Gives the last text that was tried.
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
  for (let line = 0; line < MAX_LINES; line++) {
    const at = deficientAt(text);
    if (at === null) break;
    const start = Math.max(text.lastIndexOf("\n", at - 1), text.lastIndexOf("\r", at - 1)) + 1;
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
