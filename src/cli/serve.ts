/** `lasthop serve`: serves a bundle, or all that a controller publishes to a directory, on Node, Deno or Bun. */
import { statSync } from "node:fs";
import { BundleError } from "../bundle/codec.ts";
import type { OnBackendEvent } from "../backend/index.ts";
import type { AccessLog, AccessRecord } from "../gateway/index.ts";
import { nodeRuntime } from "../host/node/runtime.ts";
import { createMetrics } from "../host/node/metrics.ts";
import { servePublication } from "../host/node/publication.ts";
import { FileRefused } from "../host/node/regular-file.ts";
import { closeOperatorServer, openOperatorServer } from "./operator-server.ts";
import { type Running, serveBundleFile } from "./serve/bundle-file.ts";
import { type Lines, linesTo } from "./serve/lines.ts";
import { UsageError, unusedEntries } from "./serve/port-map.ts";
import { parseSettings, SERVE_USAGE, type ServeSettings } from "./serve/settings.ts";

/** `lasthop serve`. Resolves with the exit status. */
export async function serve(args: readonly string[]): Promise<number> {
  const settings = parseSettings(args);
  if (settings === null) {
    process.stdout.write(SERVE_USAGE);
    return 0;
  }
  if (typeof settings === "string") {
    process.stderr.write(`lasthop serve: ${settings}\n\n${SERVE_USAGE}`);
    return 2;
  }
  const stopped = stopSignal();
  let running: Running | null = null;
  const endpoint = settings.metrics;
  const records = linesTo(1, {
    onDrop: (reason) =>
      say(`the access log cannot be written (${reason}): lines are dropped, and counted in ${DROPPED}`),
  });
  // Without an endpoint nothing can read metrics, so there are none.
  const metrics =
    endpoint === null
      ? null
      : createMetrics(
          () => running?.servings ?? [],
          () => records.dropped,
        );
  const log = (record: AccessRecord): void => {
    metrics?.onRecord(record);
    records.write(JSON.stringify(record));
  };
  // Node.js writes warnings synchronously, which would stop the process while its output is not read.
  process.removeAllListeners("warning").on("warning", ({ message }) => say(message));
  const unready = (): string[] => ((running?.servings.length ?? 0) > 0 ? [] : ["no Gateway is served"]);
  try {
    const server =
      endpoint === null || metrics === null ? null : await openOperatorServer(endpoint, metrics.registry, unready);
    try {
      running = await startServing(settings, log, metrics?.onEvent);
      await serveUntilStopped(running, settings.drainMs, stopped);
    } finally {
      if (server !== null) closeOperatorServer(server);
    }
  } catch (error) {
    return reportFailure(error, settings);
  }
  const settled = await Promise.all([records.settle(), messages.settle()]);
  // Output that is not read would keep the process alive.
  if (settled.includes(false)) process.exit(0);
  return 0;
}

const DROPPED = "lasthop_access_log_dropped_total";

async function startServing(
  settings: ServeSettings,
  log: AccessLog,
  onEvent: OnBackendEvent | undefined,
): Promise<Running> {
  const { path, portMap } = settings;
  const options = {
    runtime: nodeRuntime(),
    portMap,
    log,
    encodedSlashes: settings.encodedSlashes,
    http2: settings.http2,
    ...(onEvent === undefined ? {} : { onEvent }),
  };
  if (statSync(path).isDirectory()) {
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
  const address = settings.address ?? "127.0.0.1";
  return serveBundleFile({ path, secrets: settings.secrets, address, watch: settings.watch }, options, say);
}

/** A signal that aborts at SIGINT or SIGTERM, also while the bundle is loaded. A second one ends the process at once. */
function stopSignal(): AbortSignal {
  const stop = new AbortController();
  const onSignal = (): void => {
    if (stop.signal.aborted) process.exit(0);
    stop.abort();
  };
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, onSignal);
  return stop.signal;
}

/** Serves until `stopped` aborts and then closes. SIGHUP reloads, one reload after another. */
async function serveUntilStopped({ reload, close }: Running, drainMs: number, stopped: AbortSignal): Promise<void> {
  if (stopped.aborted) return close(drainMs);
  let reloading: Promise<void> = Promise.resolve();
  const onHangup = (): void => {
    reloading = reloading.then(reload);
  };
  process.on("SIGHUP", onHangup);
  await new Promise((stop) => stopped.addEventListener("abort", stop, { once: true }));
  process.off("SIGHUP", onHangup);
  await reloading;
  await close(drainMs);
}

/** Reports why the bundle cannot be served, and returns the exit status. Throws `error` again when it is a bug of ours. */
function reportFailure(error: unknown, { path }: ServeSettings): number {
  if (error instanceof UsageError || error instanceof FileRefused) {
    say(error.message);
    return 2;
  }
  if (error instanceof BundleError) {
    say(`${path}: ${error.message}`);
    return 2;
  }
  const call = error instanceof Error && "syscall" in error ? error.syscall : null;
  if (error instanceof Error && (call === "listen" || call === "getaddrinfo")) {
    say(`${error.message}; see --address, --port-map and --metrics-address`);
    return 1;
  }
  // The message of a file system error names the file: the bundle or the keys.
  if (error instanceof Error && typeof call === "string") {
    say(`${error.message}; give what lasthop build wrote with -o and --secrets, or lasthop controller with --publish`);
    return 2;
  }
  throw error;
}

const messages: Lines = linesTo(2, { onDrop: () => undefined });
const say = (line: string): void => messages.write(`lasthop serve: ${line}`);
