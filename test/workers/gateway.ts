/** `lasthop serve --workers` as an operator starts it, in front of a TLS backend. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:https";
import { join, resolve } from "node:path";
import { onTestFinished } from "vitest";
import { freePort } from "../../src/cli/free-port.ts";
import { compile } from "../../src/compile/index.ts";
import { listen } from "../support/listen.ts";
import { backendYaml, edgeYaml, policyYaml } from "../support/manifests.ts";
import { type Minted, mintCa, mintLeaf } from "../support/pki.ts";
import { temporaryDirectory } from "../support/temporary-directory.ts";

/** The host of the route to the backend. */
export const HOST = "secure.example.com";
const SNI = "secure.internal";
const MAIN = join(resolve(import.meta.dirname, "../.."), "src/cli/main.ts");

/** A bundle and its keys, with responses that carry its version. */
export interface Release {
  readonly bundle: string;
  readonly secrets: string;
}

/** The backend and the certificates of a test. */
export interface Surroundings {
  readonly root: Minted;
  /** The requests that the backend has read. */
  readonly requests: () => number;
  /** Compiles a release whose responses have the field `x-version`; `listeners` are further ones of the Gateway. */
  readonly release: (version: string, listeners?: string) => Promise<Release>;
}

/** A running gateway. */
export interface WorkersGateway {
  readonly child: ChildProcess;
  readonly port: number;
  readonly securePort: number;
  /** The bound port of the listener on 8080, where a release has one. */
  readonly laterPort: number;
  /** The processes of the workers. */
  pids(): number[];
  /** The lines of standard error. */
  said(): string;
  /** The access log. */
  logged(): string;
  metric(name: string): Promise<number>;
  requestsByWorker(): Promise<number[]>;
  status(path: string): Promise<number>;
  write(release: Release): void;
  /** Writes a release; resolves when the gateway says that it is loaded, or refused. */
  reload(release: Release, outcome?: RegExp): Promise<void>;
  /** Sends SIGTERM; resolves with the exit status. */
  terminate(): Promise<number | null>;
}

/** A TLS backend that answers with the path, `/slow?ms=N` after N milliseconds. */
export async function surroundings(): Promise<Surroundings> {
  const root = await mintCa({ name: "workers root" });
  const leaf = await mintLeaf({ issuer: root, dns: [SNI] });
  let requests = 0;
  const backend = createServer({ key: leaf.keyPem, cert: leaf.chainPem }, (request, response) => {
    requests++;
    const waitMs = Number(new URL(request.url ?? "/", "http://backend").searchParams.get("ms") ?? 0);
    request.resume();
    setTimeout(() => response.end(request.url), waitMs);
  });
  backend.keepAliveTimeout = 0;
  const port = await listen(backend);
  onTestFinished(() => {
    backend.close().closeAllConnections();
  });
  return {
    root,
    requests: () => requests,
    release: async (version, listeners = "") => compiled(await manifests(root, port, version, listeners)),
  };
}

