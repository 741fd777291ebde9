/**
 * `lasthop COMMAND`: calls the function that the command's file exports under the command's name, and exits with the
 * status that it resolves with.
 */
import * as nodeModule from "node:module";
import { join } from "node:path";
import { isBun } from "../host/node/bun.ts";

// Node.js keeps compiled code in this directory, so that it need not strip types at every start. The directory must not
// be a shared one, because Node.js runs the code that it finds there. Deno has no compile cache.
const { enableCompileCache }: Partial<typeof nodeModule> = nodeModule;
enableCompileCache?.(join(import.meta.dirname, "../../node_modules/.cache/lasthop"));

const COMMANDS: Readonly<Record<string, { about: string; load: () => Promise<object> }>> = {
  build: { about: "compile manifests into a bundle, statuses and diagnostics", load: () => import("./build.ts") },
  dev: { about: "compile, serve with wrangler dev, and compile again on every change", load: () => import("./dev.ts") },
  serve: { about: "serve a bundle on Node, Deno or Bun", load: () => import("./serve.ts") },
  controller: {
    about: "keep bundles and statuses up to date with a Kubernetes cluster",
    load: () => import("./controller.ts"),
  },
  demo: { about: "the example cluster with demo backends on this machine", load: () => import("./demo.ts") },
};

const usage = `usage: lasthop COMMAND [options]

${Object.entries(COMMANDS)
  .map(([name, { about }]) => `  ${name.padEnd(12)}${about}`)
  .join("\n")}

lasthop COMMAND --help tells a command's options.
`;

async function main([name = "", ...args]: readonly string[]): Promise<number> {
  if (name === "--help" || name === "-h" || name === "help") {
    process.stdout.write(usage);
    return 0;
  }
  const command = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  if (command === undefined) {
    process.stderr.write(`${name === "" ? "" : `lasthop: no command ${JSON.stringify(name)}\n\n`}${usage}`);
    return 2;
  }
  const run: unknown = Object.entries(await command.load()).find(([key]) => key === name)?.[1];
  if (typeof run !== "function") throw new TypeError(`src/cli/${name}.ts exports no function ${name}`);
  return await (run as (args: readonly string[]) => Promise<number>)(args);
}

/** The exit status after a bug of ours (EX_SOFTWARE of sysexits.h). Status 1 would mean that a bundle was written. */
const EXIT_BUG = 70;
/** The time that Bun's process waits at its end for its output to be read. */
const EXIT_TIMEOUT_MS = 10_000;

try {
  process.exitCode = await main(process.argv.slice(2));
  // A connection that was reset keeps Bun's process alive (measured: Bun 1.4.5), so it exits once its output is written.
  if (isBun) setImmediate(() => process.stdout.write("", () => process.exit()));
  if (isBun) setTimeout(() => process.exit(), EXIT_TIMEOUT_MS);
} catch (error) {
  const code: unknown = error instanceof Error && "code" in error ? error.code : undefined;
  const usageFault = typeof code === "string" && code.startsWith("ERR_PARSE_ARGS_");
  const text = error instanceof Error ? (usageFault ? error.message : (error.stack ?? error.message)) : String(error);
  process.stderr.write(`lasthop: ${usageFault ? text : `this is a bug of lasthop's: ${text}`}\n`);
  process.exitCode = usageFault ? 2 : EXIT_BUG;
}
