/** `lasthop serve`: a bundle on Node, with its Gateway's listeners. A changed bundle is loaded; a broken one is not. */
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { parseArgs } from "node:util";
import { watch } from "chokidar";
import { BundleError } from "../bundle/codec.ts";
import { nodeHost } from "../host/node/host.ts";
import { serve as serveBundle, type Serving } from "../host/node/serve.ts";

export const SERVE_USAGE = `usage: lasthop serve [BUNDLE] [options]

  BUNDLE                 what lasthop build wrote (default: bundle.json)
      --address ADDRESS  the address to bind (default: 127.0.0.1)
      --port-map MAP     BOUND=LISTENER[,…]: 8080=80 binds 8080 for the listener on 80
      --no-watch         load a changed bundle on SIGHUP alone

A changed bundle is loaded without a cut: requests in flight finish under the old one. One that is refused changes
nothing. SIGINT and SIGTERM answer what is in flight and stop.

exit status: 0 stopped by a signal; 1 a port cannot be bound; 2 wrong usage, or a bundle that is refused
`;

interface Settings {
  readonly path: string;
  readonly address: string;
  /** Listener port → bound port. */
  readonly portMap: ReadonlyMap<number, number>;
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
  let serving: Serving;
  try {
    serving = await serveBundle(readFileSync(settings.path, "utf8"), {
      host: nodeHost(),
      address: settings.address,
      portMap: settings.portMap,
      log: (record) => console.log(JSON.stringify(record)),
    });
  } catch (error) {
    return told(error, settings);
  }
  for (const [listener, bound] of serving.ports)
    say(`http://${settings.address}:${bound} serves the listeners on port ${listener}`);
  await untilStopped(serving, settings);
  return 0;
}

async function untilStopped(serving: Serving, { path, watch: watched }: Settings): Promise<void> {
  let running: Promise<void> = Promise.resolve();
  const reload = async (): Promise<void> => {
    try {
      await serving.reload(readFileSync(path, "utf8"));
      say(`${path}: loaded`);
    } catch (error) {
      say(`${path}: ${error instanceof Error ? error.message : String(error)}; the last good bundle keeps serving`);
    }
  };
  const again = (): void => {
    running = running.then(reload);
  };
  process.on("SIGHUP", again);
  const watcher = watched ? watch(path, { ignoreInitial: true }).on("all", again) : null;
  await new Promise<void>((stop) => {
    process.once("SIGINT", () => stop());
    process.once("SIGTERM", () => stop());
  });
  process.off("SIGHUP", again);
  await watcher?.close();
  await running;
  await serving.close();
}

/** Why it does not serve, and the exit code. */
function told(error: unknown, { path }: Settings): number {
  const code = error instanceof Error && "code" in error ? error.code : null;
  if (error instanceof BundleError || code === "ENOENT" || code === "EACCES" || code === "EISDIR") {
    say(`${path}: ${error instanceof Error ? error.message : String(error)}`);
    return code === "EACCES" && error instanceof Error && error.message.startsWith("listen") ? 1 : 2;
  }
  if (error instanceof Error && (code === "EADDRINUSE" || code === "EADDRNOTAVAIL")) {
    say(`${error.message}; see --address and --port-map`);
    return 1;
  }
  throw error;
}

const say = (line: string): void => void process.stderr.write(`lasthop serve: ${line}\n`);

function parse(args: readonly string[]): Settings | string | null {
  let parsed;
  try {
    parsed = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        address: { type: "string", default: "127.0.0.1" },
        "port-map": { type: "string", default: "" },
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
  const portMap = new Map<number, number>();
  for (const pair of values["port-map"].split(",").filter((each) => each !== "")) {
    const [bound = 0, listener = 0] = /^\d+=\d+$/.test(pair) ? pair.split("=").map(Number) : [];
    const valid = [bound, listener].every((port) => port >= 1 && port <= 65_535);
    if (!valid) return `--port-map: ${JSON.stringify(pair)} is not BOUND=LISTENER`;
    if (portMap.has(listener)) return `--port-map: listener port ${listener} stands twice`;
    portMap.set(listener, bound);
  }
  return {
    path: resolve(positionals[0] ?? "bundle.json"),
    address: values.address,
    portMap,
    watch: !values["no-watch"],
  };
}
