/** What the worker weighs, as `wrangler deploy --dry-run` bundles it: gzip, against the limit of a deployed worker. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join, resolve } from "node:path";
import { gzipSync } from "node:zlib";

const ROOT = resolve(import.meta.dirname, "..");
/** 3 MB gzip on the free plan: https://developers.cloudflare.com/workers/platform/limits/#worker-size */
const LIMIT_BYTES = 3_000_000;

export function benchSize(): void {
  const directory = mkdtempSync(join(ROOT, ".lasthop/size-"));
  try {
    writeFileSync(join(directory, "bundle.json"), "{}");
    const worker = join(ROOT, "src/host/cloudflare/worker.ts");
    writeFileSync(
      join(directory, "entry.ts"),
      `import text from "./bundle.json";\nimport { createWorker } from ${JSON.stringify(worker)};\nconst { worker, Pool } = createWorker(text);\nexport { Pool };\nexport default worker;\n`,
    );
    const wrangler = join(dirname(createRequire(import.meta.url).resolve("wrangler/package.json")), "bin/wrangler.js");
    const out = join(directory, "out");
    execFileSync(
      process.execPath,
      [
        wrangler,
        "deploy",
        join(directory, "entry.ts"),
        "--config",
        join(ROOT, "wrangler.toml"),
        "--dry-run",
        "--minify",
        "--outdir",
        out,
      ],
      { cwd: ROOT, stdio: "pipe", env: { ...process.env, WRANGLER_SEND_METRICS: "false" } },
    );
    console.log("## Worker size (without a bundle of routes)\n\n| part | bytes | gzip |\n|---|---|---|");
    let total = 0;
    for (const name of readdirSync(out).sort()) {
      if (!/\.(js|wasm)$/.test(name)) continue;
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
