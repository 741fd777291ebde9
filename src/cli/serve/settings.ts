/** The command line of `lasthop serve`. */
import { availableParallelism } from "node:os";
import { resolve } from "node:path";
import { parseArgs } from "node:util";
import type { EncodedSlashes } from "../../gateway/index.ts";
import { isBun } from "../../host/node/bun.ts";
import { isDeno } from "../../host/node/deno.ts";
import { hasTcpHandles } from "../../host/node/workers/tcp-handle.ts";
import { type HostPort, MAX_PORT, parseHostPort } from "../operator-server.ts";

/** The help text. */
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
      --no-http2          clients may speak HTTP/1.1 alone
      --no-watch          load a changed bundle on SIGHUP alone
      --workers N|auto    processes that serve, under one that supervises them (Node.js alone): 1 to 256, or auto for
                          the processors that this process may use; without it one process does all

A changed bundle is loaded without a cut: requests in flight finish under the old one. One that is refused changes
nothing. SIGINT and SIGTERM answer what is in flight and stop; a second one stops at once.

exit status: 0 stopped by a signal; 1 a port cannot be bound; 2 wrong usage, or a bundle that is refused
`;

/** The settings of `lasthop serve`. */
export interface ServeSettings {
  readonly path: string;
  readonly secrets: string | null;
  /** The address to bind; null when the option is not given. */
  readonly address: string | null;
  /** The port to bind by the listener's port. */
  readonly portMap: ReadonlyMap<number, number>;
  readonly metrics: HostPort | null;
  readonly drainMs: number;
  readonly encodedSlashes: EncodedSlashes;
  /** Whether clients may speak HTTP/2. */
  readonly http2: boolean;
  readonly watch: boolean;
  /** The number of workers; null when this process serves by itself. */
  readonly workers: number | null;
}

/** One day. A timer of more than 24 days would fire at once. */
const MAX_DRAIN_MS = 86_400_000;

/** The settings of a command line; a message when it is wrong, null for `--help`. */
export function parseSettings(args: readonly string[]): ServeSettings | string | null {
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
        "no-http2": { type: "boolean", default: false },
        "no-watch": { type: "boolean", default: false },
        workers: { type: "string" },
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
  const workers = values.workers === undefined ? null : parseWorkers(values.workers);
  if (typeof workers === "string") return workers;
  return {
    path: resolve(positionals[0] ?? "bundle.json"),
    secrets: values.secrets === undefined ? null : resolve(values.secrets),
    address: values.address ?? null,
    portMap,
    metrics,
    drainMs,
    encodedSlashes,
    http2: !values["no-http2"],
    watch: !values["no-watch"],
    workers,
  };
}

/** The highest number of workers. */
const MAX_WORKERS = 256;

/** The number of workers in the option's text; a message when it is wrong, or when this runtime cannot have workers. */
function parseWorkers(text: string): number | string {
  // Node.js's own count: the processors of the affinity mask, and of the quota of the control group.
  const count = text === "auto" ? Math.min(availableParallelism(), MAX_WORKERS) : Number(text);
  if (!/^(auto|\d+)$/.test(text) || count < 1 || count > MAX_WORKERS)
    return `--workers: ${JSON.stringify(text)} is neither auto nor a number from 1 to ${MAX_WORKERS}`;
  const reason = whyNoWorkers();
  if (reason === null) return count;
  return (
    `--workers needs Node.js: ${reason}. Run lasthop serve with Node.js, or several of them behind a load balancer, each ` +
    "on an address of its own"
  );
}

/** Why this runtime cannot have workers (measured: Deno 2.9.6, Bun 1.4.5); null where it can. */
function whyNoWorkers(): string | null {
  if (isDeno)
    return (
      "on Deno a socket that is handed to another process is gone from the one that hands it over, so a worker that ends " +
      "would take the connections with it that wait in the socket"
    );
  if (isBun || !hasTcpHandles)
    return "this runtime cannot hold a port without accepting its connections, as a supervisor does";
  return null;
}

/** The port map in a text such as `8080=80,8443=443`, by the listener's port; a message when it is wrong. */
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
