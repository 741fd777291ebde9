/** Safe reads of files that another process writes: no pipes, no links that lead out, and keys that only their owner can read. */
import { constants } from "node:fs";
import { open, realpath } from "node:fs/promises";
import { sep } from "node:path";
import { BundleError } from "../../bundle/refusal.ts";

/** The rules for one read. */
interface ReadRules {
  /** Whether the file holds private keys: then it is refused when its group or others may read, write or execute it. */
  readonly isSecret?: boolean;
  /** The real path of a directory; a link that leads out of it is refused. */
  readonly within?: string;
}

/** The refusal of a file for what it is or where it lies; its content was not read. */
export class FileRefused extends Error {}

/**
 * The text of a regular file. Rejects with a BundleError for a mode that is too open, with FileRefused for a file of
 * another type or outside `within`, and with errors of the file system. The rules are checked on the file that is open,
 * so an exchange of the file between check and read changes nothing.
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

/** Throws a BundleError when `mode` (of `stat`) lets others than the owner use the file of keys. */
export function demandOwnerOnly(path: string, mode: number): void {
  if ((mode & 0o077) === 0) return;
  const octal = (mode & 0o777).toString(8);
  throw new BundleError("bad-secrets", "", `${path} has mode ${octal}: only its owner may read it (chmod 600)`);
}

/** The real path of `path`. Rejects with FileRefused when the real path is outside `within`, the real path of a directory. */
export async function demandInside(path: string, within: string): Promise<string> {
  const real = await realpath(path);
  if (real === within || real.startsWith(within.endsWith(sep) ? within : `${within}${sep}`)) return real;
  throw new FileRefused(`${path} is a link that leads out of ${within}, to ${real}`);
}
