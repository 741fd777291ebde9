/** The texts that `-f` names: files, directories, globs and standard input. No other file of compile/ reads the disk. */
import { existsSync, globSync, readdirSync, readFileSync, realpathSync, statSync } from "node:fs";
import { join } from "node:path";
import { compareStrings, type Diagnostic, inputDiagnostic, type Location } from "../diagnostics/diagnostics.ts";
import type { InputDocument } from "./parse.ts";
import { decodeText, NotText } from "./encoding.ts";

/** The texts of the inputs. */
export interface InputsRead {
  /** Documents, sorted by name; a file to which two paths lead is read once. */
  readonly documents: readonly InputDocument[];
  /** Inputs that cannot be read. When there is one, nothing may be built. */
  readonly faults: readonly Diagnostic[];
}

/** The name of standard input in diagnostics. */
const STDIN = "<stdin>";

const EXTENSION = /\.(ya?ml|json)$/i;
/** Node cannot hold strings of more than some 512 MB. */
const MAX_FILE_BYTES = 256 * 1024 * 1024;

/**
 * Reads files, directories, globs and standard input (`-`). Directories are searched, with their subdirectories, for `.yaml`,
 * `.yml` and `.json`. `outputs` are files that this run will write: they are skipped in directories and globs, and a path that
 * names one is a fault.
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
        // A path may name a pipe, as `<(…)` of a shell does. To read a pipe found in a directory might wait forever.
        if (file !== path && !statSync(file).isFile()) throw new Error("not a regular file");
        if (!documents.has(key)) documents.set(key, { file: file === "-" ? STDIN : file, text: readText(file) });
      } catch (error) {
        faults.push(unreadableInput(file, reasonOf(error), error instanceof NotText ? error.remedy : undefined));
      }
    }
  }
  return { documents: [...documents.values()].sort((a, b) => compareStrings(a.file, b.file)), faults };
}

/** The files that {@link readInputs} would read now, without standard input. */
export const inputFiles = (paths: readonly string[]): string[] =>
  paths.flatMap((path) => (path === "-" ? [] : expand(path, [])));

function expand(path: string, faults: Diagnostic[]): string[] {
  try {
    if (/[*?[\]{}]/.test(path) && statSync(path, { throwIfNoEntry: false }) === undefined) {
      const found = globSync(path).sort(compareStrings);
      if (found.length === 0) faults.push(emptyPath(path, "no file matches the pattern"));
      return found.flatMap((file) => (statSync(file).isDirectory() ? [] : [file]));
    }
    if (!statSync(path).isDirectory()) return [path];
    const found = readdirSync(path, { recursive: true, withFileTypes: true })
      .filter((entry) => !entry.isDirectory() && EXTENSION.test(entry.name))
      .map((entry) => join(entry.parentPath, entry.name))
      .sort(compareStrings);
    if (found.length === 0) faults.push(emptyPath(path, "the directory holds no .yaml, .yml or .json file"));
    return found;
  } catch (error) {
    faults.push(unreadableInput(path, reasonOf(error)));
    return [];
  }
}

function readText(file: string): string {
  const tooLarge = (bytes: number): boolean => bytes > MAX_FILE_BYTES;
  if (file !== "-" && tooLarge(statSync(file).size)) throw new RangeError(`larger than ${MAX_FILE_BYTES} bytes`);
  const bytes = readFileSync(file === "-" ? 0 : file);
  // The size of a pipe is not known before it is read.
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

const unreadableInput = (file: string, why: string, remedy = "correct the path given with -f"): Diagnostic =>
  inputDiagnostic({
    location: startOf(file),
    code: "input-unreadable",
    message: `cannot read ${file}: ${why}`,
    expected: "a readable file of UTF-8 or UTF-16 text",
    remedy,
  });

const overwritten = (file: string): Diagnostic =>
  inputDiagnostic({
    location: startOf(file),
    code: "output-unwritable",
    message: `${file} is an input, and -o or --status would overwrite it`,
    expected: "an output that is no input",
    remedy: "correct -o or --status",
  });

const emptyPath = (path: string, why: string): Diagnostic =>
  inputDiagnostic({
    location: startOf(path),
    code: "input-empty",
    message: `${path}: ${why}`,
    expected: "at least one manifest",
    remedy: "correct the path given with -f",
  });

/** The start of a file: the place of a fault of the file as a whole. */
const startOf = (file: string): Location => ({ file, line: 1, column: 1, length: 1, sourceLine: null });
