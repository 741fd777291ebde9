/** Text that a tool should have replaced before it reached lasthop. */

export interface Template {
  /** `{{ .Values.name }}`, cut. */
  readonly mark: string;
  /** What the mark looks like. */
  readonly tool: string;
  readonly remedy: string;
}

const TOOLS: readonly (readonly [mark: RegExp, tool: string, remedy: string])[] = [
  [
    /\{\{[^]*?\}\}/,
    "an unrendered template (Helm, Go or Jinja)",
    "render it first: helm template … | lasthop build -f -",
  ],
  [/\{%[^]*?%\}/, "an unrendered Jinja template", "render it first, and build from what comes out"],
  [/<%[^]*?%>/, "an unrendered ERB template", "render it first, and build from what comes out"],
  [
    /\$\{[A-Za-z_][^}]*\}/,
    "a variable that nothing replaced",
    "replace it first: envsubst < FILE | lasthop build -f -",
  ],
  [
    /\$\([A-Za-z_][\w.-]*\)/,
    "a kustomize variable that nothing replaced",
    "build it first: kubectl kustomize DIRECTORY | lasthop build -f -",
  ],
  [/(?:^|\s)#@[ \w/]*/, "an unrendered ytt template", "render it first: ytt -f DIRECTORY | lasthop build -f -"],
];

/** The first kind of mark in a text; null: none. */
export function templateIn(text: string): Template | null {
  for (const [pattern, tool, remedy] of TOOLS) {
    const found = pattern.exec(text)?.[0].trim();
    if (found !== undefined) return { mark: found.length > 60 ? `${found.slice(0, 57)}…` : found, tool, remedy };
  }
  return null;
}

/**
 * Of text that is no YAML for a mark outside quotes and comments: the place of one in the line of `at`, or else of the last
 * before, or of the first after; null: there is none.
 */
export function markNear(text: string, at: number): { readonly at: number; readonly isInLine: boolean } | null {
  const bare = text.replaceAll(/"(?:\\.|[^"\\\n])*"|'[^'\n]*'|(?<=^|\s)#.*/g, (quoted) => " ".repeat(quoted.length));
  const start = bare.lastIndexOf("\n", at - 1) + 1;
  const end = bare.indexOf("\n", start);
  const marks = [...bare.matchAll(/\{\{|\{%|<%|\$\{|\$\(/g)].map(({ index }) => index);
  const inLine = marks.find((mark) => mark >= start && (end < 0 || mark < end));
  const place = inLine ?? marks.findLast((mark) => mark < start) ?? marks[0];
  return place === undefined ? null : { at: place, isInLine: inLine !== undefined };
}

/** The text with a word in each mark's place, and lines of marks alone left empty: no longer a template. */
export function withoutMarks(text: string): string {
  return text.replaceAll(/^[ \t]*(?:(?:\{\{[^]*?\}\}|\{%[^]*?%\}|<%[^]*?%>)[ \t]*)+$/gm, "").replaceAll(MARK, "x");
}

const MARK = /\{\{[^]*?\}\}|\{%[^]*?%\}|<%[^]*?%>|\$\{[A-Za-z_][^}]*\}|\$\([A-Za-z_][\w.-]*\)/g;
