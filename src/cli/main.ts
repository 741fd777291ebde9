/** `lasthop COMMAND`: finds the command's file, which exports a function of the same name, and exits with its code. */
import * as nodeModule from "node:module";
import { join } from "node:path";
import { isBun } from "../host/node/bun.ts";

// Types are stripped and code is compiled once, not at every start. Never in a shared directory: what lies there is run.
// Deno has no such thing.
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

/** sysexits.h's EX_SOFTWARE: a bug of ours must not look like 1, which says that a bundle was written. */
const EXIT_BUG = 70;
/** How long a reader that stands still may keep Bun's process. */
const LAST_WORDS_MS = 10_000;

try {
  process.exitCode = await main(process.argv.slice(2));
  // A connection that was reset keeps Bun's process (measured: Bun 1.4.5). What has been written leaves first.
  if (isBun) setImmediate(() => process.stdout.write("", () => process.exit()));
  if (isBun) setTimeout(() => process.exit(), LAST_WORDS_MS);
} catch (error) {
  const code: unknown = error instanceof Error && "code" in error ? error.code : undefined;
  const usageFault = typeof code === "string" && code.startsWith("ERR_PARSE_ARGS_");
  const text = error instanceof Error ? (usageFault ? error.message : (error.stack ?? error.message)) : String(error);
  process.stderr.write(`lasthop: ${usageFault ? text : `this is a bug of lasthop's: ${text}`}\n`);
  process.exitCode = usageFault ? 2 : EXIT_BUG;
}
