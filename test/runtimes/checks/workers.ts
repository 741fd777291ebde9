/** A check of `lasthop serve --workers`: workers that serve, or a refusal that says why. */
import { deepEqual, equal, match } from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import type { Check } from "../check.ts";
import { commandOf, type ServingRuntime } from "../hosts.ts";

const MAIN = join(import.meta.dirname, "../../../src/cli/main.ts");

/** Why a runtime refuses `--workers`, in the words of docs/architecture.md. */
const REFUSED = "on Node; Deno and Bun refuse `--workers`, and say why";

function refusal(runtime: ServingRuntime, reason: RegExp): Promise<void> {
  const [command, ...args] = commandOf(runtime);
  const { status, stdout, stderr } = spawnSync(command, [...args, MAIN, "serve", "bundle.json", "--workers", "2"], {
    encoding: "utf8",
  });
  deepEqual([status, stdout], [2, ""]);
  const [first = ""] = stderr.split("\n");
  match(first, /^lasthop serve: --workers needs Node\.js: /);
  match(first, reason);
  match(first, /Run lasthop serve with Node\.js/);
  return Promise.resolve();
}

/** The check. */
export const WORKERS: readonly Check[] = [
  {
    name: "several processes that serve, under one that supervises",
    only: ["node", "deno", "bun"],
    // What the workers of Node do is in test/workers/.
    run: async () => {
      const { parseSettings } = await import("../../../src/cli/serve/settings.ts");
      const settings = parseSettings(["--workers", "2"]);
      equal(typeof settings === "object" ? settings?.workers : settings, 2);
    },
    lacks: {
      deno: { reason: REFUSED, run: () => refusal("deno", /a socket that is handed to another process/) },
      bun: { reason: REFUSED, run: () => refusal("bun", /cannot hold a port without accepting/) },
    },
  },
];
