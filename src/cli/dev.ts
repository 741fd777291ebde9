/**
 * `lasthop dev`: compiles manifests, serves them with `wrangler dev`, and compiles again when one changes. A broken
 * edit is reported and the last good bundle keeps serving.
 */
import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { inputFiles, type InputsRead, readInputs } from "../compile/index.ts";
import { followFiles, identifyFiles, type Outcome } from "../host/node/follow-files.ts";
import { buildOnce, type BuildResult } from "./build.ts";
import type { BuildOptions } from "./build/args.ts";
import { startWrangler, whenReady, writeEntry, writeKeys } from "./dev/wrangler.ts";
import { ROOT } from "./root.ts";

const DEV_USAGE = `usage: lasthop dev -f PATH… [--port PORT] [--gateway NAMESPACE/NAME] [--allow-loopback]

Compiles the manifests, serves them on 127.0.0.1 with wrangler dev, and compiles again when one changes.
Every option but --port is one of lasthop build.
`;

/** `lasthop dev`. Resolves with the exit status. */
export async function dev(args: readonly string[]): Promise<number> {
  let values;
  try {
    ({ values } = parseArgs({
      args: [...args],
      options: {
        filename: { type: "string", short: "f", multiple: true, default: [] },
        port: { type: "string", default: "8787" },
        gateway: { type: "string" },
        "allow-loopback": { type: "boolean", default: false },
        help: { type: "boolean", short: "h", default: false },
      },
    }));
  } catch (error) {
    process.stderr.write(`lasthop dev: ${error instanceof Error ? error.message : String(error)}\n\n${DEV_USAGE}`);
    return 2;
  }
  const port = Number(values.port);
  if (values.help) {
    process.stdout.write(DEV_USAGE);
    return 0;
  }
  if (values.filename.length === 0 || !Number.isInteger(port) || port < 1 || port > 65_535) {
    process.stderr.write(`lasthop dev: give -f PATH, and a port from 1 to 65535\n\n${DEV_USAGE}`);
    return 2;
  }
  const server = await startDev({
    build: {
      paths: values.filename,
      gateway: values.gateway,
      allowLoopback: values["allow-loopback"],
      print: (text) => void process.stderr.write(text),
    },
    directory: join(ROOT, ".lasthop/dev"),
    port,
    print: console.log,
    built: ({ digest }, changed) =>
      console.log(`${changed ? "compiled again" : "compiled"}: bundle ${digest.slice(0, 12)}`),
    workerLine: console.log,
  });
  if (server === null) return 2;
  console.log(`serving on http://127.0.0.1:${port}; stop with Ctrl-C`);
  return untilStopped(server);
}

/** Serves until a signal, and resolves with 0; when wrangler ends by itself, with its exit code. */
export async function untilStopped(server: DevServer): Promise<number> {
  let stopped = false;
  const stop = (): void => {
    stopped = true;
    void server.close();
  };
  process.once("SIGINT", stop);
  process.once("SIGTERM", stop);
  const code = await server.ended;
  await server.close();
  return stopped ? 0 : code;
}

interface DevOptions {
  readonly build: Omit<BuildOptions, "output" | "secrets" | "inputs">;
  /** The directory for the bundle, its private keys and the worker's entry. */
  readonly directory: string;
  readonly port: number;
  /** A function that prints one line for people. */
  readonly print: (line: string) => void;
  /** A callback after each compilation that wrote a bundle; `changed` is false the first time. */
  readonly built: (result: BuildResult, changed: boolean) => void;
  /** A callback with each line that the worker logs: one access record per line. */
  readonly workerLine: (line: string) => void;
}

/** A worker that `wrangler dev` serves. */
export interface DevServer {
  /** A promise of wrangler's exit code, which resolves when it ends, by itself or by `close`. */
  readonly ended: Promise<number>;
  close(): Promise<void>;
}

/** Compiles and serves. Null when the first build wrote no bundle or wrangler did not start; why has been printed. */
export async function startDev(options: DevOptions): Promise<DevServer | null> {
  const { build, directory, port, print, built, workerLine } = options;
  mkdirSync(directory, { recursive: true });
  const outputs = { output: join(directory, "bundle.json"), secrets: join(directory, "secrets.json") };
  /** The identity of all input files, which also changes when a file is added to a directory, or removed. */
  const identify = (): Promise<string> => identifyFiles(inputFiles(build.paths));
  const known = await identify();
  // Standard input can be read only once.
  const stdin = readInputs(build.paths.filter((path) => path === "-"));
  const files = build.paths.filter((path) => path !== "-");
  const read = (): InputsRead => {
    const { documents, faults } = readInputs(files, Object.values(outputs));
    return { documents: [...stdin.documents, ...documents], faults: [...stdin.faults, ...faults] };
  };
  let inputs = read();
  const first = await buildOnce({ ...build, ...outputs, inputs });
  if (first.exitCode === 2) return null;
  built(first, false);
  const keys = readFileSync(outputs.secrets, "utf8");

  const entry = writeEntry(directory);
  const wrangler = startWrangler({
    entry,
    keys: writeKeys(directory, keys),
    port,
    listenerPort: first.listenerPort,
  });
  const exit = { code: null as number | null };
  const ended = new Promise<number>((done) => {
    wrangler.once("exit", (code) => {
      exit.code = code ?? 1;
      done(exit.code);
    });
  });
  const failure = await whenReady(wrangler, ended, workerLine);
  if (failure !== null) {
    print(`lasthop: ${failure}`);
    return null;
  }

  const rebuild = createRebuild(options, outputs, { keys, listenerPort: first.listenerPort });
  const rebuildIfChanged = async (): Promise<Outcome> => {
    const next = read();
    if (!isSameInputs(next, inputs)) {
      inputs = next;
      await rebuild(next).catch((error: unknown) => print(`lasthop: ${String(error)}`));
    }
    return next.faults.length === 0 ? "done" : "failed";
  };
  const followed = followFiles(identify, rebuildIfChanged, known);

  return {
    ended,
    async close() {
      await followed.close();
      if (exit.code === null) wrangler.kill("SIGINT");
      await ended;
    },
  };
}

/**
 * A function that builds changed inputs, which wrangler notices by itself. wrangler reads the listener's port and the
 * keys only when it starts: when they differ from those in `served`, requests are answered with 404 no-listener or 500
 * bundle-refused, so this is printed.
 */
function createRebuild(
  { build, print, built }: DevOptions,
  outputs: { readonly output: string; readonly secrets: string },
  served: { readonly keys: string; readonly listenerPort: number },
): (inputs: InputsRead) => Promise<void> {
  return async (inputs) => {
    const result = await buildOnce({ ...build, ...outputs, inputs });
    if (result.exitCode === 2) {
      print("lasthop: the last good bundle keeps serving");
      return;
    }
    built(result, true);
    if (result.listenerPort !== served.listenerPort)
      print(`lasthop: the listener's port is ${result.listenerPort} now; start again to serve it`);
    if (readFileSync(outputs.secrets, "utf8") !== served.keys)
      print("lasthop: the bundle needs other private keys now; start again to serve it");
  };
}

/** Whether two inputs are equal for a build. */
function isSameInputs(a: InputsRead, b: InputsRead): boolean {
  const faults = ({ faults }: InputsRead): string => faults.map(({ message }) => message).join("\n");
  return (
    faults(a) === faults(b) &&
    a.documents.length === b.documents.length &&
    a.documents.every(({ file, text }, index) => file === b.documents[index]?.file && text === b.documents[index]?.text)
  );
}
