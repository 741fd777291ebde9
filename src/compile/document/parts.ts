/** The parts of a text that can be parsed alone: YAML documents, and JSON values that follow one another. */

/** The part `[from, to)` of a text. */
export type TextRange = readonly [from: number, to: number];

/**
 * The documents of a text. Each can be parsed alone, so that the parser's events of only one document are in memory. `---` at
 * the start of a line always starts a document (YAML 1.2 §9.1.2); a text with directives, which stand before it, stays in one
 * part. A document may start with a byte order mark (§5.2), as in joined files from Windows; no part contains it.
 */
export function partsOf(source: string): TextRange[] {
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
 * The JSON values of a text in which several follow one another, with or without a line end between them, as `jq` and loops
 * around `kubectl get -o json` write them. Null: the text is one value, or something else. The last part may be no JSON.
 */
export function jsonValues(source: string): TextRange[] | null {
  const spans: TextRange[] = [];
  let depth = 0;
  let start = 0;
  // The values may follow a document start.
  const from = /^---[ \t]*[\r\n]/.exec(source)?.[0].length ?? 0;
  for (const { 0: token, index: at } of source.slice(from).matchAll(/"[^"\\]*(?:\\[^][^"\\]*)*"|[^\s]/g)) {
    const index = from + at;
    const opens = token === "{" || token === "[";
    if (depth === 0 && !opens) {
      if (spans.length === 0) return null;
      // The rest is no JSON object or list. The parser will report its fault.
      spans.push([index, source.length]);
      return spans;
    }
    if (opens && depth++ === 0) start = index;
    if ((token === "}" || token === "]") && --depth === 0) spans.push([start, index + 1]);
  }
  if (depth > 0) spans.push([start, source.length]);
  return spans.length > 1 ? spans : null;
}
