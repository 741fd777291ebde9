/**
 * `npm start`: the main job on one machine. Mints a CA and backends on loopback, compiles routes.yaml with the objects
 * a cluster would add, serves them with `wrangler dev`, and prints what to ask and what it answers.
 * `npm run demo -- --check` asks those lines itself, on free ports, and exits 0 only if each answers as printed.
 */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, relative, resolve } from "node:path";
import { parseArgs } from "node:util";
import type { BuildResult } from "./build.ts";
import { type DemoBackends, startBackends } from "./demo/backends.ts";
import { check, freePort } from "./demo/check.ts";
import { clusterYaml } from "./demo/cluster.ts";
import { curlLine, expectation, LINES } from "./demo/lines.ts";
import { type DevServer, startDev, untilStopped } from "./dev.ts";

const ROOT = resolve(import.meta.dirname, "../..");
const PORT = 8787;

export const DEMO_USAGE = `usage: lasthop demo [--check]

Mints a CA and backends on loopback, compiles routes.yaml, serves it on http://127.0.0.1:${PORT} with wrangler dev, and
prints what to ask and what it answers. With --check it asks on a free port itself.

exit status: 0 stopped, or every answer was as printed; 1 one was not; 2 wrong usage, or nothing to serve
`;

export async function demo(args: readonly string[]): Promise<number> {
  const parsed = parse(args);
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

function parse(args: readonly string[]): { check: boolean; help: boolean } | string {
  const flag = { type: "boolean", default: false } as const;
  try {
    return parseArgs({ args: [...args], options: { check: flag, help: { ...flag, short: "h" } } }).values;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

async function interactive(backends: DemoBackends): Promise<number> {
  const directory = join(ROOT, ".lasthop/demo");
  const server = await start(backends, directory, join(ROOT, "routes.yaml"), PORT, console.log);
  if (server === null) return 2;
  console.log(`\nServing on http://127.0.0.1:${PORT}. Ask, in another terminal:\n`);
  for (const line of LINES) console.log(`# ${line.why}: ${expectation(line)}\n${curlLine(line, PORT)}\n`);
  console.log("Edit routes.yaml while this runs: in policy storefront, write other-ca for shop-ca, and ask the first");
  console.log("line again: 502, code unknown-ca, and no request byte reaches the backend. Stop with Ctrl-C.\n");
  return untilStopped(server);
}

async function checked(backends: DemoBackends): Promise<number> {
  const directory = join(ROOT, ".lasthop/check");
  mkdirSync(directory, { recursive: true });
  // A copy, because the check edits it.
  const manifest = join(directory, "routes.yaml");
  writeFileSync(manifest, readFileSync(join(ROOT, "routes.yaml")));
  const port = await freePort();
  const log: string[] = [];
  const server = await start(backends, directory, manifest, port, (line) => void log.push(line));
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

function start(
  backends: DemoBackends,
  directory: string,
  manifest: string,
  port: number,
  print: (line: string) => void,
): Promise<DevServer | null> {
  mkdirSync(directory, { recursive: true });
  const cluster = join(directory, "cluster.yaml");
  writeFileSync(cluster, clusterYaml(backends));
  return startDev({
    // As a person would type them, so that diagnostics name them so.
    build: { paths: [manifest, cluster].map((path) => relative(process.cwd(), path)), allowLoopback: true, print },
    directory,
    port,
    print,
    built: (result, changed) => print(summary(result, changed)),
    workerLine: print,
  });
}

/** Every object's conditions, one line each. */
function summary({ statuses, digest }: BuildResult, changed: boolean): string {
  const lines = statuses.flatMap((status) => status.summary);
  if (!changed)
    lines.unshift("(The errors above belong to the demo: policy no-ca names a ConfigMap that is not there.)\n");
  return `\n${changed ? "Compiled again" : "Compiled"}: bundle ${digest.slice(0, 12)}\n${lines.join("\n")}\n`;
}
