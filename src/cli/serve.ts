/** `lasthop serve`: a bundle, or all that a controller publishes, on Node, Deno or Bun. What does not load changes nothing. */
import { statSync } from "node:fs";
import { resolve } from "node:path";
import { parseArgs } from "node:util";
import { BundleError } from "../bundle/codec.ts";
import type { OnBackendEvent } from "../backend/events.ts";
import type { AccessLog, AccessRecord } from "../gateway/access-log.ts";
import type { EncodedSlashes } from "../gateway/match/request.ts";
import { nodeHost } from "../host/node/host.ts";
import { createMetrics } from "../host/node/metrics.ts";
import { servePublication } from "../host/node/publication.ts";
import { FileRefused } from "../host/node/regular-file.ts";
import { closeEndpoint, type HostPort, MAX_PORT, openEndpoint, parseHostPort } from "./endpoint.ts";
import { type Running, serveBundleFile } from "./serve/bundle-file.ts";
import { type Lines, linesTo } from "./serve/lines.ts";
import { UsageError, unusedEntries } from "./serve/port-map.ts";

export const SERVE_USAGE = `usage: lasthop serve [BUNDLE | DIRECTORY] [options]

  BUNDLE                  what lasthop build wrote (default: bundle.json)
  DIRECTORY               what lasthop controller publishes to: every Gateway there, on its own addresses
      --secrets FILE      private keys for the bundle (lasthop build --secrets); only its owner may read it
      --address ADDRESS   the address to bind (default: 127.0.0.1)
      --port-map MAP      BOUND=LISTENER[,…]: 8080=80 binds 8080 for the listener on 80
      --metrics-address HOST:PORT
                          /metrics, /healthz and /readyz
      --drain-timeout S   seconds that requests in flight have after a signal (default: 30)
      --encoded-slashes refuse|keep
                          a path with %2F or %5C is answered 400 (default), or passed on as it is
      --no-watch          load a changed bundle on SIGHUP alone

A changed bundle is loaded without a cut: requests in flight finish under the old one. One that is refused changes
nothing. SIGINT and SIGTERM answer what is in flight and stop; a second one stops at once.

exit status: 0 stopped by a signal; 1 a port cannot be bound; 2 wrong usage, or a bundle that is refused
`;

interface Settings {
  readonly path: string;
  readonly secrets: string | null;
  /** Null: nobody gave one. */
  readonly address: string | null;
  /** Listener port → bound port. */
  readonly portMap: ReadonlyMap<number, number>;
  readonly metrics: HostPort | null;
  readonly drainMs: number;
  readonly encodedSlashes: EncodedSlashes;
  readonly watch: boolean;
}

/** The command line. */
export async function serve(args: readonly string[]): Promise<number> {
  const settings = parse(args);
  if (settings === null) {
    process.stdout.write(SERVE_USAGE);
    return 0;
  }
  if (typeof settings === "string") {
    process.stderr.write(`lasthop serve: ${settings}\n\n${SERVE_USAGE}`);
    return 2;
  }
  const stopped = onSignals();
  let running: Running | null = null;
  const { metrics: at } = settings;
  // What nobody asks for is not counted.
  const records = linesTo(1, {
    lost: (why) => say(`the access log cannot be written (${why}): lines are dropped, and counted in ${DROPPED}`),
  });
  const metrics =
    at === null
      ? null
      : createMetrics(
          () => running?.servings ?? [],
          () => records.dropped,
        );
  const log = (record: AccessRecord): void => {
    metrics?.onRecord(record);
    records.write(JSON.stringify(record));
  };
  // Node's own way of saying them waits for whoever reads.
  process.removeAllListeners("warning").on("warning", ({ message }) => say(message));
  const unready = (): string[] => ((running?.servings.length ?? 0) > 0 ? [] : ["no Gateway is served"]);
  try {
    const server = at === null || metrics === null ? null : await openEndpoint(at, metrics.registry, unready);
    try {
      running = await start(settings, log, metrics?.onEvent);
      await untilStopped(running, settings.drainMs, stopped);
    } finally {
      if (server !== null) closeEndpoint(server);
    }
  } catch (error) {
    return told(error, settings);
  }
  const settled = await Promise.all([records.settle(), said.settle()]);
  // What a reader that stands still has not taken would keep the process.
  if (settled.includes(false)) process.exit(0);
  return 0;
}

