/** A gateway to attack: `lasthop serve` as an operator starts it, in a process of its own, with a counting backend. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import type { Writable } from "node:stream";
import { freePort } from "../../src/cli/free-port.ts";
import { compile } from "../../src/compile/index.ts";
import { backendYaml, edgeYaml } from "../support/manifests.ts";
import { type Minted, mintCa, mintLeaf } from "../support/pki.ts";
import { commandOf, type ServingRuntime } from "../runtimes/hosts.ts";
import { residentBytes } from "../soak/workerd.ts";
import { type CountingBackend, startBackend } from "./backend.ts";
import { type Collector, collectorOf } from "./collect.ts";
import { type Others, startOthers } from "./others.ts";
import { pause } from "../support/pause.ts";

/** What an attack needs to know of its target. */
export interface Target {
  /** The port of the HTTP listener. */
  readonly port: number;
  /** The port that takes HTTP/2 with prior knowledge: on the gateway the same. */
  readonly http2Port: number;
  /** The port of the HTTPS listener. */
  readonly securePort: number;
  /** The CA of the HTTPS listener's certificate. */
  readonly caPem: string;
  /** The host of the route to the backend. */
  readonly host: string;
  readonly backend: CountingBackend;
  /** The further backends; null when the gateway was started without them. */
  readonly others: Others | null;
  readonly residentBytes: () => number;
}

/** A running gateway. */
export interface Gateway extends Target {
  readonly metricsPort: number;
  /** The certificate that the HTTPS listener presents. */
  readonly listener: Minted;
  readonly child: ChildProcess;
  /** The text on standard error so far. */
  readonly said: () => string;
  /** The records of the access log; empty when its stream is not a pipe that is read here. */
  readonly records: () => readonly Record<string, unknown>[];
  /** The records as text. */
  readonly logged: () => string;
  /** Collects garbage; does nothing when the gateway was started without a collector. */
  collect(): Promise<void>;
  /** Stops the gateway as an operator does. Resolves with the exit status. */
  terminate(): Promise<number | null>;
  /** Ends the gateway and its backend, and removes their files. */
  close(): Promise<void>;
}

/** How a gateway is started. */
export interface GatewayOptions {
  readonly runtime?: ServingRuntime;
  /** The output of the access log: it is read here, dropped, or written to a descriptor. */
  readonly stdout?: "read" | "ignore" | "pipe" | number;
  readonly stderr?: "read" | number;
  /** A command that runs the runtime's, such as `taskset -c 1`. */
  readonly under?: readonly string[];
  readonly args?: readonly string[];
  /** Set for a gateway with an inspector, through which garbage is collected. */
  readonly withCollector?: true;
  /** Set for a gateway with the backends of others.ts, behind routes of their own. */
  readonly withOthers?: true;
}

/** The runtimes that tests on the wire run against: Node, or those that LASTHOP_RUNTIMES lists (`node deno bun`). */
export const UNDER_TEST = (process.env["LASTHOP_RUNTIMES"] ?? "node").split(" ") as readonly ServingRuntime[];

const ROOT = resolve(import.meta.dirname, "../..");
const START_MS = 20_000;

