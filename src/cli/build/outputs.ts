/** The files that `lasthop build` writes. */
import { realpathSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { encodeSecrets } from "../../bundle/secrets.ts";
import type { CompileResult, Diagnostic, ObjectStatus } from "../../compile/index.ts";
import type { BuildOptions } from "./args.ts";

interface OutputFile {
  readonly path: string;
  readonly contents: string;
  readonly mode: number;
  /** The path that is written first and then renamed; null for a device or a pipe, which cannot be replaced. */
  readonly temporary: string | null;
}

/** The output at `path`. A symbolic link is followed, so that it is not replaced by a file. */
function outputAt(path: string, contents: string, mode = 0o666): OutputFile {
  const found = statSync(path, { throwIfNoEntry: false });
  if (found?.isDirectory() === true) throw new Error(`${path} is a directory`);
  if (found !== undefined && !found.isFile()) return { path, contents, mode, temporary: null };
  const target = found === undefined ? path : realpathSync(path);
  return { path: target, contents, mode, temporary: join(dirname(target), `.${basename(target)}.${process.pid}.tmp`) };
}

/**
 * Writes all files, or none, and returns the faults. Each is written beside its place and then renamed, so that a reader sees the
 * old file or the new one.
 */
export async function writeOutputs(
  { output, secrets, status }: BuildOptions,
  { text, secrets: keys, statuses }: CompileResult,
): Promise<Diagnostic[]> {
  const outputs: OutputFile[] = [];
  try {
    if (status !== undefined) outputs.push(outputAt(status, await statusYaml(statuses)));
    // The keys are renamed into place before the bundle that needs them.
    if (secrets !== undefined) outputs.push(outputAt(secrets, keys ?? encodeSecrets(new Map()), 0o600));
    if (text !== null) outputs.push(outputAt(output, text));
    const files = outputs.filter(({ temporary }) => temporary !== null);
    if (new Set(files.map(({ path }) => path)).size < files.length) throw new Error("two outputs are one file");
    for (const { path, temporary, contents, mode } of outputs) {
      // The file is created anew ("wx"): a symbolic link that another user left at this path would be followed.
      if (temporary !== null) rmSync(temporary, { force: true });
      writeFileSync(temporary ?? path, contents, { mode, flag: temporary === null ? "w" : "wx" });
    }
    for (const { path, temporary } of outputs) if (temporary !== null) renameSync(temporary, path);
    return [];
  } catch (error) {
    for (const { temporary } of outputs) if (temporary !== null) rmSync(temporary, { force: true });
    const message = `cannot write: ${error instanceof Error ? error.message : String(error)}`;
    return [
      {
        severity: "error",
        code: "output-unwritable",
        message,
        location: null,
        object: null,
        path: null,
        expected: "a writable file in a directory that exists",
        found: null,
        remedy: "correct -o, --secrets or --status",
        note: null,
      },
    ];
  }
}

/** The statuses as YAML, one document per object: apiVersion, kind, metadata and the whole status. */
async function statusYaml(statuses: readonly ObjectStatus[]): Promise<string> {
  // Only a build with --status loads the library that writes YAML: loading it takes 15 ms of CPU or more.
  const { toYaml } = await import("../yaml.ts");
  return toYaml(statuses);
}
