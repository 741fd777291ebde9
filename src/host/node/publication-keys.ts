/** The files in a publication's directory. */
import { readdir, realpath, stat } from "node:fs/promises";
import { join, relative } from "node:path";
import { demandInside } from "./regular-file.ts";

/**
 * The keys of all files under a folder of the publication, such as `gateways/shop/edge.json`. Links to directories are
 * followed inside the publication. `faults` gets a reason by path: for links that lead out of the publication or back to a
 * folder above them, and for folders that cannot be read.
 */
export async function keysUnder(directory: string, folder: string, faults: Map<string, string>): Promise<string[]> {
  const root = await realpath(directory);
  const keys: string[] = [];
  async function walk(path: string, above: readonly string[]): Promise<void> {
    for (const entry of await readdir(path, { withFileTypes: true })) {
      const child = join(path, entry.name);
      try {
        if (!entry.isDirectory() && !(entry.isSymbolicLink() && (await stat(child)).isDirectory())) {
          keys.push(relative(directory, child));
          continue;
        }
        const real = await demandInside(child, root);
        if (above.includes(real)) throw new Error("a link that leads back to itself");
        await walk(child, [...above, real]);
      } catch (error) {
        // A file that was removed meanwhile is no fault.
        if (!isAbsent(error)) faults.set(child, error instanceof Error ? error.message : String(error));
      }
    }
  }
  await walk(join(directory, folder), []);
  return keys.sort();
}

/** Whether an error of the file system says that the file does not exist. */
export const isAbsent = (error: unknown): boolean =>
  error instanceof Error && "code" in error && error.code === "ENOENT";
