/**
 * `npm run bench -- profile`: CPU profiles by V8's sampling profiler of lasthop's client, of `lasthop serve` on Node, and
 * of the pool's isolate in workerd, where native code is summed up as `(program)`.
 */
import { readdirSync, readFileSync } from "node:fs";
import { Session } from "node:inspector/promises";
import { join } from "node:path";
import { lasthop, many, startServer } from "./client-peers.ts";
import { type Profile, printProfile } from "./cpuprofile.ts";
import { serve } from "./gateway.ts";
import { load, type Load } from "./load.ts";
import { type Running } from "./process.ts";
import { freePort } from "../src/cli/free-port.ts";
import type { BackendKind } from "./cluster.ts";
import { BODIES, type BodyName, LOAD_CORE, setStage, type Stage } from "./stage.ts";
import { serveWorkers } from "./worker.ts";

const SECONDS = 5;
const CLIENTS = 32;
const BULK_MB = 100;
const ROWS: readonly (readonly [BackendKind, BodyName])[] = [
  ["h1", "100 B"],
  ["h2", "100 B"],
  ["h1", "100 kB"],
];

/** Prints all profiles. */
export async function benchProfile(): Promise<void> {
  await profileClient();
  const stage = await setStage();
  try {
    for (const [kind, body] of ROWS) await profileNode(stage, kind, body);
    await profileWorker(stage);
  } finally {
    await stage.close();
  }
}

async function profileClient(): Promise<void> {
  const { at, stop } = await startServer();
  const bytes = BULK_MB << 20;
  try {
    for (const [name, client, count, atOnce, path] of [
      ["GET, HTTP/1.1", lasthop(at("full"), "h1", true), 30_000, CLIENTS, "/"],
      ["GET, HTTP/2", lasthop(at("http2"), "h2", true), 40_000, CLIENTS, "/"],
      ["down, HTTP/1.1", lasthop(at("full"), "h1", true), 8, 1, `/?mb=${BULK_MB}`],
      ["down, HTTP/2", lasthop(at("http2"), "h2", true), 8, 1, `/?mb=${BULK_MB}`],
      ["up, HTTP/1.1", lasthop(at("full"), "h1", true, bytes), 8, 1, "/"],
      ["up, HTTP/2", lasthop(at("http2"), "h2", true, bytes), 8, 1, "/"],
    ] as const) {
      await many(count / 8, atOnce, () => client(path));
      const session = new Session();
      session.connect();
      await session.post("Profiler.enable");
      await session.post("Profiler.start");
      await many(count, atOnce, () => client(path));
      const { profile } = await session.post("Profiler.stop");
      session.disconnect();
      console.log(`## CPU profile: client, ${name}, ${atOnce} at once\n`);
      printProfile(profile as Profile);
    }
  } finally {
    stop();
  }
}

async function profileNode(stage: Stage, kind: BackendKind, body: BodyName): Promise<void> {
  const directory = join(stage.directory, `${kind}-${body.replace(" ", "")}`);
  const running: Running[] = [];
  const { port } = await serve(stage, [process.execPath, "--cpu-prof", `--cpu-prof-dir=${directory}`], running);
  const { perSecond } = await load(loadOf(port, kind, body));
  for (const each of running) await each.stop();
  const [file = ""] = readdirSync(directory);
  console.log(`## CPU profile: lasthop serve on Node, ${titleOf(kind, body)}, ${perSecond.toFixed(0)} req/s\n`);
  printProfile(JSON.parse(readFileSync(join(directory, file), "utf8")) as Profile);
}

/** Profiles the pool through workerd's inspector, which has one WebSocket address per service. */
async function profileWorker(stage: Stage): Promise<void> {
  const inspector = await freePort();
  const workers = await serveWorkers(stage, `--inspector-addr=127.0.0.1:${inspector}`);
  try {
    for (const [kind, body] of ROWS) {
      const socket = new WebSocket(`ws://127.0.0.1:${inspector}/pool`);
      await new Promise((resolve) => socket.addEventListener("open", resolve, { once: true }));
      await post(socket, 1, "Profiler.enable");
      await post(socket, 2, "Profiler.start");
      const { perSecond } = await load(loadOf(workers.ports.pool, kind, body));
      const { profile } = (await post(socket, 3, "Profiler.stop")) as { profile: Profile };
      socket.close();
      console.log(`## CPU profile: the pool in workerd, ${titleOf(kind, body)}, ${perSecond.toFixed(0)} req/s\n`);
      printProfile(profile);
    }
  } finally {
    await workers.stop();
  }
}

function post(socket: WebSocket, id: number, method: string): Promise<unknown> {
  return new Promise((resolve) => {
    const onMessage = ({ data }: MessageEvent): void => {
      const message = JSON.parse(String(data)) as { id?: number; result?: unknown };
      if (message.id !== id) return;
      socket.removeEventListener("message", onMessage);
      resolve(message.result);
    };
    socket.addEventListener("message", onMessage);
    socket.send(JSON.stringify({ id, method }));
  });
}

const loadOf = (port: number, kind: BackendKind, body: BodyName): Load => ({
  port,
  host: `${kind}.example.com`,
  path: BODIES[body],
  clients: CLIENTS,
  seconds: SECONDS,
  core: LOAD_CORE,
});

const titleOf = (kind: BackendKind, body: BodyName): string => `${kind} to the backend, ${body}, ${CLIENTS} clients`;

if (process.argv[1] === import.meta.filename) await benchProfile();