const DROPPED = "lasthop_access_log_dropped_total";

async function start(settings: Settings, log: AccessLog, onEvent: OnBackendEvent | undefined): Promise<Running> {
  const { path, portMap } = settings;
  const options = {
    host: nodeHost(),
    portMap,
    log,
    encodedSlashes: settings.encodedSlashes,
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

/** Aborts at SIGINT or SIGTERM, also while a bundle is read; a second one ends the process. */
function onSignals(): AbortSignal {
  const stop = new AbortController();
  const heard = (): void => {
    if (stop.signal.aborted) process.exit(0);
    stop.abort();
  };
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, heard);
  return stop.signal;
}

async function untilStopped({ reload, close }: Running, drainMs: number, stopped: AbortSignal): Promise<void> {
  if (stopped.aborted) return close(drainMs);
  let running: Promise<void> = Promise.resolve();
  const again = (): void => {
    running = running.then(reload);
  };
  process.on("SIGHUP", again);
  await new Promise((stop) => stopped.addEventListener("abort", stop, { once: true }));
  process.off("SIGHUP", again);
  await running;
  await close(drainMs);
}

/** Why it does not serve, and the exit code. */
function told(error: unknown, { path }: Settings): number {
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
  // It names the file itself: the bundle or the keys.
  if (error instanceof Error && typeof call === "string") {
    say(`${error.message}; give what lasthop build wrote with -o and --secrets, or lasthop controller with --publish`);
    return 2;
  }
  throw error;
}

/** A day: beyond 24 days a timer would fire at once. */
const MAX_DRAIN_MS = 86_400_000;

const said: Lines = linesTo(2, { lost: () => undefined });
const say = (line: string): void => said.write(`lasthop serve: ${line}`);

function parse(args: readonly string[]): Settings | string | null {
  let parsed;
  try {
    parsed = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        address: { type: "string" },
        secrets: { type: "string" },
        "port-map": { type: "string", default: "" },
        "metrics-address": { type: "string" },
        "drain-timeout": { type: "string", default: "30" },
        "encoded-slashes": { type: "string", default: "refuse" },
        "no-watch": { type: "boolean", default: false },
        help: { type: "boolean", short: "h", default: false },
      },
    });
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
  const { values, positionals } = parsed;
  if (values.help) return null;
  if (positionals.length > 1) return "one bundle at a time";
  const portMap = parsePortMap(values["port-map"]);
  if (typeof portMap === "string") return portMap;
  const at = values["metrics-address"];
  const metrics = at === undefined ? null : parseHostPort(at);
  if (at !== undefined && metrics === null) return `--metrics-address: ${JSON.stringify(at)} is not HOST:PORT`;
  const drainMs = Number(values["drain-timeout"]) * 1_000;
  if (!(drainMs >= 0 && drainMs <= MAX_DRAIN_MS))
    return `--drain-timeout: ${JSON.stringify(values["drain-timeout"])} is no number of seconds up to ${MAX_DRAIN_MS / 1_000}`;
  const encodedSlashes = values["encoded-slashes"];
  if (encodedSlashes !== "refuse" && encodedSlashes !== "keep")
    return `--encoded-slashes: ${JSON.stringify(encodedSlashes)} is neither refuse nor keep`;
  return {
    path: resolve(positionals[0] ?? "bundle.json"),
    secrets: values.secrets === undefined ? null : resolve(values.secrets),
    address: values.address ?? null,
    portMap,
    metrics,
    drainMs,
    encodedSlashes,
    watch: !values["no-watch"],
  };
}

function parsePortMap(text: string): Map<number, number> | string {
  const portMap = new Map<number, number>();
  for (const pair of text.split(",").filter((each) => each !== "")) {
    const [bound = 0, listener = 0] = /^\d+=\d+$/.test(pair) ? pair.split("=").map(Number) : [];
    const valid = [bound, listener].every((port) => port >= 1 && port <= MAX_PORT);
    if (!valid) return `--port-map: ${JSON.stringify(pair)} is not BOUND=LISTENER`;
    if (portMap.has(listener)) return `--port-map: listener port ${listener} stands twice`;
    portMap.set(listener, bound);
  }
  return portMap;
}
