/** The surroundings of a measured gateway: nginx with TLS as its backend, and a bundle for it from `lasthop build`. */
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { mintCa, mintLeaf } from "../test/support/pki.ts";
import { type BackendKind, clusterYaml, SNI } from "./cluster.ts";
import { start } from "./process.ts";
import { freePort } from "../src/cli/free-port.ts";

/** The root of the repository. */
export const ROOT: string = resolve(import.meta.dirname, "..");
/** The core of the measured gateway. */
export const GATEWAY_CORE = 0;
/** The core that the load generator and the backend share. */
export const LOAD_CORE = 1;
/** The paths of the backend's files, by their size as the tables print it. */
export const BODIES = { "100 B": "/100", "100 kB": "/100k" } as const;
/** The size of a response body. */
export type BodyName = keyof typeof BODIES;

/** The running surroundings, and their files in `directory`. */
export interface Stage {
  readonly directory: string;
  readonly ports: Readonly<Record<BackendKind, number>>;
  readonly caFile: string;
  readonly bundleFile: string;
  close(): Promise<void>;
}

/** Starts nginx and builds the bundle. */
export async function setStage(): Promise<Stage> {
  mkdirSync(join(ROOT, ".lasthop"), { recursive: true });
  const directory = mkdtempSync(join(ROOT, ".lasthop/bench-"));
  const root = await mintCa({ name: "bench root" });
  const issuing = await mintCa({ name: "bench issuing", issuer: root });
  // workerd's native fetch reaches the backend by the name localhost.
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

/** The backend's configuration. Its connections stay open, so that every gateway is measured with pooled connections. */
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

/** The head of an nginx configuration with one worker process, which has the user of the benchmark: its files are 0600. */
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