/** Starts a gateway. Rejects with its output when it does not serve. */
export async function startGateway(options: GatewayOptions = {}): Promise<Gateway> {
  const { runtime = "node", stdout = "read", stderr = "read", under = [], args = [], withOthers } = options;
  const collector: Collector | null = options.withCollector === true ? await collectorOf(runtime) : null;
  const backend = await startBackend();
  const directory = mkdtempSync(join(tmpdir(), "lasthop-attacks-"));
  const root = await mintCa({ name: "attacks root" });
  const others = withOthers === true ? await startOthers(root) : null;
  const { bundle, secrets, listener } = await cluster(root, backend.port, others?.yaml ?? "");
  const [bundleFile, secretsFile] = [join(directory, "bundle.json"), join(directory, "secrets.json")];
  writeFileSync(bundleFile, bundle);
  writeFileSync(secretsFile, secrets, { mode: 0o600 });
  const [port, securePort, metricsPort] = [await freePort(), await freePort(), await freePort()];
  const flags = collector === null ? [] : [collector.flag];
  const script = join(ROOT, "src/cli/main.ts");
  const [command, ...rest] = [...under, ...commandOf(runtime), ...flags, script, "serve", bundleFile];
  const ports = ["--port-map", `${port}=80,${securePort}=443`, "--metrics-address", `127.0.0.1:${metricsPort}`];
  const more = ["--no-watch", ...ports, ...args];
  const child = spawn(command, [...rest, "--secrets", secretsFile, ...more], {
    cwd: ROOT,
    stdio: ["ignore", stdout === "read" ? "pipe" : stdout, stderr === "read" ? "pipe" : stderr],
  });
  // The gateway must not outlive this process, whatever ends it.
  const end = (): boolean => child.kill("SIGKILL");
  process.once("exit", end);
  const heard = { out: "", err: "" };
  if (stdout === "read") child.stdout?.on("data", (bytes: Buffer) => (heard.out += bytes.toString()));
  child.stderr?.on("data", (bytes: Buffer) => (heard.err += bytes.toString()));
  await untilServes(child, metricsPort, () => heard.err);
  const ended = async (signal: NodeJS.Signals): Promise<number | null> => {
    if (child.exitCode === null && child.signalCode === null) {
      const exited = once(child, "exit");
      child.kill(signal);
      await exited;
    }
    return child.exitCode;
  };
  return {
    port,
    http2Port: port,
    securePort,
    metricsPort,
    listener,
    caPem: root.certPem,
    others,
    host: "plain.example.com",
    backend,
    child,
    residentBytes: () => residentBytes(child.pid),
    said: () => heard.err,
    logged: () => heard.out,
    collect: () => collector?.collect() ?? Promise.resolve(),
    records: () =>
      heard.out
        .split("\n")
        .slice(0, -1)
        .map((line) => JSON.parse(line) as Record<string, unknown>),
    terminate: () => ended("SIGTERM"),
    async close() {
      await ended("SIGKILL");
      process.off("exit", end);
      (child.stdout as Writable | null)?.destroy();
      others?.close();
      await backend.close();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

async function untilServes(child: ChildProcess, metricsPort: number, said: () => string): Promise<void> {
  const start = Date.now();
  for (;;) {
    const ready = await fetch(`http://127.0.0.1:${metricsPort}/readyz`).then(
      ({ ok }) => ok,
      () => false,
    );
    if (ready) return;
    if (child.exitCode !== null || Date.now() - start > START_MS) {
      child.kill("SIGKILL");
      throw new Error(`lasthop does not serve: ${said()}`);
    }
    await pause(50, "No event tells when the gateway accepts connections.");
  }
}

interface Served {
  readonly bundle: string;
  readonly secrets: string;
  readonly listener: Minted;
}

async function cluster(root: Minted, port: number, others: string): Promise<Served> {
  const leaf = await mintLeaf({ issuer: root, dns: ["*.example.com"] });
  const base64 = (text: string): string => Buffer.from(text).toString("base64");
  const secret = `---
apiVersion: v1
kind: Secret
metadata: { name: wildcard, namespace: test }
type: kubernetes.io/tls
data: { tls.crt: ${base64(leaf.chainPem)}, tls.key: ${base64(leaf.keyPem)} }
`;
  const secured =
    "listeners: [{ name: wild, protocol: HTTPS, port: 443, tls: { certificateRefs: [{ name: wildcard }] } }, ";
  const manifests = [
    edgeYaml("test", root.certPem).replace("listeners: [", secured),
    secret,
    backendYaml("test", "plain", port),
    ROUTES,
    others,
  ].join("");
  const input = [{ file: "cluster.yaml", text: manifests }];
  const { text: bundle, secrets, diagnostics } = compile(input, { allowLoopback: true });
  if (bundle === null || secrets === null || diagnostics.length > 0)
    throw new Error(diagnostics.map(({ message }) => message).join("\n"));
  return { bundle, secrets, listener: leaf };
}

/** A host whose rules differ by path: `/admin` is refused to all, `/public` and `/a/b` are served. */
const ROUTES = `---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: { name: paths, namespace: test }
spec:
  parentRefs: [{ name: edge }]
  hostnames: [paths.example.com]
  rules:
    - matches: [{ path: { value: /admin } }]
      filters: [{ type: RequestRedirect, requestRedirect: { hostname: login.example.com, statusCode: 302 } }]
    - matches: [{ path: { value: / } }]
      backendRefs: [{ name: plain, port: 443 }]
`;
