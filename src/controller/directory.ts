/** Publication to a directory that `lasthop serve` watches, on the same machine or a shared volume. */
import { randomBytes } from "node:crypto";
import { mkdir, open, readdir, readFile, rename, rm, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { watch } from "chokidar";
import {
  type Acknowledgement,
  acknowledgementKey,
  bundleKey,
  decodeAcknowledgement,
  decodePointer,
  type Pointer,
  pointerKey,
  secretsKey,
} from "../bundle/publication.ts";
import { nextPointer, type Publisher } from "./publisher.ts";

/** What no pointer names is kept for so long: a host may be about to read it. */
const GRACE_MS = 600_000;

export function directoryPublisher(directory: string): Publisher {
  const at = (key: string): string => join(directory, key);
  const read = async <T>(key: string, decode: (text: string) => T): Promise<T | null> => {
    const text = await readFile(at(key), "utf8").catch((error: NodeJS.ErrnoException) => {
      if (error.code === "ENOENT") return null;
      throw error;
    });
    return text === null ? null : decode(text);
  };
  const pointer = (gateway: string): Promise<Pointer | null> =>
    // A pointer that cannot be read is replaced by the next one.
    read(pointerKey(gateway), decodePointer).catch(() => null);

  async function published(): Promise<string[]> {
    const names: string[] = [];
    for (const name of await readdir(at("gateways"), { recursive: true }).catch(() => [])) {
      if (!name.endsWith(".json")) continue;
      const found = await read(`gateways/${name}`, decodePointer).catch(() => null);
      if (found !== null) names.push(found.gateway);
    }
    return names.sort();
  }

  /** Removes what no pointer names any more. */
  async function sweep(): Promise<void> {
    const kept = new Set<string>();
    for (const gateway of await published()) {
      const found = await pointer(gateway);
      // Until it can be read, nobody knows what it names.
      if (found === null) return;
      for (const each of [found.current, found.previous]) {
        if (each === null) continue;
        kept.add(bundleKey(each.bundle));
        if (each.secrets !== null) kept.add(secretsKey(each.secrets));
      }
    }
    for (const folder of ["bundles", "secrets"]) {
      for (const name of await readdir(at(folder)).catch(() => [])) {
        const key = `${folder}/${name}`;
        if (kept.has(key)) continue;
        const { mtimeMs } = await stat(at(key));
        if (Date.now() - mtimeMs > GRACE_MS) await rm(at(key), { force: true });
      }
    }
  }

  return {
    programmedMessage: "Every listener is bound, and the host serves the current bundle",
    pointer,
    published,
    async publish(publication) {
      const next = nextPointer(await pointer(publication.gateway), publication);
      if (next === null) return;
      const { bundle, secrets } = publication;
      await writeWhole(at(bundleKey(bundle.digest)), bundle.text, 0o644);
      if (secrets !== null) await writeWhole(at(secretsKey(secrets.digest)), secrets.text, 0o600);
      await writeWhole(at(pointerKey(publication.gateway)), `${JSON.stringify(next)}\n`, 0o644);
      await sweep();
    },
    async withdraw(gateway) {
      await rm(at(pointerKey(gateway)), { force: true });
      await rm(at(acknowledgementKey(gateway)), { force: true });
    },
    acknowledgement: (gateway): Promise<Acknowledgement | null> =>
      read(acknowledgementKey(gateway), decodeAcknowledgement).catch(() => null),
    watch(onChange) {
      const watcher = watch(at("acknowledgements"), { ignoreInitial: true }).on("all", onChange);
      return { close: () => void watcher.close() };
    },
  };
}

/** A reader sees the file whole or not at all, also after a power cut. Rename is atomic within a file system. */
async function writeWhole(path: string, text: string, mode: number): Promise<void> {
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
