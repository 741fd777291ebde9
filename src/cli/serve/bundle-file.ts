/**
 * `lasthop serve BUNDLE`: serves one bundle with its keys, and loads them again when a file changes. When they cannot be
 * loaded, the bundle before keeps serving.
 */
import { readFileSync, statSync } from "node:fs";
import { decodeSecrets, NO_SECRETS, type Secrets } from "../../bundle/secrets.ts";
import { followFiles, identifyFiles, type Outcome } from "../../host/node/follow-files.ts";
import { demandOwnerOnly, readRegularFile } from "../../host/node/regular-file.ts";
import type { Serve, Served, ServeOptions } from "../../host/node/serve.ts";
import { examinePortMap, UsageError } from "./port-map.ts";

/** A running `lasthop serve`. */
export interface Running<S extends Served> {
  readonly servings: readonly S[];
  /** Loads the files again. Never rejects: a failure is printed. */
  readonly reload: () => Promise<void>;
  /** Stops serving. Requests in flight have `limitMs` to end. */
  readonly close: (limitMs: number) => Promise<void>;
}

interface BundleFile {
  /** The path of the bundle. */
  readonly path: string;
  /** The path of the keys, or null. */
  readonly secrets: string | null;
  /** The address to bind. */
  readonly address: string;
  /** Whether a changed file is loaded by itself, without `reload`. */
  readonly watch: boolean;
}

interface BundleFileOptions<S extends Served> extends Omit<ServeOptions, "address" | "secrets" | "examine"> {
  /** What serves the bundle: this process, or its workers. */
  readonly serve: Serve<S>;
}

/**
 * Serves a bundle from a file. Rejects as {@link Serve} does, with a UsageError for a port map that does not fit the
 * bundle, and with errors of the file system. `say` prints one line.
 */
export async function serveBundleFile<S extends Served>(
  { path, secrets, address, watch }: BundleFile,
  { serve, ...options }: BundleFileOptions<S>,
  say: (line: string) => void,
): Promise<Running<S>> {
  const paths = secrets === null ? [path] : [path, secrets];
  // The files are identified before they are read, so that a change between the two is noticed.
  const known = await identifyFiles(paths);
  const bundleText = reader(path, false);
  const secretsText = secrets === null ? (): Promise<null> => Promise.resolve(null) : reader(secrets, true);
  // `lasthop build` writes the keys before the bundle, so a bundle is never read without its keys.
  const read = async (): Promise<Texts> => ({ bundle: await bundleText(), secrets: await secretsText() });
  const loaded = await read();
  let isServed = false;
  const serving = await serve(loaded.bundle, {
    ...options,
    address,
    secrets: keysOf(loaded),
    examine(bundle) {
      try {
        examinePortMap(options.portMap, bundle, say);
      } catch (error) {
        // The port map cannot be corrected in a running process, and must not keep it from loading a later bundle.
        if (!isServed || !(error instanceof UsageError)) throw error;
        say(error.message);
      }
    },
  });
  isServed = true;
  for (const [listener, bound] of serving.ports) {
    const scheme = serving.bundle.listeners.find(({ port }) => port === listener)?.protocol.toLowerCase() ?? "http";
    say(`${scheme}://${address}:${bound} serves the listeners on port ${listener}`);
  }

  const load = createLoader({ path, read, serving, say }, loaded);
  // Loads run one at a time, whether the watch or `reload` asks for them.
  let lastLoad: Promise<unknown> = Promise.resolve();
  const enqueueLoad = (isRequested: boolean): Promise<Outcome> => {
    const result = lastLoad.then(() => load(isRequested));
    lastLoad = result;
    return result;
  };
  const followed = watch
    ? followFiles(
        () => identifyFiles(paths),
        () => enqueueLoad(false),
        known,
      )
    : null;
  return {
    servings: [serving],
    reload: async () => void (await enqueueLoad(true)),
    async close(limitMs) {
      await followed?.close();
      await lastLoad;
      await serving.close(limitMs);
    },
  };
}

interface LoaderContext {
  /** The path of the bundle, for messages. */
  readonly path: string;
  readonly read: () => Promise<Texts>;
  readonly serving: Served;
  readonly say: (line: string) => void;
}

/**
 * A function that reads the files and serves them if they have changed, or if that is requested. `loaded` is what is
 * served first. A failure is printed once, and the bundle before keeps serving.
 */
function createLoader(
  { path, read, serving, say }: LoaderContext,
  loaded: Texts,
): (isRequested: boolean) => Promise<Outcome> {
  let refusal: string | null = null;
  return async (isRequested) => {
    try {
      const texts = await read();
      const isSame = texts.bundle === loaded.bundle && texts.secrets === loaded.secrets;
      if (!isSame || isRequested) {
        await serving.reload(texts.bundle, keysOf(texts));
        loaded = texts;
        say(`${path}: loaded`);
      } else if (refusal !== null) say(`${path}: is what is served again`);
      refusal = null;
      return "done";
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      if (isRequested || message !== refusal) say(`${path}: ${message}; the last good bundle keeps serving`);
      refusal = message;
      return "failed";
    }
  };
}

interface Texts {
  readonly bundle: string;
  readonly secrets: string | null;
}

const keysOf = ({ secrets }: Texts): Secrets => (secrets === null ? NO_SECRETS : decodeSecrets(secrets));

/** A function that reads a file at each call. A pipe, such as a shell's `<(…)`, can be read only once: its text is kept. */
function reader(path: string, isSecret: boolean): () => Promise<string> {
  let isPipe: boolean | null = null;
  let text: string | null = null;
  return async () => {
    if (isPipe === null) {
      const found = statSync(path);
      isPipe = found.isFIFO();
      if (isPipe && isSecret) demandOwnerOnly(path, found.mode);
    }
    // A file that is replaced by a pipe later is refused, because reading that pipe might never end.
    if (!isPipe) return readRegularFile(path, { isSecret });
    return (text ??= readFileSync(path, "utf8"));
  };
}
