/** The size of the worker as `wrangler deploy --dry-run` bundles it, with gzip, against the limit of a deployed worker. */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { ROOT } from "./stage.ts";
import { buildWorker } from "./worker-build.ts";

/** The limit on Cloudflare's free plan, 3 MB with gzip: https://developers.cloudflare.com/workers/platform/limits/#worker-size */
const LIMIT_BYTES = 3_000_000;

/** Prints the table of sizes. */
export function benchSize(): void {
  const directory = mkdtempSync(join(ROOT, ".lasthop/size-"));
  try {
    const { out, modules } = buildWorker(directory, "{}");
    console.log("## Worker size (without a bundle of routes)\n\n| part | bytes | gzip |\n|---|---|---|");
    let total = 0;
    for (const name of modules.filter((each) => !each.endsWith(".json"))) {
      const bytes = readFileSync(join(out, name));
      const gzip = gzipSync(bytes).length;
      total += gzip;
      console.log(`| ${name.endsWith(".wasm") ? "TLS module" : "worker"} | ${bytes.length} | ${gzip} |`);
    }
    console.log(`| sum | | ${total} (${Math.round((100 * total) / LIMIT_BYTES)} % of 3 MB) |\n`);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

if (process.argv[1] === import.meta.filename) benchSize();
