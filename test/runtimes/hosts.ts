/** The runtimes, each started as an operator starts it. Deno and Bun are installed from npm into .lasthop/runtimes. */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { freePort } from "../../src/cli/free-port.ts";
import { residentBytes, startWorkerd } from "../soak/workerd.ts";
import { type Cluster, PORTS } from "./cluster.ts";

/** All runtimes. */
export const RUNTIMES = ["node", "deno", "bun", "workerd"] as const;
/** A runtime. */
export type Runtime = (typeof RUNTIMES)[number];

/** A runtime that serves a bundle. */
export interface Serving {
  /** The bound ports, by the listener's port. */
  readonly ports: ReadonlyMap<number, number>;
  /** Reloads another bundle; resolves when it is served. */
  reload(bundle: string): Promise<void>;
  /** Stops the process by SIGTERM; resolves with its exit status. */
  terminate(): Promise<number | null>;
  /** The resident memory of the process. */
  residentBytes(): number;
  /** Ends the process at once, if it has not ended. */
  kill(): Promise<void>;
}

const ROOT = resolve(import.meta.dirname, "../..");
const HOME = join(ROOT, ".lasthop/runtimes");
const PACKAGES = ["deno@2.9.6", "bun@1.4.5"];
const START_MS = 20_000;
const bin = (name: string): string => join(HOME, "node_modules/.bin", name);

/** Further options of `lasthop serve`, such as `--workers 2`. */
const MORE = (process.env["LASTHOP_SERVE_OPTIONS"] ?? "").split(" ").filter((option) => option !== "");

/** A runtime that runs `lasthop serve`. */
export type ServingRuntime = Exclude<Runtime, "workerd">;

const COMMANDS: Readonly<Record<ServingRuntime, readonly [string, ...string[]]>> = {
  node: [process.execPath],
  deno: [bin("deno"), "run", "--allow-all", "--no-check"],
  bun: [bin("bun")],
};

/** The command line that runs a script on `runtime`, which is installed first if need be. */
export function commandOf(runtime: ServingRuntime): readonly [string, ...string[]] {
  if (runtime !== "node") install();
  return COMMANDS[runtime];
}

/** Starts a runtime with the bundle of a cluster. Rejects with its output when it does not serve. */
export async function startRuntime(runtime: Runtime, { bundle, secrets }: Cluster): Promise<Serving> {
  if (runtime !== "workerd") return startServe(COMMANDS[runtime], bundle, secrets);
  const workerd = await startWorkerd(bundle, secrets);
  const never = (): Promise<never> => Promise.reject(new Error("workerd has no such thing"));
  return {
    ports: new Map([[80, workerd.port]]),
    reload: never,
    terminate: never,
    residentBytes: () => workerd.residentBytes(),
    kill: () => workerd.stop(),
  };
}

async function startServe(
  [command, ...args]: readonly [string, ...string[]],
  bundle: string,
  secrets: string,
): Promise<Serving> {
  install();
  const [bundleFile, secretsFile] = [join(HOME, "bundle.json"), join(HOME, "secrets.json")];
  writeFileSync(bundleFile, bundle);
  writeFileSync(secretsFile, secrets, { mode: 0o600 });
  const ports = new Map<number, number>();
  for (const port of PORTS) ports.set(port, await freePort());
  const portMap = [...ports].map(([listener, bound]) => `${bound}=${listener}`).join(",");
  const main = join(ROOT, "src/cli/main.ts");
  const child = spawn(
    command,
    [...args, main, "serve", bundleFile, "--secrets", secretsFile, "--port-map", portMap, "--no-watch", ...MORE],
    { cwd: ROOT, stdio: ["ignore", "ignore", "pipe"] },
  );
  const waitForOutput = listen(child);
  await waitForOutput("serves the listeners on port 8444");
  const ended = async (signal: NodeJS.Signals): Promise<number | null> => {
    if (child.exitCode !== null || child.signalCode !== null) return child.exitCode;
    child.kill(signal);
    await once(child, "exit");
    return child.exitCode;
  };
  return {
    ports,
    async reload(text) {
      writeFileSync(bundleFile, text);
      child.kill("SIGHUP");
      await waitForOutput(": loaded");
    },
    terminate: () => ended("SIGTERM"),
    residentBytes: () => residentBytes(child.pid),
    async kill() {
      await ended("SIGKILL");
    },
  };
}

/** A function that waits for a text in the output of a process since the previous call. */
function listen(child: ChildProcess): (text: string) => Promise<void> {
  let output = "";
  let onOutput = (): void => undefined;
  child.stderr?.on("data", (chunk: Buffer) => {
    output += chunk.toString();
    onOutput();
  });
  return (text) => {
    const said = Promise.withResolvers<void>();
    const late = (): void => said.reject(new Error(`it does not say ${JSON.stringify(text)}: ${output}`));
    const timer = setTimeout(late, START_MS);
    onOutput = (): void => {
      if (!output.includes(text)) return;
      clearTimeout(timer);
      output = "";
      onOutput = () => undefined;
      said.resolve();
    };
    onOutput();
    return said.promise;
  };
}

function install(): void {
  mkdirSync(HOME, { recursive: true });
  if (existsSync(bin("deno")) && existsSync(bin("bun"))) return;
  writeFileSync(join(HOME, "package.json"), '{ "private": true, "allowScripts": { "deno": true, "bun": true } }\n');
  execFileSync("npm", ["install", "--no-audit", "--no-fund", "--prefix", HOME, ...PACKAGES], { stdio: "ignore" });
}
