/**
 * `lasthop serve` on Node, Deno and Bun against nginx and HAProxy, and against a proxy and a pass-through of Node.js alone
 * (node-peers.ts). All verify chain and name of the same backend and keep connections to it; gateways also write an access
 * log to /dev/null.
 */
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { CONTEST_HEAD, contestNote, type Contestant, runContest } from "./contest.ts";
import { haproxyConf, nginxConf } from "./peers.ts";
import { demand, type Running, start } from "./process.ts";
import { freePort } from "../src/cli/free-port.ts";
import { type BodyName, GATEWAY_CORE, ROOT, setStage, type Stage } from "./stage.ts";

const ROUNDS = Number(process.env["LASTHOP_BENCH_ROUNDS"] ?? 7);
const SECONDS = Number(process.env["LASTHOP_BENCH_SECONDS"] ?? 2);
const PEER = "nginx, h1";

/** Prints the table of gateways. Needs taskset, wrk, nginx, HAProxy, Deno and Bun. */
export async function benchGateway(): Promise<void> {
  demand({ taskset: "util-linux", wrk: "wrk", nginx: "nginx-light", haproxy: "haproxy" });
  const stage = await setStage();
  const running: Running[] = [];
  try {
    const contestants: Contestant[] = [];
    for (const [name, command] of Object.entries(runtimes())) {
      const { pid, port } = await serve(stage, command, running);
      contestants.push({ name: `lasthop on ${name}, h1`, pid, port, host: "h1.example.com" });
      contestants.push({ name: `lasthop on ${name}, h2`, pid, port, host: "h2.example.com" });
    }
    for (const peer of await startPeers(stage, running)) contestants.push(peer);
    console.log(`## Gateways in front of a TLS backend\n\n${contestNote(ROUNDS, SECONDS)}`);
    console.log("h1, h2: the protocol to the backend. No CPU aim is set against native gateways.\n");
    console.log(CONTEST_HEAD);
    for (const body of ["100 B", "100 kB"] satisfies BodyName[]) {
      for (const clients of [1, 32]) {
        await runContest({ contestants, peer: PEER, clients, body, rounds: ROUNDS, seconds: SECONDS, aims: {} });
      }
    }
    console.log();
  } finally {
    for (const each of running) await each.stop();
    await stage.close();
  }
}

type Command = readonly [string, ...string[]];

/** The command of each runtime. Throws when Deno and Bun have not been fetched by `npm run runtimes`. */
function runtimes(): Readonly<Record<string, Command>> {
  const bin = (name: string): string => join(ROOT, ".lasthop/runtimes/node_modules/.bin", name);
  if (!existsSync(bin("deno")) || !existsSync(bin("bun")))
    throw new Error("no Deno and Bun yet: `npm run runtimes` fetches them");
  return {
    Node: [process.execPath],
    Deno: [bin("deno"), "run", "--allow-all", "--no-check"],
    Bun: [bin("bun")],
  };
}

/** Starts `lasthop serve` with the stage's bundle on the runtime of `command`, and adds the process to `running`. */
export async function serve(
  { directory, bundleFile }: Stage,
  command: Command,
  running: Running[],
): Promise<{ pid: number; port: number }> {
  const port = await freePort();
  const main = join(ROOT, "src/cli/main.ts");
  const serving = await start({
    command: [...command, main, "serve", bundleFile, "--port-map", `${port}=80`, "--no-watch"],
    core: GATEWAY_CORE,
    port,
    cwd: directory,
  });
  running.push(serving);
  return { pid: serving.pid, port };
}

async function startPeers({ directory, ports, caFile }: Stage, running: Running[]): Promise<Contestant[]> {
  const [nginx, h1, h2] = [await freePort(), await freePort(), await freePort()];
  const [nginxFile, haproxyFile] = [join(directory, "gateway.conf"), join(directory, "haproxy.cfg")];
  writeFileSync(nginxFile, nginxConf(nginx, ports.h1, caFile));
  writeFileSync(haproxyFile, haproxyConf({ h1: [h1, ports.h1], h2: [h2, ports.h2] }, caFile));
  const core = GATEWAY_CORE;
  const nginxRunning = await start({
    command: ["/usr/sbin/nginx", "-p", directory, "-c", nginxFile],
    core,
    port: nginx,
  });
  running.push(nginxRunning);
  const haproxyRunning = await start({ command: ["/usr/sbin/haproxy", "-db", "-f", haproxyFile], core, port: h1 });
  running.push(haproxyRunning);
  const own: Contestant[] = [];
  for (const [kind, name] of [
    ["proxy", "node:http and undici, h1"],
    ["pass", "node:net and node:tls, bytes alone"],
  ] as const) {
    const port = await freePort();
    const script = join(ROOT, "bench/node-peers.ts");
    const peer = await start({
      command: [process.execPath, script, kind, `${port}`, `${ports.h1}`, caFile],
      core,
      port,
    });
    running.push(peer);
    own.push({ name, pid: peer.pid, port, host: "h1.example.com" });
  }
  return [
    ...own,
    { name: PEER, pid: nginxRunning.pid, port: nginx, host: "h1.example.com" },
    { name: "HAProxy, h1", pid: haproxyRunning.pid, port: h1, host: "h1.example.com" },
    { name: "HAProxy, h2", pid: haproxyRunning.pid, port: h2, host: "h2.example.com" },
  ];
}

if (process.argv[1] === import.meta.filename) await benchGateway();
