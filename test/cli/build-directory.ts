/** `lasthop build` in a directory of its own for each test, which holds good.yaml, refused.yaml and broken.yaml. */
import { execFile } from "node:child_process";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { isAbsolute, join } from "node:path";
import { beforeEach } from "vitest";
import { buildOnce } from "../../src/cli/build.ts";
import { parseBuildArgs } from "../../src/cli/build/args.ts";
import { temporaryDirectory } from "../support/temporary-directory.ts";

/** The folder of the golden inputs. */
export const GOLDEN = join(import.meta.dirname, "../compile/golden");
/** The manifests of good.yaml, all of which are accepted. */
export const good = readFileSync(join(GOLDEN, "policy-accepted.in.yaml"), "utf8");
/** The manifests of refused.yaml, some of which are refused. */
export const refused = readFileSync(join(GOLDEN, "policy-ca.in.yaml"), "utf8");

const INPUTS = { "good.yaml": good, "refused.yaml": refused, "broken.yaml": "a: [\n" };
const BIN = join(import.meta.dirname, "../../bin/lasthop.mjs");
let directory = "";

beforeEach(async () => {
  directory = await temporaryDirectory();
  for (const [name, text] of Object.entries(INPUTS)) writeFileSync(at(name), text);
});

/** The path of a file in the test's directory. */
export const at = (name: string): string => join(directory, name);

/** How a build ended, with what it wrote to its standard output and standard error. */
export interface Build {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** Runs the command in a process of its own. `input` is its standard input. */
export function lasthop(args: readonly string[], input = "", env: NodeJS.ProcessEnv = {}): Promise<Build> {
  return new Promise((resolve) => {
    const options = { cwd: directory, env: { ...process.env, ...env } };
    const child = execFile(process.execPath, [BIN, ...args], options, (error, out, err) => {
      resolve({ code: typeof error?.code === "number" ? error.code : error === null ? 0 : -1, out, err });
    });
    child.stdin?.end(input);
  });
}

/** Runs `lasthop build` in this process, which is faster. Relative paths are below the test's directory. */
export async function build(...args: string[]): Promise<Build> {
  const options = parseBuildArgs(args);
  if (options === null || typeof options === "string") return { code: 2, out: "", err: options ?? "" };
  let printed = "";
  const { exitCode } = await buildOnce({
    ...options,
    paths: options.paths.map((path) => (isAbsolute(path) ? path : at(path))),
    output: at(options.output),
    secrets: options.secrets === undefined ? undefined : at(options.secrets),
    status: options.status === undefined ? undefined : at(options.status),
    print: (text) => void (printed += text),
  });
  return options.format === "json"
    ? { code: exitCode, out: printed, err: "" }
    : { code: exitCode, out: "", err: printed };
}

/** The files in the test's directory besides its manifests. */
export const written = (): string[] =>
  readdirSync(directory)
    .filter((name) => !Object.hasOwn(INPUTS, name))
    .sort();
