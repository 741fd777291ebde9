/** Templates: text that some tool should have replaced before lasthop reads it. */

/** A template in a text. */
export interface Template {
  /** The template itself, at most 60 characters: `{{ .Values.name }}`. */
  readonly mark: string;
  /** The kind of template, by its marks: `an unrendered Jinja template`. */
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

/** A template in a text; null: there is none. */
export function templateIn(text: string): Template | null {
  for (const [pattern, tool, remedy] of TOOLS) {
    const found = pattern.exec(text)?.[0].trim();
    if (found !== undefined) return { mark: found.length > 60 ? `${found.slice(0, 57)}…` : found, tool, remedy };
  }
  return null;
}

/**
 * The place of a template in a text that is no YAML, outside of quotes and comments: one on the line of the offset `at`, or else
 * the last one before that line, or else the first one after it. Null: there is none.
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

/** The text with a word in place of each template, and with lines of templates alone left empty. */
export function withoutMarks(text: string): string {
  return text.replaceAll(/^[ \t]*(?:(?:\{\{[^]*?\}\}|\{%[^]*?%\}|<%[^]*?%>)[ \t]*)+$/gm, "").replaceAll(MARK, "x");
}

const MARK = /\{\{[^]*?\}\}|\{%[^]*?%\}|<%[^]*?%>|\$\{[A-Za-z_][^}]*\}|\$\([A-Za-z_][\w.-]*\)/g;
