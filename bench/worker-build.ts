/** The worker as `wrangler deploy --dry-run` bundles it, with the text of a bundle embedded. */
import { execFileSync } from "node:child_process";
import { mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { ROOT } from "./stage.ts";

/** The default export of the deployed entry. */
const DEPLOYED = "worker";

/**
 * Bundles the worker into `directory` and returns the names of its modules, the entry first. `served` is a JavaScript
 * expression for the entry's default export, which is the worker itself by default.
 */
export function buildWorker(
  directory: string,
  bundleText: string,
  served: string = DEPLOYED,
): { out: string; modules: readonly string[] } {
  mkdirSync(directory, { recursive: true });
  writeFileSync(join(directory, "bundle.json"), bundleText);
  const worker = join(ROOT, "src/host/cloudflare/worker.ts");
  writeFileSync(
    join(directory, "entry.ts"),
    `import text from "./bundle.json";\nimport { createWorker } from ${JSON.stringify(worker)};\nconst { worker, Pool, stats } = createWorker(text);\nexport { Pool };\nexport default ${served};\n`,
  );
  const wrangler = join(dirname(createRequire(import.meta.url).resolve("wrangler/package.json")), "bin/wrangler.js");
  const out = join(directory, "out");
  const options = ["--config", join(ROOT, "wrangler.toml"), "--dry-run", "--minify", "--outdir", out];
  execFileSync(process.execPath, [wrangler, "deploy", join(directory, "entry.ts"), ...options], {
    cwd: ROOT,
    stdio: "pipe",
    env: { ...process.env, WRANGLER_SEND_METRICS: "false" },
  });
  const others = readdirSync(out).filter((name) => /-.*\.(wasm|json)$/.test(name));
  return { out, modules: ["entry.js", ...others.sort()] };
}
