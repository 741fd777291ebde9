/**
 * `lasthop dev`: compiles manifests, serves them with `wrangler dev`, and compiles again when one changes. A broken
 * edit is reported and the last good bundle keeps serving.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join, relative, resolve } from "node:path";
import { parseArgs } from "node:util";
import { inputFiles, type InputsRead, readInputs } from "../compile/index.ts";
import { followFiles, identifyFiles, type Outcome } from "../host/node/follow-files.ts";
import { buildOnce, type BuildOptions, type BuildResult } from "./build.ts";

const ROOT = resolve(import.meta.dirname, "../..");
const START_TIMEOUT_MS = 60_000;

export const DEV_USAGE = `usage: lasthop dev -f PATH… [--port PORT] [--gateway NAMESPACE/NAME] [--allow-loopback]

Compiles the manifests, serves them on 127.0.0.1 with wrangler dev, and compiles again when one changes.
Every option but --port is one of lasthop build.
`;

/** The command line. */
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

/** Serves until a signal, or until wrangler ends by itself: then with its exit code. */
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

export interface DevOptions {
  readonly build: Omit<BuildOptions, "output" | "secrets" | "inputs">;
  /** Gets bundle.json, the keys that it needs and the worker's entry. */
  readonly directory: string;
  readonly port: number;
  /** One line for people. */
  readonly print: (line: string) => void;
  /** After each compile that wrote a bundle; `changed` is false the first time. */
  readonly built: (result: BuildResult, changed: boolean) => void;
  /** What the worker logs: one access record a line. */
  readonly workerLine: (line: string) => void;
}

export interface DevServer {
  /** Settles when wrangler ends, by itself or by `close`; its exit code. */
  readonly ended: Promise<number>;
  close(): Promise<void>;
}

/** Null when there is nothing to serve (the first compile wrote no bundle) or wrangler did not start: it has been said why. */
export async function startDev(options: DevOptions): Promise<DevServer | null> {
  const { build, directory, port, print, built, workerLine } = options;
  mkdirSync(directory, { recursive: true });
  const outputs = { output: join(directory, "bundle.json"), secrets: join(directory, "secrets.json") };
  /** Of all files that the paths lead to, so that one that comes or goes is a change too. */
  const identify = (): Promise<string> => identifyFiles(inputFiles(build.paths));
  const known = await identify();
  // Standard input can be read once.
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
  const wrangler = startWrangler(entry, writeKeys(directory, keys), port, first.listenerPort);
  const exit = { code: null as number | null };
  const ended = new Promise<number>((done) => {
    wrangler.once("exit", (code) => {
      exit.code = code ?? 1;
      done(exit.code);
    });
  });
  const failure = await ready(wrangler, ended, workerLine);
  if (failure !== null) {
    print(`lasthop: ${failure}`);
    return null;
  }

  const rebuild = async (): Promise<void> => {
    const result = await buildOnce({ ...build, ...outputs, inputs });
    if (result.exitCode === 2) {
      print("lasthop: the last good bundle keeps serving");
      return;
    }
    built(result, true);
    // wrangler got both when it started: every request would be answered 404 no-listener, or 500 bundle-refused.
    if (result.listenerPort !== first.listenerPort)
      print(`lasthop: the listener's port is ${result.listenerPort} now; start again to serve it`);
    if (readFileSync(outputs.secrets, "utf8") !== keys)
      print("lasthop: the bundle needs other private keys now; start again to serve it");
  };
  const look = async (): Promise<Outcome> => {
    const next = read();
    if (!isSameInputs(next, inputs)) {
      inputs = next;
      await rebuild().catch((error: unknown) => print(`lasthop: ${String(error)}`));
    }
    return next.faults.length === 0 ? "done" : "failed";
  };
  const followed = followFiles(identify, look, known);

  return {
    ended,
    async close() {
      await followed.close();
      if (exit.code === null) wrangler.kill("SIGINT");
      await ended;
    },
  };
}

/** Whether a build of both says the same. */
function isSameInputs(a: InputsRead, b: InputsRead): boolean {
  const faults = ({ faults }: InputsRead): string => faults.map(({ message }) => message).join("\n");
  return (
    faults(a) === faults(b) &&
    a.documents.length === b.documents.length &&
    a.documents.every(({ file, text }, index) => file === b.documents[index]?.file && text === b.documents[index]?.text)
  );
}

/** The worker's entry beside its bundle, so that several can be served at once from one checkout. */
function writeEntry(directory: string): string {
  const path = join(directory, "entry.ts");
  const worker = relative(directory, join(ROOT, "src/host/cloudflare/worker.ts"));
  const specifier = worker.startsWith(".") ? worker : `./${worker}`;
  writeFileSync(
    path,
    `// Written by lasthop dev.\nimport bundleText from "./bundle.json";\nimport { createWorker } from "${specifier}";\n\nconst { worker, Pool } = createWorker(bundleText);\n\nexport { Pool };\nexport default worker;\n`,
  );
  return path;
}

/** The keys as a Worker secret, in a file that wrangler reads: a command line would show them to everyone. */
function writeKeys(directory: string, keys: string): string {
  const path = join(directory, "secrets.env");
  rmSync(path, { force: true });
  writeFileSync(path, `LASTHOP_SECRETS='${keys.trim()}'\n`, { mode: 0o600, flag: "wx" });
  return path;
}

function startWrangler(entry: string, keys: string, port: number, listenerPort: number): ChildProcess {
  const wrangler = join(dirname(createRequire(import.meta.url).resolve("wrangler/package.json")), "bin/wrangler.js");
  const args = [
    wrangler,
    "dev",
    entry,
    `--config=${join(ROOT, "wrangler.toml")}`,
    "--ip=127.0.0.1",
    `--port=${port}`,
    "--inspector-port=0",
    "--show-interactive-dev-session=false",
    "--log-level=log",
    `--env-file=${keys}`,
    `--var=LASTHOP_LISTENER_PORT:${listenerPort}`,
  ];
  return spawn(process.execPath, args, {
    cwd: ROOT,
    env: { ...process.env, WRANGLER_SEND_METRICS: "false", CLOUDFLARE_CF_FETCH_ENABLED: "false", NO_COLOR: "1" },
    stdio: ["ignore", "pipe", "pipe"],
  });
}

/** Null when wrangler serves, else why it does not; then it has been stopped. Its output goes on to `workerLine`. */
async function ready(
  wrangler: ChildProcess,
  ended: Promise<number>,
  workerLine: (line: string) => void,
): Promise<string | null> {
  const serving = new Promise<null>((resolve) => {
    const line = (text: string): void => {
      if (text.includes("Ready on")) resolve(null);
      workerLine(text);
    };
    for (const stream of [wrangler.stdout, wrangler.stderr]) eachLine(stream, line);
  });
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<string>((resolve) => {
    timer = setTimeout(
      () => resolve(`wrangler dev did not start within ${START_TIMEOUT_MS / 1_000} s`),
      START_TIMEOUT_MS,
    );
  });
  const gone = ended.then((code) => `wrangler dev ended with ${code} before it served; is the port taken?`);
  const failure = await Promise.race([serving, late, gone]);
  clearTimeout(timer);
  if (failure !== null && wrangler.exitCode === null) {
    wrangler.kill("SIGINT");
    await ended;
  }
  return failure;
}

function eachLine(stream: NodeJS.ReadableStream | null, line: (text: string) => void): void {
  let rest = "";
  stream?.on("data", (chunk: Buffer | string) => {
    const lines = (rest + chunk.toString()).split("\n");
    rest = lines.pop() ?? "";
    for (const text of lines) line(text);
  });
}
