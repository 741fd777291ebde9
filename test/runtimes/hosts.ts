/** The runtimes, each serving the same bundle as an operator would have it served. Deno and Bun come from npm into .lasthop/runtimes. */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { freePort } from "../../src/cli/demo/check.ts";
import { residentBytes, startWorkerd } from "../soak/workerd.ts";
import { type Cluster, PORTS } from "./cluster.ts";

export const RUNTIMES = ["node", "deno", "bun", "workerd"] as const;
export type Runtime = (typeof RUNTIMES)[number];

export interface Serving {
  /** By listener port. */
  readonly ports: ReadonlyMap<number, number>;
  /** Serves this bundle from now on; resolves when it has been read. */
  reload(bundle: string): Promise<void>;
  /** Tells it to stop as an operator does; resolves with the exit status. */
  terminate(): Promise<number | null>;
  /** What the process holds in memory now. */
  residentBytes(): number;
  /** Whatever state it is in. */
  kill(): Promise<void>;
}

const ROOT = resolve(import.meta.dirname, "../..");
const HOME = join(ROOT, ".lasthop/runtimes");
const PACKAGES = ["deno@2.9.6", "bun@1.4.5"];
const START_MS = 20_000;
const bin = (name: string): string => join(HOME, "node_modules/.bin", name);

/** Those that run `lasthop serve`. */
export type ServingRuntime = Exclude<Runtime, "workerd">;

const COMMANDS: Readonly<Record<ServingRuntime, readonly [string, ...string[]]>> = {
  node: [process.execPath],
  deno: [bin("deno"), "run", "--allow-all", "--no-check"],
  bun: [bin("bun")],
};

/** The command line that runs a script on this runtime, which comes from npm where it is not there yet. */
export function commandOf(runtime: ServingRuntime): readonly [string, ...string[]] {
  if (runtime !== "node") install();
  return COMMANDS[runtime];
}

/** Rejects with what it said when it does not serve. */
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
    [...args, main, "serve", bundleFile, "--secrets", secretsFile, "--port-map", portMap, "--no-watch"],
    { cwd: ROOT, stdio: ["ignore", "ignore", "pipe"] },
  );
  const says = listen(child);
  await says("serves the listeners on port 8444");
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
      await says(": loaded");
    },
    terminate: () => ended("SIGTERM"),
    residentBytes: () => residentBytes(child.pid),
    async kill() {
      await ended("SIGKILL");
    },
  };
}

/** Waits for a text in what the process says from now on. */
function listen(child: ChildProcess): (text: string) => Promise<void> {
  let said = "";
  let heard = (): void => undefined;
  child.stderr?.on("data", (chunk: Buffer) => {
    said += chunk.toString();
    heard();
  });
  return (text) =>
    new Promise((done, fail) => {
      const timer = setTimeout(() => fail(new Error(`it does not say ${JSON.stringify(text)}: ${said}`)), START_MS);
      heard = (): void => {
        if (!said.includes(text)) return;
        clearTimeout(timer);
        said = "";
        heard = () => undefined;
        done();
      };
      heard();
    });
}

function install(): void {
  mkdirSync(HOME, { recursive: true });
  if (existsSync(bin("deno")) && existsSync(bin("bun"))) return;
  writeFileSync(join(HOME, "package.json"), '{ "private": true, "allowScripts": { "deno": true, "bun": true } }\n');
  execFileSync("npm", ["install", "--no-audit", "--no-fund", "--prefix", HOME, ...PACKAGES], { stdio: "ignore" });
}
