/** Reads of files that something else writes: never a pipe, never through a link that leads out, keys only their owner's. */
import { constants } from "node:fs";
import { open, realpath } from "node:fs/promises";
import { sep } from "node:path";
import { BundleError } from "../../bundle/refusal.ts";

export interface ReadRules {
  /** The file holds private keys: refused when the group or others may do anything with it. */
  readonly isSecret?: boolean;
  /** A directory by its real path: a link that leads out of it is refused. */
  readonly within?: string;
}

/** What a path leads to is not read, whatever it holds. */
export class FileRefused extends Error {}

/**
 * The text of a regular file. Rejects with a BundleError for a mode, with FileRefused for what is no such file or
 * lies elsewhere, and with what the file system answers. What is judged is the file that was opened, so that an exchange in between changes nothing.
 */
export async function readRegularFile(path: string, { isSecret = false, within }: ReadRules = {}): Promise<string> {
  const real = within === undefined ? path : await demandInside(path, within);
  // Opening a pipe to read waits for its writer, which may never come.
  const file = await open(real, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const found = await file.stat();
    if (!found.isFile()) throw new FileRefused(`${path} is no regular file`);
    if (isSecret) demandOwnerOnly(path, found.mode);
    return await file.readFile("utf8");
  } finally {
    await file.close();
  }
}

/** Throws a BundleError for a file of keys that its owner alone could not read, `stat`'s mode given. */
export function demandOwnerOnly(path: string, mode: number): void {
  if ((mode & 0o077) === 0) return;
  const octal = (mode & 0o777).toString(8);
  throw new BundleError("bad-secrets", "", `${path} has mode ${octal}: only its owner may read it (chmod 600)`);
}

/** Where the path leads. Rejects with FileRefused when that is outside the directory `within`, a real path itself. */
export async function demandInside(path: string, within: string): Promise<string> {
  const real = await realpath(path);
  if (real === within || real.startsWith(within.endsWith(sep) ? within : `${within}${sep}`)) return real;
  throw new FileRefused(`${path} is a link that leads out of ${within}, to ${real}`);
}