/** Starts the gateway; it is ended with the test. */
export async function startWorkers(
  { bundle, secrets }: Release,
  options: readonly string[] = ["--workers", "2"],
  more: { readonly stdout?: number; readonly env?: Readonly<Record<string, string>> } = {},
): Promise<WorkersGateway> {
  const directory = await temporaryDirectory();
  const [bundleFile, secretsFile] = [join(directory, "bundle.json"), join(directory, "secrets.json")];
  const write = (release: Release): void => {
    writeFileSync(secretsFile, release.secrets, { mode: 0o600 });
    writeFileSync(bundleFile, release.bundle);
  };
  write({ bundle, secrets });
  const [port, securePort, laterPort, metricsPort] = [
    await freePort(),
    await freePort(),
    await freePort(),
    await freePort(),
  ];
  const map = `${port}=80,${securePort}=443,${laterPort}=8080`;
  const args = ["--secrets", secretsFile, "--port-map", map, "--metrics-address", `127.0.0.1:${metricsPort}`];
  const child = spawn(process.execPath, [MAIN, "serve", bundleFile, ...args, "--no-watch", ...options], {
    stdio: ["ignore", more.stdout ?? "pipe", "pipe"],
    env: { ...process.env, ...more.env },
    // A group of its own, as a shell makes one.
    detached: true,
  });
  const heard = { out: "", err: "" };
  child.stdout?.on("data", (bytes: Buffer) => (heard.out += bytes.toString()));
  child.stderr?.on("data", (bytes: Buffer) => (heard.err += bytes.toString()));
  const exited = once(child, "close");
  const said = (pattern: RegExp, from = 0): Promise<void> =>
    new Promise((done, fail) => {
      const look = (): void => {
        if (pattern.test(heard.err.slice(from))) done();
        else if (child.exitCode !== null) fail(new Error(`it has ended: ${heard.err}`));
        else setTimeout(look, 10);
      };
      look();
    });
  onTestFinished(async () => {
    if (child.exitCode === null && child.signalCode === null) process.kill(-(child.pid ?? 0), "SIGKILL");
    await exited;
  });
  await said(/serves the listeners on port 443/);
  const get = (path: string): Promise<Response> => fetch(`http://127.0.0.1:${metricsPort}${path}`);
  return {
    child,
    port,
    securePort,
    laterPort,
    pids: () => childrenOf(child.pid ?? 0),
    said: () => heard.err,
    logged: () => heard.out,
    async metric(name) {
      const lines = (await (await get("/metrics")).text()).split("\n");
      const values = lines.filter((line) => line.startsWith(`${name} `) || line.startsWith(`${name}{`));
      return values.reduce((sum, line) => sum + Number(line.split(" ").at(-1)), 0);
    },
    async requestsByWorker() {
      const text = await (await get("/metrics")).text();
      return [...text.matchAll(/^lasthop_worker_requests_total\{worker="\d"\} (\d+)$/gm)].map(([, count]) =>
        Number(count),
      );
    },
    status: async (path) => (await get(path)).status,
    write,
    async reload(release, outcome = /: loaded/) {
      const from = heard.err.length;
      write(release);
      child.kill("SIGHUP");
      await said(outcome, from);
    },
    async terminate() {
      child.kill("SIGTERM");
      await exited;
      return child.exitCode;
    },
  };
}

/** The child processes of a process. */
export function childrenOf(pid: number): number[] {
  return readFileSync(`/proc/${pid}/task/${pid}/children`, "latin1").split(" ").filter(Boolean).map(Number);
}

async function manifests(root: Minted, port: number, version: string, listeners: string): Promise<string> {
  const secret = async (name: string, dns: string): Promise<string> => {
    const leaf = await mintLeaf({ issuer: root, dns: [dns] });
    const base64 = (text: string): string => Buffer.from(text).toString("base64");
    return `---
apiVersion: v1
kind: Secret
metadata: { name: ${name}, namespace: test }
type: kubernetes.io/tls
data: { tls.crt: ${base64(leaf.chainPem)}, tls.key: ${base64(leaf.keyPem)} }
`;
  };
  const https = (name: string, hostname: string): string =>
    `{ name: ${name}, protocol: HTTPS, port: 443, hostname: "${hostname}", tls: { certificateRefs: [{ name: ${name} }] } }, `;
  const all = `listeners: [${listeners}${https("wild", "*.example.com")}${https("other", "other.test")}`;
  const filter = `filters: [{ type: ResponseHeaderModifier, responseHeaderModifier: { set: [{ name: x-version, value: "${version}" }] } }], `;
  return [
    edgeYaml("test", root.certPem).replace("listeners: [", all),
    await secret("wild", "*.example.com"),
    await secret("other", "other.test"),
    backendYaml("test", "secure", port, "https").replace("rules: [{ ", `rules: [{ ${filter}`),
    policyYaml("test", "secure", SNI),
  ].join("");
}

function compiled(text: string): Release {
  const { text: bundle, secrets, diagnostics } = compile([{ file: "cluster.yaml", text }], { allowLoopback: true });
  const errors = diagnostics.filter(({ severity }) => severity === "error");
  if (bundle === null || secrets === null || errors.length > 0)
    throw new Error(diagnostics.map(({ message }) => message).join("\n"));
  return { bundle, secrets };
}
