/**
 * Serves every Gateway that a controller publishes to a directory (src/bundle/publication.ts), each on its own addresses
 * alone, and acknowledges what is served. A publication that does not load changes nothing; a cold Gateway whose current
 * bundle does not load gets the previous one.
 */
import { randomBytes } from "node:crypto";
import { mkdir, realpath, rename, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { watch } from "chokidar";
import {
  acknowledgementKey,
  type Acknowledgement,
  bundleKey,
  decodePointer,
  gatewayOf,
  type Pointer,
  pointerKey,
  PUBLICATION_FORMAT,
  type Published,
  secretsKey,
} from "../../bundle/publication.ts";
import { hex } from "../../bundle/bytes.ts";
import { BundleError } from "../../bundle/refusal.ts";
import { decodeSecrets, NO_SECRETS, type Secrets } from "../../bundle/secrets.ts";
import type { Bundle, Sha256Hex } from "../../bundle/types.ts";
import { isAbsent, keysUnder } from "./publication-keys.ts";
import { demandInside, readRegularFile } from "./regular-file.ts";
import { serve, type ServeOptions, type Serving } from "./serve.ts";

export interface PublicationOptions extends Omit<ServeOptions, "address" | "secrets" | "examine"> {
  readonly directory: string;
  /** What changed, and what went wrong. */
  readonly say: (line: string) => void;
}

export interface ServedPublication {
  /** Of every Gateway and address. */
  readonly servings: readonly Serving[];
  /** Looks at the directory again. */
  follow(): Promise<void>;
  close(limitMs?: number): Promise<void>;
}

/** How soon what failed is tried again. */
const RETRY_MS = 1_000;
/** How soon a change is seen of which the file system tells no event, as on volumes that machines share. */
const POLL_MS = 2_000;

const POINTER_REMEDY =
  "its Gateway stays as it is until lasthop controller writes the file anew, as it does when it starts, or until it is removed";

interface Served {
  published: Published;
  readonly byAddress: Map<string, Serving>;
}

export async function servePublication(options: PublicationOptions): Promise<ServedPublication> {
  const { directory, say } = options;
  const served = new Map<string, Served>();
  const leaving = new Set<Promise<void>>();
  /** What was said of each Gateway last: once is enough. */
  const told = new Map<string, string>();
  /** Pointers that could not be read, and why. */
  let broken: ReadonlyMap<string, string> = new Map();
  /** Of the bundle that is being loaded: one at a time. */
  let expected: Sha256Hex | null = null;
  const examine = ({ digest }: Bundle): void => {
    // The bundle's own digest covers it, and may still be another's than the one that was published.
    if (digest !== expected) throw mismatch(bundleKey(expected ?? ""), digest);
  };
  let running: Promise<void> = Promise.resolve();
  let again: NodeJS.Timeout | undefined;
  let isClosed = false;
  await mkdir(join(directory, "gateways"), { recursive: true });
  const root = await realpath(directory);
  const read = (key: string, isSecret = false): Promise<string> =>
    readRegularFile(join(directory, key), { within: root, isSecret });

  const retire = (serving: Serving): void => {
    const gone = serving.close().finally(() => leaving.delete(gone));
    leaving.add(gone);
  };

  /** By Gateway; null: its pointer is there, and cannot be read. */
  async function readPointers(): Promise<Map<string, Pointer | null>> {
    const pointers = new Map<string, Pointer | null>();
    const faults = new Map<string, string>();
    for (const key of await keysUnder(directory, "gateways", faults)) {
      const gateway = gatewayOf(key);
      if (gateway === null) continue;
      const path = join(directory, key);
      try {
        const pointer = decodePointer(await read(key));
        if (pointer.gateway !== gateway)
          throw new BundleError("wrong-type", "gateway", `it names ${pointer.gateway}`, "pointer");
        pointers.set(gateway, pointer);
      } catch (error) {
        // Removed meanwhile.
        if (isAbsent(error)) continue;
        pointers.set(gateway, null);
        faults.set(path, messageOf(error));
      }
    }
    // A folder that cannot be read withdraws none of its Gateways.
    for (const gateway of served.keys()) {
      const path = join(directory, pointerKey(gateway));
      if ([...faults.keys()].some((fault) => path.startsWith(`${fault}/`))) pointers.set(gateway, null);
    }
    for (const [path, why] of faults) if (broken.get(path) !== why) say(`${path}: ${why}; ${POINTER_REMEDY}`);
    broken = faults;
    return pointers;
  }

  async function followAll(): Promise<void> {
    const pointers = await readPointers();
    // An address that one Gateway gives up may be another's already.
    for (const [gateway, { byAddress }] of served) {
      const pointer = pointers.get(gateway);
      if (pointer === null) continue;
      const addresses = pointer?.addresses;
      for (const [address, serving] of byAddress) {
        if (addresses?.includes(address) === true) continue;
        byAddress.delete(address);
        retire(serving);
      }
      if (addresses !== undefined) continue;
      served.delete(gateway);
      say(`Gateway ${gateway} is withdrawn`);
    }
    let isWhole = true;
    for (const pointer of pointers.values()) {
      isWhole &&= pointer !== null;
      if (pointer === null) continue;
      const acknowledgement = await followOne(pointer);
      isWhole &&= acknowledgement.errors.length === 0;
      await acknowledge(acknowledgement);
    }
    // A port may be freed, a file may be readable again.
    clearTimeout(again);
    if (!isWhole && !isClosed) again = setTimeout(() => void follow(), RETRY_MS);
  }

  async function followOne(pointer: Pointer): Promise<Acknowledgement> {
    const { gateway, current, previous, addresses } = pointer;
    const before = served.get(gateway);
    const errors: string[] = [];
    for (const published of before === undefined && previous !== null ? [current, previous] : [current]) {
      const failures = await load(pointer, published).catch((error: unknown) => [messageOf(error)]);
      errors.push(...failures);
      if (failures.length === 0) break;
    }
    const now = served.get(gateway);
    if (errors.join() !== told.get(gateway)) for (const error of errors) say(`Gateway ${gateway}: ${error}`);
    told.set(gateway, errors.join());
    const bundle = now?.published.bundle ?? (addresses.length === 0 ? current.bundle : null);
    return { format: PUBLICATION_FORMAT, gateway, bundle, addresses: [...(now?.byAddress.keys() ?? [])], errors };
  }

  /** Why some address does not serve `published`; empty: all do. Rejects when it cannot be read. */
  async function load({ gateway, addresses }: Pointer, published: Published): Promise<string[]> {
    const state = served.get(gateway) ?? { published, byAddress: new Map<string, Serving>() };
    const isNew =
      state.published.bundle !== published.bundle ||
      state.published.secrets !== published.secrets ||
      !served.has(gateway);
    const missing = addresses.filter((address) => !state.byAddress.has(address));
    if (!isNew && missing.length === 0) return [];
    const { text, secrets } = await readPublished(published);
    const failures: string[] = [];
    if (isNew) {
      for (const [address, serving] of state.byAddress) {
        await serving.reload(text, secrets).catch((error: unknown) => failures.push(`${address}: ${messageOf(error)}`));
      }
    }
    for (const address of failures.length === 0 ? missing : []) {
      try {
        state.byAddress.set(address, await serve(text, { ...options, address, secrets, examine }));
      } catch (error) {
        failures.push(`${address}: ${messageOf(error)}`);
      }
    }
    if (failures.length === 0) state.published = published;
    if (failures.length === 0 || state.byAddress.size > 0) served.set(gateway, state);
    if (failures.length === 0)
      say(`Gateway ${gateway}: serving ${published.bundle.slice(0, 12)} on ${addresses.join(", ")}`);
    return failures;
  }

  /** Rejects when the keys are not those that the pointer says; the bundle's digest is compared when it is decoded. */
  async function readPublished(published: Published): Promise<{ text: string; secrets: Secrets }> {
    const text = await read(bundleKey(published.bundle));
    expected = published.bundle;
    if (published.secrets === null) return { text, secrets: NO_SECRETS };
    const keys = secretsKey(published.secrets);
    const secrets = await read(keys, true);
    const found = hex(options.runtime.sha256(new TextEncoder().encode(secrets)));
    if (found !== published.secrets) throw mismatch(keys, found);
    return { text, secrets: decodeSecrets(secrets) };
  }

  async function acknowledge(acknowledgement: Acknowledgement): Promise<void> {
    const key = acknowledgementKey(acknowledgement.gateway);
    const path = join(directory, key);
    const text = `${JSON.stringify(acknowledgement)}\n`;
    if ((await read(key).catch(() => null)) === text) return;
    await mkdir(dirname(path), { recursive: true });
    await demandInside(dirname(path), root);
    const temporary = `${path}.${randomBytes(6).toString("hex")}.tmp`;
    try {
      await writeFile(temporary, text, { flag: "wx" });
      await rename(temporary, path);
    } catch (error) {
      await rm(temporary, { force: true });
      throw error;
    }
  }

  /** Why the directory itself could not be followed: once is enough. */
  let failure: string | null = null;
  const failed = (error: unknown): void => {
    if (messageOf(error) !== failure) say(messageOf(error));
    failure = messageOf(error);
  };
  const follow = (): Promise<void> => {
    running = running.then(followAll).then(() => void (failure = null), failed);
    return running;
  };
  // Watched before it is read: no change falls in between.
  const watcher = watch(join(directory, "gateways"), { ignoreInitial: true, followSymlinks: false });
  watcher.on("all", () => void follow());
  await new Promise<void>((ready) => watcher.once("ready", () => ready()));
  await follow();
  const poll = setInterval(() => void follow(), POLL_MS);
  const servings = (): Serving[] => [...served.values()].flatMap(({ byAddress }) => [...byAddress.values()]);
  return {
    get servings() {
      return servings();
    },
    follow,
    async close(limitMs) {
      isClosed = true;
      clearInterval(poll);
      clearTimeout(again);
      await watcher.close();
      await running;
      await Promise.all([...servings().map((serving) => serving.close(limitMs)), ...leaving]);
    },
  };
}

const mismatch = (key: string, digest: string): BundleError =>
  new BundleError("digest-mismatch", "", `${key} holds what has the digest ${digest}`);

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
