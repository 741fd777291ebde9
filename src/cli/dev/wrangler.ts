/** `wrangler dev` as a child process, and the files that it reads. */
import { type ChildProcess, spawn } from "node:child_process";
import { rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join, relative } from "node:path";
import { ROOT } from "../root.ts";

const START_TIMEOUT_MS = 60_000;

/** Writes the worker's entry beside its bundle, so that one checkout can serve several, and returns its path. */
export function writeEntry(directory: string): string {
  const path = join(directory, "entry.ts");
  const worker = relative(directory, join(ROOT, "src/host/cloudflare/worker.ts"));
  const specifier = worker.startsWith(".") ? worker : `./${worker}`;
  writeFileSync(
    path,
    `// Written by lasthop dev.\nimport bundleText from "./bundle.json";\nimport { createWorker } from "${specifier}";\n\nconst { worker, Pool } = createWorker(bundleText);\n\nexport { Pool };\nexport default worker;\n`,
  );
  return path;
}

/**
 * Writes the private keys as a Worker secret to a file that only its owner can read, and returns its path. On a command
 * line every user of the machine could read them.
 */
export function writeKeys(directory: string, keys: string): string {
  const path = join(directory, "secrets.env");
  rmSync(path, { force: true });
  writeFileSync(path, `LASTHOP_SECRETS='${keys.trim()}'\n`, { mode: 0o600, flag: "wx" });
  return path;
}

/** The arguments of `wrangler dev`. */
interface WranglerOptions {
  readonly entry: string;
  /** The path of the file that {@link writeKeys} has written. */
  readonly keys: string;
  readonly port: number;
  readonly listenerPort: number;
}

/** Starts `wrangler dev`. */
export function startWrangler({ entry, keys, port, listenerPort }: WranglerOptions): ChildProcess {
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

/**
 * Waits until `wrangler` serves, and resolves with null; or with the reason why it does not, and then it is stopped.
 * `ended` is its exit code. Each line of its output goes to `onLine`, also later.
 */
export async function whenReady(
  wrangler: ChildProcess,
  ended: Promise<number>,
  onLine: (line: string) => void,
): Promise<string | null> {
  const serving = new Promise<null>((resolve) => {
    const line = (text: string): void => {
      if (text.includes("Ready on")) resolve(null);
      onLine(text);
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
  const endedEarly = ended.then((code) => `wrangler dev ended with ${code} before it served; is the port taken?`);
  const failure = await Promise.race([serving, late, endedEarly]);
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
