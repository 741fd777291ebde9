#!/usr/bin/env node
// Runs src/cli/main.ts, on the Node.js that npm installed when the one at hand cannot strip types (before 24).
import { spawn } from "node:child_process";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";

const main = join(import.meta.dirname ?? dirname(new URL(import.meta.url).pathname), "../src/cli/main.ts");
if (Number(process.versions.node.split(".")[0]) >= 24) {
  await import(main);
} else {
  const pinned = join(dirname(createRequire(import.meta.url).resolve("node/package.json")), "bin/node");
  const child = spawn(pinned, [main, ...process.argv.slice(2)], { stdio: "inherit" });
  const pass = (signal) => void child.kill(signal);
  const ignore = () => undefined;
  process.on("SIGTERM", pass).on("SIGHUP", pass);
  // A terminal sends it to both, and a second one would end the command at once.
  process.on("SIGINT", process.stdin.isTTY ? ignore : pass);
  child.on("close", (status, signal) => {
    process.exitCode = status ?? 1;
    if (signal === null) return;
    process.removeAllListeners(signal);
    process.kill(process.pid, signal);
  });
}
