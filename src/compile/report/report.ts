/** Diagnostics, skipped objects and the backends that get plaintext, as text for people or as one JSON document. */
import { type CauseGroup, groupByCause } from "./causes.ts";
import type { Cause, Diagnostic } from "../diagnostics/diagnostics.ts";
import type { Skipped } from "../diagnostics/skipped.ts";
import type { PlaintextBackend } from "../emit/plaintext.ts";
import { plaintextText } from "./plaintext.ts";

/** What a report is made from. */
interface Reportable {
  readonly diagnostics: readonly Diagnostic[];
  readonly skipped: readonly Skipped[];
  readonly plaintext: readonly PlaintextBackend[];
}

/**
 * The report for a terminal: each diagnostic with its place, source line, what was expected and found, and the remedy; then
 * skipped objects, counts, and the backends that get plaintext. Empty when there is nothing to report.
 */
export function reportText({ diagnostics, skipped, plaintext }: Reportable, colour: boolean): string {
  const paint = painter(colour);
  const { shown, more } = shorten(groupByCause(diagnostics));
  const parts = shown.map(
    ({ cause, consequences }) => `${diagnosticText(cause, paint)}${consequencesText(consequences, paint)}`,
  );
  for (const [code, number] of more)
    parts.push(`${paint("yellow", "▲")} and ${count(number, "more warning")} [${code}]: --format json lists all\n`);
  if (skipped.length > 0) {
    const lines = skipped.map(({ object, location, reason }) => {
      const name = object.namespace === null ? object.name : `${object.namespace}/${object.name}`;
      const place = location === null ? "" : ` (${location.file}:${location.line})`;
      return `  ${clean(`${object.apiVersion} ${object.kind} ${name}${place}: ${reason}`)}\n`;
    });
    parts.push(
      `${paint("dim", `Skipped ${skipped.length} ${skipped.length === 1 ? "object" : "objects"}:`)}\n${lines.join("")}`,
    );
  }
  const errors = diagnostics.filter(({ severity }) => severity === "error").length;
  const warnings = diagnostics.length - errors;
  if (diagnostics.length > 0) parts.push(`${count(errors, "error")}, ${count(warnings, "warning")}\n`);
  if (plaintext.length > 0)
    parts.push(
      plaintextText(plaintext)
        .map((line) => `${clean(line)}\n`)
        .join(""),
    );
  return parts.join("\n");
}

/** The report as one JSON document: all diagnostics, each after the one from which it follows. */
export function reportJson({ diagnostics, skipped, plaintext }: Reportable): string {
  const ordered = groupByCause(diagnostics).flatMap(({ cause, consequences }) => [cause, ...consequences]);
  return `${JSON.stringify({ diagnostics: ordered, skipped, plaintext }, null, 2)}\n`;
}

/** Warnings with one code that are shown. A thousand Services may give a thousand warnings, which nobody reads. */
const MAX_WARNINGS = 20;

/** The diagnostics that are shown, and how many other warnings each code has. Errors and their causes are all shown. */
function shorten(groups: readonly CauseGroup[]): { shown: CauseGroup[]; more: Map<string, number> } {
  const seen = new Map<string, number>();
  const shown = groups.filter(({ cause: { severity, code }, consequences }) => {
    if (severity === "error" || consequences.length > 0) return true;
    const before = seen.get(code) ?? 0;
    seen.set(code, before + 1);
    return before < MAX_WARNINGS;
  });
  const more = [...seen].flatMap(([code, number]): [string, number][] =>
    number > MAX_WARNINGS ? [[code, number - MAX_WARNINGS]] : [],
  );
  return { shown, more: new Map(more) };
}

/** The number of diagnostics that follow from one, and the first few of their objects, as text. */
function consequencesText(consequences: readonly Diagnostic[], paint: Paint): string {
  if (consequences.length === 0) return "";
  const errors = consequences.filter(({ severity }) => severity === "error").length;
  const warnings = consequences.length - errors;
  const counts = [
    ...(errors > 0 ? [count(errors, "error")] : []),
    ...(warnings > 0 ? [count(warnings, "warning")] : []),
  ];
  const objects = [...new Set(consequences.flatMap(({ object }) => (object === null ? [] : nameOf(object))))];
  const shown = objects.slice(0, MAX_SHOWN).join(", ");
  const follow = consequences.length === 1 ? "follows" : "follow";
  const text = `and ${counts.join(" and ")} that ${follow} from it: ${shown}${objects.length > MAX_SHOWN ? ", …" : ""}`;
  return `\n    ${paint("dim", clean(text))}\n`;
}

/** Objects that are listed; `--format json` has all. */
const MAX_SHOWN = 3;

const nameOf = ({ kind, namespace, name }: Cause): string =>
  `${kind} ${namespace === null ? "" : `${namespace}/`}${name}`;

const count = (number: number, noun: string): string => `${number} ${noun}${number === 1 ? "" : "s"}`;

type Paint = (style: "red" | "yellow" | "bold" | "dim" | "green", text: string) => string;
const STYLES = { red: 31, yellow: 33, green: 32, bold: 1, dim: 2 } as const;
const painter = (colour: boolean): Paint =>
  colour ? (style, text) => `\u001B[${STYLES[style]}m${text}\u001B[0m` : (_, text) => text;

function diagnosticText(
  { severity, code, message, location, object, path, expected, found, remedy, note }: Diagnostic,
  paint: Paint,
): string {
  const head = severity === "error" ? paint("red", "✘ error") : paint("yellow", "▲ warning");
  let text = `${head} ${paint("bold", clean(message))} [${code}]\n`;
  if (location !== null) {
    text += `\n    ${clean(location.file)}:${location.line}:${location.column}\n`;
    if (location.sourceLine !== null) {
      const number = String(location.line);
      const before = " ".repeat(location.column - 1);
      text += `      ${number} │ ${clean(location.sourceLine)}\n`;
      const length = Math.min(location.length, location.sourceLine.length - location.column + 1);
      text += `      ${" ".repeat(number.length)} ╵ ${before}${paint("green", length > 1 ? "~".repeat(length) : "^")}\n`;
    }
  }
  const name = object === null ? null : nameOf(object);
  const rows: [string, string | null][] = [
    ["object", name],
    ["field", path],
    ["expected", expected],
    ["found", found],
    ["remedy", remedy],
  ];
  text += "\n";
  if (note !== null)
    rows.push(["note", `${note.message}: ${note.location.file}:${note.location.line}:${note.location.column}`]);
  for (const [label, value] of rows)
    if (value !== null) text += `    ${paint("dim", label.padEnd(8))}  ${clean(value)}\n`;
  return text;
}

/** A text that is safe for a terminal: control characters, and those that change the direction of text, are replaced. */
const clean = (text: string): string =>
  text.replaceAll(/[\p{Cc}\p{Bidi_Control}\u2028\u2029]/gu, (character) => (character === "\t" ? " " : "\uFFFD"));
