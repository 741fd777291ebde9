/**
 * lasthop's client (rustls in WASM, verdict by trust/) against Node's native TLS, same backend, same run, interleaved:
 * CPU of this process for connect + handshake + GET of 100 bytes, full and resumed, and for a bulk download. On HTTP/2 the
 * peer is node:http2.
 */
import { PLAIN_REQUEST } from "../src/backend/exchange.ts";
import { fork } from "node:child_process";
import { connect as connectHttp2 } from "node:http2";
import { type AgentOptions, Agent, get } from "node:https";
import { join } from "node:path";
import { type Backends, createBackends } from "../src/backend/backends.ts";
import { NO_REUSE } from "../src/backend/pool.ts";
import type { Bundle } from "../src/bundle/types.ts";
import { nodeHost } from "../src/host/node/host.ts";
import { format, interleave, ratios, spread } from "./measure.ts";

const CONNECTIONS = 200;
const ROUNDS = 11;
const BULK_MB = 100;
const BULK_ROUNDS = 7;
const SNI = "backend.internal";

type Alpn = "http/1.1" | "h2";

interface Ports {
  readonly full: number;
  readonly resuming: number;
  readonly aes128: number;
  readonly http2: number;
  readonly anchor: string;
  readonly anchorPem: string;
}

export async function benchTls(): Promise<void> {
  const server = fork(join(import.meta.dirname, "tls-server.ts"), { stdio: ["ignore", "pipe", "inherit", "ipc"] });
  try {
    const ports = await new Promise<Ports>((resolve) =>
      server.stdout?.once("data", (line: Buffer) => resolve(JSON.parse(line.toString()) as Ports)),
    );
    const host = nodeHost();
    const ours = (port: number, alpn: Alpn = "http/1.1"): Backends =>
      createBackends({ bundle: bundleFor(ports, port, alpn), host, poolLimits: NO_REUSE });

    console.log(
      `## Handshake with cached verdict + GET of 100 bytes (client CPU; ${CONNECTIONS} connections a round, ${ROUNDS} rounds)\n`,
    );
    console.log("| handshake | lasthop, µs | native, µs | ratio |\n|---|---|---|---|");
    for (const name of ["full", "resuming"] as const) {
      const backends = ours(ports[name]);
      const native = nativeClient(ports, ports[name], name === "resuming");
      await many(CONNECTIONS, () => drain(backends, "/"));
      await many(CONNECTIONS, () => native("/"));
      const samples = await interleave(
        {
          ours: () => many(CONNECTIONS, () => drain(backends, "/")),
          native: () => many(CONNECTIONS, () => native("/")),
        },
        ROUNDS,
      );
      row(name === "full" ? "full" : "resumed", samples, CONNECTIONS);
    }

    console.log(
      `\n## Bulk download of ${BULK_MB} MB (client CPU; ${BULK_ROUNDS} rounds; ratio of bytes per CPU-second)\n`,
    );
    console.log("| protocol, suite | lasthop, MB/CPU-s | native, MB/CPU-s | lasthop of native |\n|---|---|---|---|");
    const path = `/?mb=${BULK_MB}`;
    for (const [name, port, alpn] of [
      ["HTTP/1.1, AES-256-GCM", ports.full, "http/1.1"],
      ["HTTP/1.1, AES-128-GCM", ports.aes128, "http/1.1"],
      ["HTTP/2, AES-256-GCM", ports.http2, "h2"],
    ] as const) {
      const backends = ours(port, alpn);
      const native = alpn === "h2" ? nativeHttp2(ports) : nativeClient(ports, port, false);
      const samples = await interleave({ ours: () => drain(backends, path), native: () => native(path) }, BULK_ROUNDS);
      const rate = (us: readonly number[]): number[] => us.map((each) => BULK_MB / (each / 1e6));
      const [own, peer] = [rate(samples["ours"] ?? []), rate(samples["native"] ?? [])];
      console.log(
        `| ${name} | ${format(spread(own), 0)} | ${format(spread(peer), 0)} | ${format(ratios(own, peer))} |`,
      );
    }
    console.log();
  } finally {
    server.disconnect();
  }
}

