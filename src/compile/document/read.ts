/** From `-f` to texts: files, directories, globs, standard input. The only file of compile/ that touches the disk. */
import { existsSync, globSync, readdirSync, readFileSync, realpathSync, statSync } from "node:fs";
import { join } from "node:path";
import { compareStrings, type Diagnostic } from "../diagnostics/diagnostics.ts";
import type { InputDocument } from "./parse.ts";
import { decodeText, NotText } from "./encoding.ts";

export interface InputsRead {
  /** By name. A file that two paths lead to is read once. */
  readonly documents: readonly InputDocument[];
  /** Each is fatal: what was asked for cannot be read. */
  readonly faults: readonly Diagnostic[];
}

/** How diagnostics name standard input. */
const STDIN = "<stdin>";

const EXTENSION = /\.(ya?ml|json)$/i;
/** The longest text that JavaScript strings hold is not far above. */
const MAX_FILE_BYTES = 256 * 1024 * 1024;

/**
 * Directories are walked to the bottom for `.yaml`, `.yml` and `.json`; `-` is standard input. `outputs` of an earlier run
 * are no inputs of this one: passed over in directories and patterns, refused where a path names one.
 */
export function readInputs(paths: readonly string[], outputs: readonly string[] = []): InputsRead {
  const documents = new Map<string, InputDocument>();
  const faults: Diagnostic[] = [];
  const written = new Set(outputs.filter((path) => existsSync(path)).map((path) => realpathSync(path)));
  for (const path of paths) {
    const files = path === "-" ? ["-"] : expand(path, faults);
    for (const file of files) {
      try {
        const key = file === "-" ? "-" : realpathSync(file);
        if (written.has(key)) {
          if (file === path) faults.push(overwritten(file));
          continue;
        }
        // A pipe may be named, as shells do for `<(…)`; one that lies in a directory would be waited for without end.
        if (file !== path && !statSync(file).isFile()) throw new Error("not a regular file");
        if (!documents.has(key)) documents.set(key, { file: file === "-" ? STDIN : file, text: readText(file) });
      } catch (error) {
        faults.push(unreadable(file, reasonOf(error), error instanceof NotText ? error.remedy : undefined));
      }
    }
  }
  return { documents: [...documents.values()].sort((a, b) => compareStrings(a.file, b.file)), faults };
}

/** Every file that the paths lead to now, as {@link readInputs} would read them; standard input is none. */
export const inputFiles = (paths: readonly string[]): string[] =>
  paths.flatMap((path) => (path === "-" ? [] : expand(path, [])));

function expand(path: string, faults: Diagnostic[]): string[] {
  try {
    if (/[*?[\]{}]/.test(path) && statSync(path, { throwIfNoEntry: false }) === undefined) {
      const found = globSync(path).sort(compareStrings);
      if (found.length === 0) faults.push(empty(path, "no file matches the pattern"));
      return found.flatMap((file) => (statSync(file).isDirectory() ? [] : [file]));
    }
    if (!statSync(path).isDirectory()) return [path];
    const found = readdirSync(path, { recursive: true, withFileTypes: true })
      .filter((entry) => !entry.isDirectory() && EXTENSION.test(entry.name))
      .map((entry) => join(entry.parentPath, entry.name))
      .sort(compareStrings);
    if (found.length === 0) faults.push(empty(path, "the directory holds no .yaml, .yml or .json file"));
    return found;
  } catch (error) {
    faults.push(unreadable(path, reasonOf(error)));
    return [];
  }
}

function readText(file: string): string {
  const tooLarge = (bytes: number): boolean => bytes > MAX_FILE_BYTES;
  if (file !== "-" && tooLarge(statSync(file).size)) throw new RangeError(`larger than ${MAX_FILE_BYTES} bytes`);
  const bytes = readFileSync(file === "-" ? 0 : file);
  // Pipes do not say how much is coming.
  if (tooLarge(bytes.length)) throw new RangeError(`larger than ${MAX_FILE_BYTES} bytes`);
  return decodeText(bytes);
}

function reasonOf(error: unknown): string {
  const code: unknown = error instanceof Error && "code" in error ? error.code : undefined;
  if (code === "ENOENT") return "no such file or directory";
  if (code === "EACCES") return "permission denied";
  if (code === "ELOOP") return "a symbolic link that leads to itself";
  return error instanceof Error ? error.message : String(error);
}

function unreadable(file: string, why: string, remedy = "correct the path given with -f"): Diagnostic {
  return fault(
    "input-unreadable",
    file,
    `cannot read ${file}: ${why}`,
    "a readable file of UTF-8 or UTF-16 text",
    remedy,
  );
}

function overwritten(file: string): Diagnostic {
  return fault(
    "output-unwritable",
    file,
    `${file} is an input, and -o or --status would overwrite it`,
    "an output that is no input",
    "correct -o or --status",
  );
}

function empty(path: string, why: string): Diagnostic {
  return fault("input-empty", path, `${path}: ${why}`, "at least one manifest", "correct the path given with -f");
}

function fault(
  code: "input-unreadable" | "input-empty" | "output-unwritable",
  file: string,
  message: string,
  expected: string,
  remedy: string,
): Diagnostic {
  const location = { file, line: 1, column: 1, length: 1, sourceLine: null };
  return {
    severity: "error",
    code,
    message,
    location,
    object: null,
    path: null,
    expected,
    found: null,
    remedy,
    note: null,
  };
}
