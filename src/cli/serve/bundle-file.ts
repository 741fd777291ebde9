/** `lasthop serve BUNDLE`: one bundle and its keys, loaded again when a file changes. What does not load changes nothing. */
import { readFileSync, statSync } from "node:fs";
import { decodeSecrets, NO_SECRETS, type Secrets } from "../../bundle/secrets.ts";
import { followFiles, identifyFiles, type Outcome } from "../../host/node/follow-files.ts";
import { demandOwnerOnly, readRegularFile } from "../../host/node/regular-file.ts";
import { serve, type ServeOptions, type Serving } from "../../host/node/serve.ts";
import { examinePortMap, UsageError } from "./port-map.ts";

/** What is served, whichever way. */
export interface Running {
  readonly servings: readonly Serving[];
  /** Loads what is there now. Never rejects. */
  readonly reload: () => Promise<void>;
  readonly close: (limitMs: number) => Promise<void>;
}

export interface BundleFile {
  readonly path: string;
  readonly secrets: string | null;
  readonly address: string;
  /** False: only `reload` looks at the files again. */
  readonly watch: boolean;
}

/** Rejects as {@link serve} does, with a UsageError, and with what the file system answers. */
export async function serveBundleFile(
  { path, secrets, address, watch }: BundleFile,
  options: Omit<ServeOptions, "address" | "secrets" | "examine">,
  say: (line: string) => void,
): Promise<Running> {
  const paths = secrets === null ? [path] : [path, secrets];
  // Before the first reading, so that no change falls in between.
  const known = await identifyFiles(paths);
  const bundleText = reader(path, false);
  const secretsText = secrets === null ? (): Promise<null> => Promise.resolve(null) : reader(secrets, true);
  // A writer of both files writes the keys first.
  const read = async (): Promise<Texts> => ({ bundle: await bundleText(), secrets: await secretsText() });
  let loaded = await read();
  let isServed = false;
  const serving = await serve(loaded.bundle, {
    ...options,
    address,
    secrets: keysOf(loaded),
    examine(bundle) {
      try {
        examinePortMap(options.portMap, bundle, say);
      } catch (error) {
        // The map cannot be corrected while this runs: a listener that has gone must not hold back the next bundle.
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

  /** What was refused last: once is enough. */
  let refusal: string | null = null;
  async function load(isAsked: boolean): Promise<Outcome> {
    try {
      const texts = await read();
      const isSame = texts.bundle === loaded.bundle && texts.secrets === loaded.secrets;
      if (!isSame || isAsked) {
        await serving.reload(texts.bundle, keysOf(texts));
        loaded = texts;
        say(`${path}: loaded`);
      } else if (refusal !== null) say(`${path}: is what is served again`);
      refusal = null;
      return "done";
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      if (isAsked || message !== refusal) say(`${path}: ${message}; the last good bundle keeps serving`);
      refusal = message;
      return "failed";
    }
  }
  // One at a time: the watch's, and those that are asked for.
  let running: Promise<unknown> = Promise.resolve();
  const next = (isAsked: boolean): Promise<Outcome> => {
    const result = running.then(() => load(isAsked));
    running = result;
    return result;
  };
  const followed = watch
    ? followFiles(
        () => identifyFiles(paths),
        () => next(false),
        known,
      )
    : null;
  return {
    servings: [serving],
    reload: async () => void (await next(true)),
    async close(limitMs) {
      await followed?.close();
      await running;
      await serving.close(limitMs);
    },
  };
}

interface Texts {
  readonly bundle: string;
  readonly secrets: string | null;
}

const keysOf = ({ secrets }: Texts): Secrets => (secrets === null ? NO_SECRETS : decodeSecrets(secrets));

/** Reads a file each time; a pipe, as of a shell's `<(…)`, which has its text but once, the first time. */
function reader(path: string, isSecret: boolean): () => Promise<string> {
  let isPipe: boolean | null = null;
  let text: string | null = null;
  return async () => {
    if (isPipe === null) {
      const found = statSync(path);
      isPipe = found.isFIFO();
      if (isPipe && isSecret) demandOwnerOnly(path, found.mode);
    }
    // Judged once: what a pipe takes the place of later is refused, rather than waited for.
    if (!isPipe) return readRegularFile(path, { isSecret });
    return (text ??= readFileSync(path, "utf8"));
  };
}
