/**
 * The worker on `workerd serve`: lasthop with its pool in a Durable Object, and with one connection per request, against a
 * worker that forwards with native fetch under the deployment's `trustedCertificates`. Workers that do only a part show
 * where the time goes: a constant answer, a call of a Durable Object, the gateway without a backend, the pool without TLS.
 */
import { copyFileSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { CONTEST_HEAD, contestNote, type Contestant, runContest } from "./contest.ts";
import { demand, type Running, start } from "./process.ts";
import { freePort } from "../src/cli/free-port.ts";
import { GATEWAY_CORE, ROOT, setStage, type Stage } from "./stage.ts";
import { buildWorker } from "./worker-build.ts";

const ROUNDS = Number(process.env["LASTHOP_BENCH_ROUNDS"] ?? 7);
const SECONDS = Number(process.env["LASTHOP_BENCH_SECONDS"] ?? 2);
const PEER = "native fetch, TLS";

/** The workers, all in one workerd process. Only one of them gets requests at a time. */
const SERVICES = ["pool", "six", "alone", "constant", "hop", "fetch", "fetch-plain"] as const;
type Ports = Readonly<Record<(typeof SERVICES)[number], number>>;

/** The aims for CPU with small bodies, by the number of clients. */
const SMALL_AIMS: Readonly<Record<number, number>> = { 1: 1.5, 32: 2 };
const LARGE_AIM = 2;

/** Prints the table of workers. Needs taskset, wrk and nginx. */
export async function benchWorker(): Promise<void> {
  demand({ taskset: "util-linux", wrk: "wrk", nginx: "nginx-light" });
  const stage = await setStage();
  let workers: Workers | null = null;
  try {
    workers = await serveWorkers(stage);
    const { pid, ports } = workers;
    const contestant = (name: string, service: keyof Ports, host: string): Contestant => ({
      name,
      pid,
      port: ports[service],
      host: `${host}.example.com`,
    });
    const forwarding = [
      contestant("lasthop, pool, h1", "pool", "h1"),
      contestant("lasthop, pool, h2", "pool", "h2"),
      contestant("lasthop, pool of 6, h1", "six", "h1"),
      contestant("lasthop, a connection a request", "alone", "h1"),
      contestant(PEER, "fetch", "any"),
      contestant("lasthop, pool, plaintext", "pool", "plain"),
      contestant("native fetch, plaintext", "fetch-plain", "any"),
    ];
    const steps = [
      contestant("constant answer", "constant", "any"),
      contestant("hop to an object", "hop", "any"),
      contestant("lasthop, pool, a redirect", "pool", "redirect"),
    ];
    console.log(`## The worker on workerd\n\n${contestNote(ROUNDS, SECONDS)}\n${CONTEST_HEAD}`);
    const common = { peer: PEER, rounds: ROUNDS, seconds: SECONDS };
    const aims = (cpu: number): Record<string, number> => ({ "lasthop, pool, h1": cpu, "lasthop, pool, h2": cpu });
    for (const clients of [1, 32]) {
      const contestants = [...forwarding, ...steps];
      const small = aims(SMALL_AIMS[clients] ?? Number.NaN);
      await runContest({ ...common, contestants, clients, body: "100 B", aims: small });
    }
    for (const clients of [1, 32])
      await runContest({ ...common, contestants: forwarding, clients, body: "100 kB", aims: aims(LARGE_AIM) });
    console.log();
  } finally {
    await workers?.stop();
    await stage.close();
  }
}

interface Workers extends Running {
  readonly ports: Ports;
}

/** Starts workerd, with `flags` on its command line. */
export async function serveWorkers(stage: Stage, ...flags: readonly string[]): Promise<Workers> {
  const free: [string, number][] = [];
  for (const service of SERVICES) free.push([service, await freePort()]);
  const ports = Object.fromEntries(free) as Ports;
  const binary = join(ROOT, "node_modules/.bin/workerd");
  const command = [binary, "serve", "--experimental", ...flags, configure(stage, ports)] as const;
  return { ...(await start({ command, core: GATEWAY_CORE, port: ports.pool })), ports };
}

/** Writes workerd's configuration beside the modules that it embeds, and returns its path. */
function configure({ directory, ports: backend, bundleFile, caFile }: Stage, ports: Ports): string {
  const { out, modules } = buildWorker(join(directory, "worker"), readFileSync(bundleFile, "utf8"));
  copyFileSync(join(import.meta.dirname, "worker-steps.mjs"), join(out, "steps.mjs"));
  copyFileSync(caFile, join(out, "ca.pem"));
  const common = `compatibilityDate = "2026-11-01", compatibilityFlags = ["nodejs_compat", "enable_request_signal"], globalOutbound = "net"`;
  const embedded = modules.map((name) => `(name = "${name}", ${moduleKind(name)} = embed "${name}")`).join(", ");
  const objects = (binding: string): string =>
    `durableObjectNamespaces = [(className = "Pool", uniqueKey = "pool")], durableObjectStorage = (inMemory = void), bindings = [(name = "${binding}", durableObjectNamespace = "Pool")`;
  const steps = (step: string, bindings: string): string =>
    `(modules = [(name = "steps.mjs", esModule = embed "steps.mjs")], ${bindings}, (name = "STEP", text = "${step}")], ${common})`;
  const forward = (url: string): string => steps("fetch", `bindings = [(name = "BACKEND", text = "${url}")`);
  const workers: Readonly<Record<keyof Ports, string>> = {
    // The limit of `pool` is what docs/operations.md advises for self-hosted workerd; that of `six` is Cloudflare's.
    pool: `(modules = [${embedded}], ${objects("LASTHOP_POOL")}, (name = "LASTHOP_POOL_CONNECTIONS", text = "1024")], ${common})`,
    six: `(modules = [${embedded}], ${objects("LASTHOP_POOL")}], ${common})`,
    alone: `(modules = [${embedded}], ${common})`,
    constant: steps("constant", objects("POOL")),
    hop: steps("hop", objects("POOL")),
    fetch: forward(`https://localhost:${backend.h1}`),
    "fetch-plain": forward(`http://localhost:${backend.plain}`),
  };
  const file = join(out, "config.capnp");
  writeFileSync(
    file,
    `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [
    (name = "net", network = (allow = ["public", "private"], tlsOptions = (trustBrowserCas = false, trustedCertificates = [embed "ca.pem"]))),
    ${SERVICES.map((name) => `(name = "${name}", worker = ${workers[name]})`).join(",\n    ")}
  ],
  sockets = [
    ${SERVICES.map((name) => `(name = "${name}", address = "127.0.0.1:${ports[name]}", http = (), service = "${name}")`).join(",\n    ")}
  ]
);
`,
  );
  return file;
}

function moduleKind(name: string): "esModule" | "text" | "wasm" {
  if (name.endsWith(".wasm")) return "wasm";
  return name.endsWith(".json") ? "text" : "esModule";
}

if (process.argv[1] === import.meta.filename) await benchWorker();
