/** Diagnostics, skipped objects and the backends that get plaintext, as text for people or as one JSON document. */
import type { Diagnostic } from "./diagnostics.ts";
import type { Skipped } from "./load.ts";
import type { PlaintextBackend } from "./plaintext.ts";
import { plaintextText } from "./plaintext-text.ts";

export interface Reportable {
  readonly diagnostics: readonly Diagnostic[];
  readonly skipped: readonly Skipped[];
  readonly plaintext: readonly PlaintextBackend[];
}

/** Like esbuild's: place, source line, what was expected and found, what to do. Empty when there is nothing to say. */
export function reportText({ diagnostics, skipped, plaintext }: Reportable, colour: boolean): string {
  const paint = painter(colour);
  const parts = diagnostics.map((diagnostic) => textOf(diagnostic, paint));
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

export function reportJson({ diagnostics, skipped, plaintext }: Reportable): string {
  return `${JSON.stringify({ diagnostics, skipped, plaintext }, null, 2)}\n`;
}

const count = (number: number, noun: string): string => `${number} ${noun}${number === 1 ? "" : "s"}`;

type Paint = (style: "red" | "yellow" | "bold" | "dim" | "green", text: string) => string;
const STYLES = { red: 31, yellow: 33, green: 32, bold: 1, dim: 2 } as const;
const painter = (colour: boolean): Paint =>
  colour ? (style, text) => `\u001B[${STYLES[style]}m${text}\u001B[0m` : (_, text) => text;

function textOf(
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
  const name =
    object === null ? null : `${object.kind} ${object.namespace === null ? "" : `${object.namespace}/`}${object.name}`;
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

/** Control characters of the input, and those that turn text around, must not reach a terminal. */
const clean = (text: string): string =>
  text.replaceAll(/[\p{Cc}\p{Bidi_Control}\u2028\u2029]/gu, (character) => (character === "\t" ? " " : "\uFFFD"));
