/** Publication to a directory that `lasthop serve` watches, on the same machine or a shared volume. */
import { randomBytes } from "node:crypto";
import { constants } from "node:fs";
import { mkdir, open, readdir, rename, rm, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { watch } from "chokidar";
import {
  acknowledgementKey,
  bundleKey,
  decodeAcknowledgement,
  decodePointer,
  gatewayOf,
  pointerKey,
  secretsKey,
} from "../bundle/publication.ts";
import { namedBy, nextPointer, type Pointers, type Publisher } from "./publisher.ts";

/** The age up to which a file that no pointer names is kept: a host may be about to read it. */
const GRACE_MS = 600_000;

/** A publisher to `directory`, which is created when something is published. */
export function directoryPublisher(directory: string): Publisher {
  const fileOf = (key: string): string => join(directory, key);
  async function pointers(): Promise<Pointers> {
    const found: Pointers = new Map();
    for (const name of (await readdir(fileOf("gateways"), { recursive: true }).catch(emptyIfAbsent)).sort()) {
      const gateway = gatewayOf(`gateways/${name}`);
      if (gateway !== null) found.set(gateway, await read(pointerKey(gateway), decodePointer));
    }
    return found;
  }

  /** The decoded file; null when it does not exist or cannot be read. */
  const read = <T>(key: string, decode: (text: string) => T): Promise<T | null> =>
    readRegular(fileOf(key))
      .then(decode)
      .catch(() => null);

  /** Removes bundles and secrets that no pointer names any more. */
  async function sweep(pointers: Pointers): Promise<void> {
    const kept = namedBy(pointers);
    if (kept === null) return;
    for (const folder of ["bundles", "secrets"]) {
      for (const name of await readdir(fileOf(folder)).catch(emptyIfAbsent)) {
        const key = `${folder}/${name}`;
        if (kept.has(key)) continue;
        const { mtimeMs } = await stat(fileOf(key));
        if (Date.now() - mtimeMs > GRACE_MS) await rm(fileOf(key), { force: true });
      }
    }
  }

  return {
    programmedMessage: "Every listener is bound, and the host serves the current bundle",
    pointers,
    async publish(publication, pointers, signal) {
      const { gateway, bundle, secrets } = publication;
      const next = nextPointer(pointers.get(gateway) ?? null, publication);
      if (next !== null) {
        await writeAtomically(fileOf(bundleKey(bundle.digest)), bundle.text, 0o644);
        if (secrets !== null) await writeAtomically(fileOf(secretsKey(secrets.digest)), secrets.text, 0o600);
        signal.throwIfAborted();
        await writeAtomically(fileOf(pointerKey(gateway)), `${JSON.stringify(next)}\n`, 0o644);
        pointers.set(gateway, next);
        await sweep(pointers);
      }
      return read(acknowledgementKey(gateway), decodeAcknowledgement);
    },
    async withdraw(gateway) {
      await rm(fileOf(pointerKey(gateway)), { force: true });
      await rm(fileOf(acknowledgementKey(gateway)), { force: true });
    },
    watch(onChange) {
      const watcher = watch(fileOf("acknowledgements"), { ignoreInitial: true }).on("all", onChange);
      return { close: () => void watcher.close() };
    },
  };
}

/** The text of a regular file. A pipe is refused, because reading it may never end: hosts can write to the directory. */
async function readRegular(path: string): Promise<string> {
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    if (!(await file.stat()).isFile()) throw new Error(`${path} is no regular file`);
    return await file.readFile("utf8");
  } finally {
    await file.close();
  }
}

/** An empty list for a directory that does not exist. Other errors are thrown. */
function emptyIfAbsent(error: NodeJS.ErrnoException): string[] {
  if (error.code === "ENOENT") return [];
  throw error;
}

/** Writes a file so that a reader sees all of it or none, also after a power cut: rename is atomic in a file system. */
async function writeAtomically(path: string, text: string, mode: number): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  const temporary = `${path}.${randomBytes(6).toString("hex")}.tmp`;
  try {
    const file = await open(temporary, "wx", mode);
    try {
      await file.writeFile(text);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}
