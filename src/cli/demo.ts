/**
 * `npm start`: the example cluster on one machine. Mints a CA and certificates, starts backends on loopback, compiles
 * routes.yaml with the objects that a cluster would add, serves the bundle with `wrangler dev`, and prints requests and
 * their answers. `npm run demo -- --check` sends these requests itself and compares the answers.
 */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { parseArgs } from "node:util";
import type { BuildResult } from "./build.ts";
import { summarize } from "./build/summary.ts";
import { type DemoBackends, startBackends } from "./demo/backends.ts";
import { check } from "./demo/check.ts";
import { freePort } from "./free-port.ts";
import { clusterYaml } from "./demo/cluster.ts";
import { curlCommand, expectation, REQUESTS } from "./demo/requests.ts";
import { type DevServer, startDev, untilStopped } from "./dev.ts";
import { ROOT } from "./root.ts";

const PORT = 8787;

const DEMO_USAGE = `usage: lasthop demo [--check]

Mints a CA and backends on loopback, compiles routes.yaml, serves it on http://127.0.0.1:${PORT} with wrangler dev, and
prints what to ask and what it answers. With --check it asks on a free port itself.

exit status: 0 stopped, or every answer was as printed; 1 one was not; 2 wrong usage, or nothing to serve
`;

/** `lasthop demo`. Resolves with the exit status. */
export async function demo(args: readonly string[]): Promise<number> {
  const parsed = parseDemoArgs(args);
  if (typeof parsed === "string") {
    process.stderr.write(`lasthop demo: ${parsed}\n\n${DEMO_USAGE}`);
    return 2;
  }
  if (parsed.help) {
    process.stdout.write(DEMO_USAGE);
    return 0;
  }
  const backends = await startBackends();
  try {
    return parsed.check ? await checked(backends) : await interactive(backends);
  } finally {
    await backends.close();
  }
}

function parseDemoArgs(args: readonly string[]): { check: boolean; help: boolean } | string {
  const flag = { type: "boolean", default: false } as const;
  try {
    return parseArgs({ args: [...args], options: { check: flag, help: { ...flag, short: "h" } } }).values;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

async function interactive(backends: DemoBackends): Promise<number> {
  const directory = join(ROOT, ".lasthop/demo");
  const manifest = join(ROOT, "routes.yaml");
  const server = await startDemo(backends, { directory, manifest, port: PORT, print: console.log });
  if (server === null) return 2;
  console.log(`\nServing on http://127.0.0.1:${PORT}. Ask, in another terminal:\n`);
  for (const each of REQUESTS) console.log(`# ${each.why}: ${expectation(each)}\n${curlCommand(each, PORT)}\n`);
  console.log("Edit routes.yaml while this runs: in policy storefront, write other-ca for shop-ca, and ask the first");
  console.log("line again: 502, code unknown-ca, and no request byte reaches the backend. Stop with Ctrl-C.\n");
  return untilStopped(server);
}

async function checked(backends: DemoBackends): Promise<number> {
  const directory = join(ROOT, ".lasthop/check");
  mkdirSync(directory, { recursive: true });
  // The check edits the manifest, so it gets a copy.
  const manifest = join(directory, "routes.yaml");
  writeFileSync(manifest, readFileSync(join(ROOT, "routes.yaml")));
  const port = await freePort();
  const log: string[] = [];
  const server = await startDemo(backends, { directory, manifest, port, print: (line) => void log.push(line) });
  if (server === null) {
    console.error(log.join("\n"));
    return 2;
  }
  try {
    const failed = await check({ backends, port, manifest });
    if (failed > 0) console.error(`The worker's log:\n${log.join("\n")}`);
    return failed === 0 ? 0 : 1;
  } finally {
    await server.close();
  }
}

interface StartOptions {
  /** The directory for generated files. */
  readonly directory: string;
  /** The path of the manifest with routes and policies. */
  readonly manifest: string;
  readonly port: number;
  readonly print: (line: string) => void;
}

function startDemo(
  backends: DemoBackends,
  { directory, manifest, port, print }: StartOptions,
): Promise<DevServer | null> {
  mkdirSync(directory, { recursive: true });
  const cluster = join(directory, "cluster.yaml");
  writeFileSync(cluster, clusterYaml(backends));
  return startDev({
    // Relative paths, as a person would type them, make diagnostics readable.
    build: { paths: [manifest, cluster].map((path) => relative(process.cwd(), path)), allowLoopback: true, print },
    directory,
    port,
    print,
    built: (result, changed) => print(summary(result, changed)),
    workerLine: print,
  });
}

/** The conditions of every object, one line per condition. */
function summary({ statuses, digest }: BuildResult, changed: boolean): string {
  const lines = statuses.flatMap(summarize);
  if (!changed)
    lines.unshift("(The errors above belong to the demo: policy no-ca names a ConfigMap that is not there.)\n");
  return `\n${changed ? "Compiled again" : "Compiled"}: bundle ${digest.slice(0, 12)}\n${lines.join("\n")}\n`;
}
