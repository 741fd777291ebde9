/** The peer: nginx in front of the same backend, with as many connections as the gateway has by default. */
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort } from "../../src/cli/free-port.ts";
import { residentBytes } from "../soak/workerd.ts";
import type { Gateway, Target } from "./target.ts";
import { pause } from "../support/pause.ts";

/** A running nginx. */
export interface Peer extends Target {
  close(): Promise<void>;
}

/** Starts nginx in front of the gateway's backend; null where nginx is not installed. */
export async function startNginx(gateway: Gateway, under: readonly string[]): Promise<Peer | null> {
  const [port, http2Port, securePort] = [await freePort(), await freePort(), await freePort()];
  if (spawnSync("nginx", ["-v"]).error !== undefined) return null;
  const directory = mkdtempSync(join(tmpdir(), "lasthop-nginx-"));
  writeFileSync(join(directory, "key.pem"), gateway.listener.keyPem, { mode: 0o600 });
  writeFileSync(join(directory, "chain.pem"), gateway.listener.chainPem);
  writeFileSync(join(directory, "ca.pem"), gateway.caPem);
  const conf = join(directory, "nginx.conf");
  writeFileSync(
    conf,
    configuration(directory, {
      port,
      http2Port,
      securePort,
      backend: gateway.backend.port,
      secure: gateway.others?.port("secure") ?? 1,
    }),
  );
  const [command, ...args] = [...under, "nginx", "-c", conf, "-e", join(directory, "error.log")];
  const child = spawn(command, args, { stdio: "ignore" });
  await untilOpen(port);
  return {
    port,
    http2Port,
    securePort,
    caPem: gateway.caPem,
    host: gateway.host,
    backend: gateway.backend,
    others: gateway.others,
    residentBytes: () =>
      [child.pid, ...childrenOf(child.pid)].reduce<number>((sum, pid) => sum + residentBytes(pid), 0),
    async close() {
      const exited = once(child, "exit");
      child.kill("SIGTERM");
      await exited;
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

interface Ports {
  readonly port: number;
  readonly http2Port: number;
  readonly securePort: number;
  readonly backend: number;
  readonly secure: number;
}

const configuration = (directory: string, ports: Ports): string => `
daemon off; worker_processes 1; worker_rlimit_nofile 30000; pid ${directory}/pid;
events { worker_connections 12000; }
http {
  access_log ${directory}/access.log;
  client_body_temp_path ${directory}/body; proxy_temp_path ${directory}/proxy; fastcgi_temp_path ${directory}/fastcgi;
  uwsgi_temp_path ${directory}/uwsgi; scgi_temp_path ${directory}/scgi;
  keepalive_requests 1000000;
  upstream backend { server 127.0.0.1:${ports.backend}; keepalive 64; }
  upstream secure { server 127.0.0.1:${ports.secure}; keepalive 64; }
  server {
    listen 127.0.0.1:${ports.port} backlog=4096;
    listen 127.0.0.1:${ports.http2Port} http2 backlog=4096;
    listen 127.0.0.1:${ports.securePort} ssl http2 backlog=4096;
    ssl_certificate ${directory}/chain.pem; ssl_certificate_key ${directory}/key.pem;
    location / {
      proxy_pass http://backend; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_request_buffering off;
    }
  }
  server {
    listen 127.0.0.1:${ports.securePort} ssl http2; server_name secure.example.com;
    ssl_certificate ${directory}/chain.pem; ssl_certificate_key ${directory}/key.pem;
    location / {
      proxy_pass https://secure; proxy_http_version 1.1; proxy_set_header Connection "";
      proxy_ssl_trusted_certificate ${directory}/ca.pem; proxy_ssl_verify on; proxy_ssl_verify_depth 2;
      proxy_ssl_server_name on; proxy_ssl_name secure.example.com;
    }
  }
}
`;

function childrenOf(parent: number | undefined): number[] {
  return readdirSync("/proc").flatMap((name) => {
    if (!/^\d+$/.test(name)) return [];
    try {
      const ppid = /^PPid:\s+(\d+)$/m.exec(readFileSync(`/proc/${name}/status`, "utf8"))?.[1];
      return Number(ppid) === parent ? [Number(name)] : [];
    } catch {
      // The process has ended since the directory was read.
      return [];
    }
  });
}

async function untilOpen(port: number): Promise<void> {
  for (let tries = 0; tries < 100; tries++) {
    const socket = connect({ host: "127.0.0.1", port });
    const isOpen = await once(socket, "connect").then(
      () => true,
      () => false,
    );
    socket.destroy();
    if (isOpen) return;
    await pause(50, "No event tells when nginx accepts connections.");
  }
  throw new Error("nginx does not serve");
}
