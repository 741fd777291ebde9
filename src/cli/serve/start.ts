/** What `lasthop serve` serves: a bundle, or all that a controller publishes to a directory. */
import { statSync } from "node:fs";
import { servePublication } from "../../host/node/publication.ts";
import type { Serve, Served, ServeOptions } from "../../host/node/serve.ts";
import { type Running, serveBundleFile } from "./bundle-file.ts";
import { UsageError, unusedEntries } from "./port-map.ts";
import type { ServeSettings } from "./settings.ts";

/** How it is served. */
interface StartServingOptions<S extends Served> extends Pick<ServeOptions, "runtime" | "log" | "onEvent"> {
  /** What serves each bundle: this process, or its workers. */
  readonly serve: Serve<S>;
  readonly say: (line: string) => void;
}

/**
 * Serves the bundle or the directory of the settings. Rejects as {@link serveBundleFile} and {@link servePublication} do,
 * and with a UsageError for options that a directory would ignore.
 */
export async function startServing<S extends Served>(
  settings: ServeSettings,
  { say, ...more }: StartServingOptions<S>,
): Promise<Running<S>> {
  const { path, portMap } = settings;
  const { encodedSlashes, http2 } = settings;
  const options = { ...more, portMap, encodedSlashes, http2 };
  if (!statSync(path).isDirectory()) {
    const address = settings.address ?? "127.0.0.1";
    return serveBundleFile({ path, secrets: settings.secrets, address, watch: settings.watch }, options, say);
  }
  if (settings.secrets !== null || settings.address !== null)
    throw new UsageError("--secrets and --address are for a bundle; a directory's Gateways have theirs published");
  const published = await servePublication({ ...options, directory: path, say });
  if (published.servings.length === 0)
    say(`${path}: no Gateway is served yet; what a controller publishes there will be`);
  else {
    const ports = published.servings.flatMap(({ ports }) => [...ports.keys()]);
    for (const [listener, bound] of unusedEntries(portMap, ports))
      say(`--port-map ${bound}=${listener}: no Gateway that is served has a listener on port ${listener}`);
  }
  return {
    get servings() {
      return published.servings;
    },
    reload: () => published.follow(),
    close: (limitMs) => published.close(limitMs),
  };
}