function row(name: string, samples: Record<string, number[]>, per: number): void {
  const [own, peer] = [samples["ours"] ?? [], samples["native"] ?? []];
  const micros = (us: readonly number[]): string => format(spread(us.map((each) => each / per)), 0);
  console.log(`| ${name} | ${micros(own)} | ${micros(peer)} | ${format(ratios(own, peer))} |`);
}

async function many(count: number, task: () => Promise<void>): Promise<void> {
  for (let done = 0; done < count; done++) await task();
}

async function drain(backends: Backends, target: string): Promise<void> {
  const sent = await backends.send("bench/backend:443", {
    method: "GET",
    scheme: "http",
    authority: SNI,
    target,
    headers: [],
    ...PLAIN_REQUEST,
    signal: new AbortController().signal,
  });
  if (sent.kind === "failed") throw new Error(JSON.stringify(sent.failure));
  const reader = sent.response.body?.getReader();
  for (let done = reader === undefined; !done;) done = (await reader?.read())?.done ?? true;
}

function nativeClient(ports: Ports, port: number, resume: boolean): (path: string) => Promise<void> {
  let session: Buffer | undefined;
  return (path) =>
    new Promise((resolve, reject) => {
      const options: AgentOptions = { ca: ports.anchorPem, servername: SNI, keepAlive: false, maxCachedSessions: 0 };
      const agent = new Agent(options);
      const request = get(
        {
          host: "127.0.0.1",
          port,
          path,
          agent,
          headers: { host: SNI },
          ...(resume && session !== undefined ? { session } : {}),
        },
        (response) => {
          response
            .on("data", () => undefined)
            .on("end", resolve)
            .on("error", reject);
        },
      );
      if (resume) request.on("socket", (socket) => socket.on("session", (ticket: Buffer) => (session = ticket)));
      request.on("error", reject);
    });
}

/** With the flow control windows of wasm/src/limits.rs. */
function nativeHttp2(ports: Ports): (path: string) => Promise<void> {
  return (path) =>
    new Promise((resolve, reject) => {
      const session = connectHttp2(`https://127.0.0.1:${ports.http2}`, {
        ca: ports.anchorPem,
        servername: SNI,
        settings: { initialWindowSize: 512 * 1024 },
      });
      session.on("connect", () => session.setLocalWindowSize(1024 * 1024)).on("error", reject);
      const request = session.request({ ":path": path, ":authority": SNI });
      request.on("data", () => undefined).on("error", reject);
      request.on("end", () => session.close(resolve));
    });
}

function bundleFor({ anchor }: Ports, port: number, alpn: Alpn): Bundle {
  const [policy, set, key] = ["d".repeat(64), "5".repeat(64), "a".repeat(64)];
  return {
    format: 1,
    digest: "",
    gateway: "bench/edge",
    requires: [],
    listeners: [],
    rules: [],
    backends: {
      "bench/backend:443": {
        service: "bench/backend",
        port: 443,
        protocol: "http",
        transport: { kind: "tls", policy },
        endpoints: [{ host: "127.0.0.1", port }],
      },
    },
    clientCertificate: null,
    certificates: {},
    policies: {
      [policy]: {
        sni: SNI,
        identifiers: [{ type: "dns", value: SNI }],
        anchorSet: set,
        minTlsVersion: "1.2",
        maxTlsVersion: "1.3",
        alpn: [alpn],
        profile: "private",
        spkiPins: [],
        crls: null,
        maxChainDepth: 10,
      },
    },
    anchorSets: { [set]: { source: ["ConfigMap bench/ca"], anchors: [key] } },
    anchors: { [key]: anchor },
  };
}

if (process.argv[1] === import.meta.filename) await benchTls();
