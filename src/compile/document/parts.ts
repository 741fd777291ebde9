/** Which parts of a text are read alone: YAML documents, and JSON values one after another. */

/** `[from, to)` of a text. */
export type Span = readonly [from: number, to: number];

/**
 * Parts that can be read alone, so that one document's events are gone before the next one's come. `---` at a line's start
 * is a document's start wherever it stands (YAML 1.2 §9.1.2), but directives belong to the next. Each may have a byte
 * order mark (§5.2), as files have that were written by Windows and joined: it belongs to none.
 */
export function partsOf(source: string): Span[] {
  const marks = /(?:^|[\n\r])\uFEFF?%/.test(source)
    ? []
    : [...source.matchAll(/[\n\r](\uFEFF?)---(?=[ \t\n\r]|$)/g)].map(({ index, 1: mark = "" }) => ({
        end: index + 1,
        start: index + 1 + mark.length,
      }));
  const starts = [{ end: 0, start: 0 }, ...marks];
  return starts.map(({ start }, index) => {
    const end = starts[index + 1]?.end ?? source.length;
    const afterMark = /^---[ \t]*\r?\n?\uFEFF/.exec(source.slice(start, start + 80));
    return [afterMark === null ? start : start + afterMark[0].length, end];
  });
}

/**
 * JSON values that follow one another, with or without a line's end between them, as `jq` and loops around
 * `kubectl get -o json` write them; null: the text is something else, or one value. The last may be cut off,
 * or something else.
 */
export function jsonValues(source: string): Span[] | null {
  const spans: Span[] = [];
  let depth = 0;
  let start = 0;
  // A document's start may stand before them.
  const from = /^---[ \t]*[\r\n]/.exec(source)?.[0].length ?? 0;
  for (const { 0: token, index: at } of source.slice(from).matchAll(/"[^"\\]*(?:\\[^][^"\\]*)*"|[^\s]/g)) {
    const index = from + at;
    const opens = token === "{" || token === "[";
    if (depth === 0 && !opens) {
      if (spans.length === 0) return null;
      // Whoever reads it will find the fault where it is.
      spans.push([index, source.length]);
      return spans;
    }
    if (opens && depth++ === 0) start = index;
    if ((token === "}" || token === "]") && --depth === 0) spans.push([start, index + 1]);
  }
  if (depth > 0) spans.push([start, source.length]);
  return spans.length > 1 ? spans : null;
}
