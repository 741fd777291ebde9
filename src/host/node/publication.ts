/**
 * A directory to which a controller publishes (src/bundle/publication.ts), served: every Gateway on its own addresses
 * alone, with an acknowledgement of what is served. A release that does not load changes nothing; a Gateway that serves
 * nothing yet gets the previous release when the current one does not load.
 */
import { join } from "node:path";
import { watch } from "chokidar";
import {
  type Acknowledgement,
  bundleKey,
  type Pointer,
  PUBLICATION_FORMAT,
  type Published,
} from "../../bundle/publication.ts";
import type { Bundle, Sha256Hex } from "../../bundle/types.ts";
import { digestMismatch, messageOf, PublicationFiles } from "./publication-files.ts";
import type { Serve, Served, ServeOptions } from "./serve.ts";

/** What a publication is served with. */
interface PublicationOptions<S extends Served> extends Omit<ServeOptions, "address" | "secrets" | "examine"> {
  /** What serves each bundle: this process, or its workers. */
  readonly serve: Serve<S>;
  readonly directory: string;
  /** A callback for each line about a change or a failure. */
  readonly say: (line: string) => void;
}

/** A publication that is served. */
export interface ServedPublication<S extends Served> {
  /** One for each address of every Gateway. */
  readonly servings: readonly S[];
  /** Reads the directory again; resolves when what it says is served. */
  follow(): Promise<void>;
  /** Closes every serving; see `Served.close`. */
  close(limitMs?: number): Promise<void>;
}

/** The time after which a failed load is tried again. */
const RETRY_MS = 1_000;
/** The interval of looks for changes without an event of the file system, as on volumes that machines share. */
const DIRECTORY_POLL_MS = 2_000;

/** One Gateway that is served. */
interface ServedGateway<S extends Served> {
  published: Published;
  readonly byAddress: Map<string, S>;
}

/** Serves the publication, and follows its changes until `close`. */
export async function servePublication<S extends Served>(
  options: PublicationOptions<S>,
): Promise<ServedPublication<S>> {
  const { directory, say, serve } = options;
  const served = new Map<string, ServedGateway<S>>();
  const closing = new Set<Promise<void>>();
  /** The errors of each Gateway that were reported last, so that none is reported twice in a row. */
  const reported = new Map<string, string>();
  /** The digest of the bundle that is being loaded; bundles are loaded one at a time. */
  let expected: Sha256Hex | null = null;
  const examine = ({ digest }: Bundle): void => {
    // A bundle with a valid digest of its own may still be another one than was published.
    if (digest !== expected) throw digestMismatch(bundleKey(expected ?? ""), digest);
  };
  let running: Promise<void> = Promise.resolve();
  let again: NodeJS.Timeout | undefined;
  let isClosed = false;
  const files = await PublicationFiles.open({ directory, sha256: options.runtime.sha256, say });

  const retire = (serving: S): void => {
    const closed = serving.close().finally(() => closing.delete(closed));
    closing.add(closed);
  };

  async function followAll(): Promise<void> {
    const pointers = await files.readPointers(served.keys());
    // Addresses are given up first, since one Gateway's pointer may name an address that another Gateway still serves.
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
      await files.acknowledge(acknowledgement);
    }
    // Without a change of the directory, a port may become free or a file readable.
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
    if (errors.join() !== reported.get(gateway)) for (const error of errors) say(`Gateway ${gateway}: ${error}`);
    reported.set(gateway, errors.join());
    const bundle = now?.published.bundle ?? (addresses.length === 0 ? current.bundle : null);
    return { format: PUBLICATION_FORMAT, gateway, bundle, addresses: [...(now?.byAddress.keys() ?? [])], errors };
  }

  /** Serves `published` on all addresses; resolves to the reasons of those that do not serve it. Rejects when it cannot be read. */
  async function load({ gateway, addresses }: Pointer, published: Published): Promise<string[]> {
    const state = served.get(gateway) ?? { published, byAddress: new Map<string, S>() };
    const isNew =
      state.published.bundle !== published.bundle ||
      state.published.secrets !== published.secrets ||
      !served.has(gateway);
    const missing = addresses.filter((address) => !state.byAddress.has(address));
    if (!isNew && missing.length === 0) return [];
    const { text, secrets } = await files.readRelease(published);
    expected = published.bundle;
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

  /** The failure to read the directory itself that was reported last. */
  let failure: string | null = null;
  const report = (error: unknown): void => {
    if (messageOf(error) !== failure) say(messageOf(error));
    failure = messageOf(error);
  };
  const follow = (): Promise<void> => {
    running = running.then(followAll).then(() => void (failure = null), report);
    return running;
  };
  // The watch begins before the first read, so that no change is missed.
  const watcher = watch(join(directory, "gateways"), { ignoreInitial: true, followSymlinks: false });
  watcher.on("all", () => void follow());
  await new Promise<void>((ready) => watcher.once("ready", () => ready()));
  await follow();
  const poll = setInterval(() => void follow(), DIRECTORY_POLL_MS);
  const servings = (): S[] => [...served.values()].flatMap(({ byAddress }) => [...byAddress.values()]);
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
      await Promise.all([...servings().map((serving) => serving.close(limitMs)), ...closing]);
    },
  };
}
