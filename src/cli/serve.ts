/** `lasthop serve`: serves a bundle, or all that a controller publishes to a directory, on Node, Deno or Bun. */
import { BundleError } from "../bundle/codec.ts";
import type { AccessRecord } from "../gateway/index.ts";
import { createMetrics } from "../host/node/metrics.ts";
import { FileRefused } from "../host/node/regular-file.ts";
import { nodeRuntime } from "../host/node/runtime.ts";
import { serve as serveHere, type Serving } from "../host/node/serve.ts";
import { NoWorkerStarts } from "../host/node/workers/supervisor.ts";
import { closeOperatorServer, openOperatorServer } from "./operator-server.ts";
import type { Running } from "./serve/bundle-file.ts";
import { type Lines, linesTo } from "./serve/lines.ts";
import { UsageError } from "./serve/port-map.ts";
import { parseSettings, SERVE_USAGE, type ServeSettings } from "./serve/settings.ts";
import { serveUntilStopped, stopSignal } from "./serve/signals.ts";
import { startServing } from "./serve/start.ts";
import { serveWithWorkers } from "./serve/with-workers.ts";

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
  const records = linesTo(1, {
    onDrop: (reason) =>
      say(`the access log cannot be written (${reason}): lines are dropped, and counted in ${DROPPED}`),
  });
  // Node.js writes warnings synchronously, which would stop the process while its output is not read.
  process.removeAllListeners("warning").on("warning", ({ message }) => say(message));
  try {
    if (settings.workers === null) await serveAlone(settings, records);
    else await serveWithWorkers(settings, settings.workers, { records, messages, say });
  } catch (error) {
    return reportFailure(error, settings);
  }
  const settled = await Promise.all([records.settle(), messages.settle()]);
  // Output that is not read would keep the process alive.
  if (settled.includes(false)) process.exit(0);
  return 0;
}

const DROPPED = "lasthop_access_log_dropped_total";

/** Serves in this process until a signal. Rejects as {@link startServing} does. */
async function serveAlone(settings: ServeSettings, records: Lines): Promise<void> {
  const stopped = stopSignal();
  let running: Running<Serving> | null = null;
  const endpoint = settings.metrics;
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
  const unready = (): string[] => ((running?.servings.length ?? 0) > 0 ? [] : ["no Gateway is served"]);
  const server =
    endpoint === null || metrics === null ? null : await openOperatorServer(endpoint, metrics.registry, unready);
  try {
    const { onEvent } = metrics ?? {};
    const options = {
      serve: serveHere,
      runtime: nodeRuntime(),
      log,
      say,
      ...(onEvent === undefined ? {} : { onEvent }),
    };
    running = await startServing(settings, options);
    await serveUntilStopped(running, settings.drainMs, stopped);
  } finally {
    if (server !== null) closeOperatorServer(server);
  }
}

/** Reports why the bundle cannot be served, and returns the exit status. Throws `error` again when it is a bug of ours. */
function reportFailure(error: unknown, { path }: ServeSettings): number {
  if (error instanceof UsageError || error instanceof FileRefused) {
    say(error.message);
    return 2;
  }
  if (error instanceof NoWorkerStarts) {
    say(error.message);
    return 1;
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
