/** What the module is made from: the crate, and the scripts that build it. */
import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join, relative, resolve } from "node:path";

/** The root of this repository. */
export const ROOT = resolve(import.meta.dirname, "../..");

/** The folder of the crate. */
export const CRATE = join(ROOT, "wasm");

/** The folders of the crate that a build writes. */
const NOT_SOURCES = new Set(["dist", "target"]);

/** The SHA-256 of every source's path, length and bytes, in the order of paths, as lower-case hex. */
export function sourceDigest(): string {
  const files = [...filesIn(CRATE), join(ROOT, "scripts/wasm.ts"), ...filesIn(import.meta.dirname)];
  const named = files.map((file) => [relative(ROOT, file).replaceAll("\\", "/"), file] as const);
  named.sort(([a], [b]) => (a < b ? -1 : 1));
  const hash = createHash("sha256");
  for (const [name, file] of named) {
    const bytes = readFileSync(file);
    hash.update(`${name}\0${bytes.length}\0`).update(bytes);
  }
  return hash.digest("hex");
}

function filesIn(directory: string): string[] {
  return readdirSync(directory, { withFileTypes: true }).flatMap((entry) => {
    const path = join(directory, entry.name);
    if (entry.isDirectory()) return directory === CRATE && NOT_SOURCES.has(entry.name) ? [] : filesIn(path);
    return [path];
  });
}
