/**
 * `lasthop build` in a process of its own, with 1,000 and 10,000 HTTPRoutes, and the cost of the large bundle for a host
 * that starts: decoding, and the first match.
 */
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { decodeBundle } from "../src/bundle/codec.ts";
import { matchRequest } from "../src/gateway/match/request.ts";
import { createRouter } from "../src/gateway/match/router.ts";
import { mintCa } from "../test/support/pki.ts";
import { generate, type Scale } from "./generate.ts";
import { format, spread } from "./measure.ts";
import { benchPeer } from "./translate-peer.ts";

const ROOT = resolve(import.meta.dirname, "..");
const ROUNDS = 5;
const SCALES: readonly Scale[] = [
  { routes: 1_000, policies: 100, services: 500, endpoints: 2_000 },
  { routes: 10_000, policies: 1_000, services: 5_000, endpoints: 20_000 },
];

/** Prints the tables of builds. */
export async function benchBuild(): Promise<void> {
  mkdirSync(join(ROOT, ".lasthop"), { recursive: true });
  const directory = mkdtempSync(join(ROOT, ".lasthop/bench-"));
  try {
    const { certPem } = await mintCa({ name: "bench CA" });
    console.log(`## lasthop build (a process each; ${ROUNDS} rounds)\n`);
    console.log("| routes, policies, Services, endpoints | s | peak memory, MB | bundle, MB |\n|---|---|---|---|");
    for (const scale of SCALES) {
      const [manifest, output] = [join(directory, "in.yaml"), join(directory, "bundle.json")];
      writeFileSync(manifest, generate(scale, certPem));
      const runs = Array.from({ length: ROUNDS }, () => run(manifest, output));
      const { routes, policies, services, endpoints } = scale;
      const bytes = readFileSync(output).length;
      console.log(
        `| ${routes}, ${policies}, ${services}, ${endpoints} | ${format(spread(runs.map(({ seconds }) => seconds)))} | ${format(spread(runs.map(({ megabytes }) => megabytes)), 0)} | ${(bytes / 1e6).toFixed(1)} |`,
      );
    }
    console.log();
    await benchPeer(directory, certPem);
    cold(readFileSync(join(directory, "bundle.json"), "utf8"));
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

function run(manifest: string, output: string): { seconds: number; megabytes: number } {
  const start = performance.now();
  const program = `
    process.on("exit", () => process.stderr.write("\\nrss " + process.resourceUsage().maxRSS + "\\n"));
    process.argv = [process.argv[0], "lasthop", "build", "-f", ${JSON.stringify(manifest)}, "-o", ${JSON.stringify(output)}];
    await import(${JSON.stringify(join(ROOT, "src/cli/main.ts"))});`;
  const { status, stderr } = spawnSync(process.execPath, ["--input-type=module", "-e", program], { encoding: "utf8" });
  if (status !== 0) throw new Error(`lasthop build ended with ${status}: ${stderr.slice(0, 2_000)}`);
  return { seconds: (performance.now() - start) / 1_000, megabytes: Number(/rss (\d+)/.exec(stderr)?.[1]) / 1_024 };
}

/** Measures in this process what a host does between its start and its first response. */
function cold(text: string): void {
  const sha256 = (bytes: Uint8Array): Uint8Array => createHash("sha256").update(bytes).digest();
  const decode: number[] = [];
  const first: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const start = performance.now();
    const bundle = decodeBundle(text, sha256);
    const decoded = performance.now();
    const router = createRouter(bundle);
    const selected = router.select(80, "h1.example.com", null);
    if (selected.kind === "listener") router.match(selected, matchRequest("GET", "/team1/app1", []));
    first.push(performance.now() - decoded);
    decode.push(decoded - start);
  }
  console.log(
    `Cold host, the large bundle: decode and check ${format(spread(decode), 0)} ms, router and first match ${format(spread(first), 1)} ms.\n`,
  );
}

if (process.argv[1] === import.meta.filename) await benchBuild();
