/** What every gateway is measured in front of: one nginx with TLS and a bundle that `lasthop build` made for it. */
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { mintCa, mintLeaf } from "../test/pki.ts";
import { clusterYaml, SNI } from "./cluster.ts";
import { freePort, start } from "./process.ts";

export const ROOT: string = resolve(import.meta.dirname, "..");
/** The gateways' core; load generator and backend share the other. */
export const GATEWAY_CORE = 0;
export const LOAD_CORE = 1;
/** Paths of the backend, by what they are called in the tables. */
export const BODIES = { "100 B": "/100", "100 kB": "/100k" } as const;
export type BodyName = keyof typeof BODIES;

/** Host `KIND.example.com` goes to the backend of that kind: TLS with HTTP/1.1 or HTTP/2, or plaintext. */
export type BackendKind = "h1" | "h2" | "plain";

export interface Stage {
  readonly directory: string;
  readonly ports: Readonly<Record<BackendKind, number>>;
  readonly caFile: string;
  readonly bundleFile: string;
  close(): Promise<void>;
}

export async function setStage(): Promise<Stage> {
  mkdirSync(join(ROOT, ".lasthop"), { recursive: true });
  const directory = mkdtempSync(join(ROOT, ".lasthop/bench-"));
  const root = await mintCa({ name: "bench root" });
  const issuing = await mintCa({ name: "bench issuing", issuer: root });
  // localhost: the name by which workerd's native fetch reaches the backend.
  const leaf = await mintLeaf({ issuer: issuing, dns: [SNI, "localhost"] });
  const put = (name: string, text: string): string => {
    writeFileSync(join(directory, name), text, { mode: 0o600 });
    return join(directory, name);
  };
  const caFile = put("ca.pem", root.certPem);
  put("chain.pem", leaf.chainPem);
  put("key.pem", leaf.keyPem);
  put("100", "b".repeat(100));
  put("100k", "a".repeat(100_000));
  const ports = { h1: await freePort(), h2: await freePort(), plain: await freePort() };
  const backend = await start({
    command: ["/usr/sbin/nginx", "-p", directory, "-c", put("backend.conf", backendConf(directory, ports))],
    core: LOAD_CORE,
    port: ports.h1,
  });
  const close = async (): Promise<void> => {
    await backend.stop();
    rmSync(directory, { recursive: true, force: true });
  };
  try {
    const bundleFile = join(directory, "bundle.json");
    build(put("cluster.yaml", clusterYaml(root.certPem, ports)), bundleFile);
    return { directory, ports, caFile, bundleFile, close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** nginx as the backend of every contestant: connections stay open, so that all are measured on pooled ones. */
function backendConf(directory: string, { h1, h2, plain }: Stage["ports"]): string {
  return `${nginxHead("backend")}
http {
  access_log off;
  keepalive_requests 1000000;
  ssl_certificate chain.pem;
  ssl_certificate_key key.pem;
  open_file_cache max=10;
  server {
    listen 127.0.0.1:${h1} ssl;
    listen 127.0.0.1:${plain};
    listen 127.0.0.1:${h2} ssl http2;
    root ${directory};
  }
}
`;
}

/** One worker, as root where the benchmark runs as root: its files are readable by nobody else. */
export function nginxHead(name: string): string {
  return `daemon off;
worker_processes 1;
${process.getuid?.() === 0 ? "user root;" : ""}
pid ${name}.pid;
error_log stderr error;
events { worker_connections 4096; }`;
}

function build(manifest: string, output: string): void {
  const main = join(ROOT, "src/cli/main.ts");
  const args = [main, "build", "-f", manifest, "-o", output, "--allow-loopback"];
  const { status, stderr, stdout } = spawnSync(process.execPath, args, { encoding: "utf8" });
  if (status !== 0) throw new Error(`lasthop build ended with ${status}: ${stdout}${stderr}`);
  if (readFileSync(output).length === 0) throw new Error("lasthop build wrote nothing");
}
