/**
 * The peer of `lasthop build`: `egctl x translate`, the offline translator of envoy-gateway, on the same manifests with its
 * controllerName in the GatewayClass. It ignores EndpointSlices and uses each Service's clusterIP, so it has less to
 * translate. `go build ./cmd/egctl` in github.com/envoyproxy/gateway builds it; it is found by EGCTL or PATH.
 */
import { spawn } from "node:child_process";
import { createWriteStream, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { generate, type Scale } from "./generate.ts";
import { cpuMicros, find } from "./process.ts";

const VARIANT = { controllerName: "gateway.envoyproxy.io/gatewayclass-controller", clusterIp: "10.96.0.1" };
/** The time limit at each scale. The translator takes more than a minute for 1,000 routes. */
const LIMIT_MS = 600_000;
const POLL_MS = 50;
const SCALES: readonly Scale[] = [
  { routes: 100, policies: 10, services: 50, endpoints: 200 },
  { routes: 1_000, policies: 100, services: 500, endpoints: 2_000 },
];

/** Prints the table of the peer, or that egctl is not installed. Files go to `directory`. */
export async function benchPeer(directory: string, caPem: string): Promise<void> {
  const program = process.env["EGCTL"] ?? find("egctl");
  if (program === null) {
    console.log("envoy-gateway's offline translator was not measured: no egctl in EGCTL or on PATH.\n");
    return;
  }
  console.log("### egctl x translate, once each (10,000 routes would take ten times the last)\n");
  console.log("| routes, policies, Services | s | CPU s | peak memory, MB | xDS, MB |\n|---|---|---|---|---|");
  for (const scale of SCALES) {
    const manifest = join(directory, "peer.yaml");
    writeFileSync(manifest, generate(scale, caPem, VARIANT));
    const ran = await translate(program, manifest, join(directory, "peer.json"));
    const found =
      ran === null ? `more than ${LIMIT_MS / 1_000} | | | ` : ran.map((each) => each.toFixed(1)).join(" | ");
    console.log(`| ${scale.routes}, ${scale.policies}, ${scale.services} | ${found} |`);
  }
  console.log();
}

/** Runs one translation; null when it does not end in time. CPU and memory are sampled every 50 ms. */
async function translate(
  program: string,
  manifest: string,
  output: string,
): Promise<readonly [seconds: number, cpuSeconds: number, megabytes: number, outputMegabytes: number] | null> {
  const start = performance.now();
  const args = ["x", "translate", "--from", "gateway-api", "--to", "xds", "-o", "json", "-f", manifest];
  const child = spawn(program, args, { stdio: ["ignore", "pipe", "pipe"] });
  let stderr = "";
  child.stderr.on("data", (chunk: Buffer) => (stderr = (stderr + chunk.toString()).slice(-500)));
  child.stdout.pipe(createWriteStream(output));
  let [cpu, kilobytes] = [0, 0];
  const poll = setInterval(() => {
    try {
      cpu = cpuMicros(child.pid ?? 0);
      const status = readFileSync(`/proc/${child.pid}/status`, "latin1");
      kilobytes = Number(/VmHWM:\s+(\d+)/.exec(status)?.[1] ?? kilobytes);
    } catch {
      // The process has ended; the last sample stands.
    }
  }, POLL_MS);
  const limit = setTimeout(() => child.kill("SIGKILL"), LIMIT_MS);
  const status = await new Promise<number | null>((resolve, reject) => {
    child.once("error", reject).once("close", resolve);
  });
  clearInterval(poll);
  clearTimeout(limit);
  if (status === null) return null;
  if (status !== 0) throw new Error(`egctl ended with ${status}: ${stderr}`);
  return [(performance.now() - start) / 1_000, cpu / 1e6, kilobytes / 1_024, statSync(output).size / 1e6];
}
