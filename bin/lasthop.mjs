#!/usr/bin/env node
// Runs src/cli/main.ts, on the Node.js that npm installed when the one at hand cannot strip types (before 24).
import { spawnSync } from "node:child_process";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";

const main = join(import.meta.dirname ?? dirname(new URL(import.meta.url).pathname), "../src/cli/main.ts");
if (Number(process.versions.node.split(".")[0]) >= 24) {
  await import(main);
} else {
  const pinned = join(dirname(createRequire(import.meta.url).resolve("node/package.json")), "bin/node");
  const { status, signal } = spawnSync(pinned, [main, ...process.argv.slice(2)], { stdio: "inherit" });
  if (signal !== null) process.kill(process.pid, signal);
  process.exitCode = status ?? 1;
}
