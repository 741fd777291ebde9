/**
 * Rules that oxlint has no rule for. In test/: a file has at most 300 lines, nothing waits for time to pass but `pause` of
 * test/support/, which demands a reason, and cases are rows of `it.each`, not turns of a loop. In test/, scripts/ and
 * bench/: a file begins with a comment that says what it is, and a comment begins with its subject. There and in src/: an
 * export has a docstring. Exit 1 and one line for each breach.
 */
import { readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";

const ROOT = resolve(import.meta.dirname, "..");
const MAX_LINES = 300;
const PAUSE = "test/support/pause.ts";
/** Names that are written without a capital letter. A first word with a capital, a digit or a sign inside is one too. */
const NAMES = new Set(["kubectl", "lasthop", "nginx", "workerd"]);
/** Words that leave open what a comment is about. */
const NO_SUBJECT = /^(?:It|They|Them|Those|Who|Whoever|And|Or|But|Nor|So|Also|Same)\b/u;

/** Every breach in one file. `file` is its path below the root. */
export function textBreaches(file: string, text: string): string[] {
  const lines = text.split("\n");
  const found = ofExports(lines);
  if (file.startsWith("src/")) return found.map((breach) => `${file}:${breach}`);
  if (file.startsWith("test/")) found.push(...ofTests(file, text, lines));
  found.push(...ofComments(text));
  if (!/^(?:#!.*\n)?\/\*\*/u.test(text)) found.push("1: the file does not begin with a comment that says what it is");
  return found.map((breach) => `${file}:${breach}`);
}

function ofTests(file: string, text: string, lines: readonly string[]): string[] {
  const found: string[] = [];
  if (lines.length - 1 > MAX_LINES)
    found.push(`1: ${lines.length - 1} lines; split it by subject (${MAX_LINES} at most)`);
  const waits = /\bsetTimeout\b[^;\n]*from "node:timers\/promises"|new Promise\b[^;]{0,60}?\bsetTimeout\(/gu;
  if (file !== PAUSE && file !== "test/text-rules.test.ts")
    for (const { index } of text.matchAll(waits))
      found.push(`${lineOf(text, index)}: waits for time to pass; wait for an event, or use pause of ${PAUSE}`);
  for (const [index, line] of lines.entries()) {
    if (!/^\s*for \(|\.forEach\(/u.test(line)) continue;
    const end = lines.findIndex((other, at) => at > index && other !== "" && indentOf(other) <= indentOf(line));
    if (lines.slice(index + 1, end).some((other) => /^\s+(?:it|test|describe)(?:\.\w+)*[(<]/u.test(other)))
      found.push(`${index + 1}: tests in a loop; use it.each`);
  }
  return found;
}

function ofComments(text: string): string[] {
  const found: string[] = [];
  for (const { index, 0: whole, groups } of text.matchAll(
    /^[ \t]*(?:\/\*\*?(?<block>.*?)\*\/|(?<lines>(?:[ \t]*\/\/[^\n]*\n)+))/gmsu,
  )) {
    const comment = (groups?.["block"] ?? groups?.["lines"] ?? "").replaceAll(/^[ \t]*(?:\/\/|\*) ?/gmu, "").trim();
    const [word = ""] = comment.split(/\s/u, 1);
    if (/^(?:ox|es)lint-|^@/u.test(comment)) continue;
    const isName = NAMES.has(word.replace(/(?:'s|[,:.])$/u, "")) || !/^[a-z]+[,:.]?$/u.test(word);
    if (!isName || NO_SUBJECT.test(comment))
      found.push(
        `${lineOf(text, index + whole.search(/\S/u))}: the comment does not begin with its subject: ${comment.slice(0, 40)}`,
      );
  }
  return found;
}

/** Exports without a docstring. Overloads share one, and what is exported again has one elsewhere. */
function ofExports(lines: readonly string[]): string[] {
  return lines.flatMap((line, index) => {
    const [, name] =
      /^export (?:declare |abstract |async )*(?:function\*?|const|let|class|interface|type|enum) (\w+)/u.exec(line) ??
      [];
    const before = lines[index - 1] ?? "";
    if (name === undefined || before.endsWith("*/") || before.startsWith(`export function ${name}(`)) return [];
    return [`${index + 1}: the export ${name} has no docstring`];
  });
}

const indentOf = (line: string): number => line.search(/\S/u);

const lineOf = (text: string, index: number): number => text.slice(0, index).split("\n").length;

if (process.argv[1] === import.meta.filename) {
  const files = ["bench", "scripts", "src", "test"].flatMap((folder) =>
    readdirSync(join(ROOT, folder), { recursive: true, encoding: "utf8" })
      .filter((name) => name.endsWith(".ts") && !name.includes("node_modules"))
      .map((name) => join(folder, name)),
  );
  const found = files.sort().flatMap((file) => textBreaches(file, readFileSync(join(ROOT, file), "utf8")));
  for (const line of found) console.error(line);
  if (found.length > 0) process.exit(1);
}
