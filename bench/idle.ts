/**
 * The memory of idle clients: how much the resident memory of `lasthop serve` grows with each connection that has had one
 * answer and then waits, beside nginx, and beside a server of node:net that answers all bytes alike and parses nothing.
 */
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { join } from "node:path";
import { frame, PREFACE, requestBlock } from "../test/attacks/http2.ts";
import { freePort } from "../src/cli/free-port.ts";
import { serve } from "./gateway.ts";
import { nginxConf } from "./peers.ts";
import { demand, type Running, start } from "./process.ts";
import { BODIES, GATEWAY_CORE, ROOT, setStage } from "./stage.ts";

/** Connections that are opened first, so that what a process allocates once is not counted. */
const BEFORE = 500;
const COUNTED = 1_000;
/** Connections that are opened in one go. More would be busy together, and their memory then stays with the process. */
const BATCH = 100;
/** A time after which an idle connection has given back what it gives back (docs/operations.md). */
const REST_MS = 2_000;
const HOST = "h1.example.com";
const HEADERS = 1;
const END_STREAM_AND_HEADERS = 5;

/** What a client says to get one answer. */
const GREETINGS = {
  "HTTP/1.1": Buffer.from(`GET ${BODIES["100 B"]} HTTP/1.1\r\nHost: ${HOST}\r\n\r\n`),
  "HTTP/2": Buffer.concat([
    Buffer.from(PREFACE),
    frame(4, 0, 0),
    frame(HEADERS, END_STREAM_AND_HEADERS, 1, requestBlock(HOST, BODIES["100 B"])),
  ]),
} as const;

interface Server {
  readonly name: string;
  readonly pid: number;
  readonly ports: Readonly<Partial<Record<keyof typeof GREETINGS, number>>>;
}

/** Prints the table of idle clients. Needs taskset and nginx. */
export async function benchIdle(): Promise<void> {
  demand({ taskset: "util-linux", nginx: "nginx-light" });
  const stage = await setStage();
  const running: Running[] = [];
  try {
    const { pid, port } = await serve(stage, [process.execPath], running);
    const servers: Server[] = [{ name: "lasthop on Node", pid, ports: { "HTTP/1.1": port, "HTTP/2": port } }];
    for (const [protocol, parameter] of [
      ["HTTP/1.1", ""],
      ["HTTP/2", " http2"],
    ] as const) {
      const own = await freePort();
      const file = join(stage.directory, `idle${parameter.trim()}.conf`);
      const conf = nginxConf(own, stage.ports.h1, stage.caFile).replace(`:${own};`, `:${own}${parameter};`);
      writeFileSync(file, conf.replace("gateway.pid", `idle${parameter.trim()}.pid`));
      const nginx = await start({
        command: ["/usr/sbin/nginx", "-p", stage.directory, "-c", file],
        core: GATEWAY_CORE,
        port: own,
      });
      running.push(nginx);
      servers.push({ name: `nginx, ${protocol}`, pid: nginx.pid, ports: { [protocol]: own } });
    }
    const own = await freePort();
    const held = await start({
      command: [process.execPath, join(ROOT, "bench/node-peers.ts"), "hold", `${own}`],
      core: GATEWAY_CORE,
      port: own,
    });
    running.push(held);
    servers.push({ name: "node:net, which parses nothing", pid: held.pid, ports: { "HTTP/1.1": own } });
    console.log(`## Idle clients: resident memory a connection, of ${COUNTED} connections after ${BEFORE}\n`);
    console.log("| server | protocol | kB |\n|---|---|---|");
    for (const { name, pid: measured, ports } of servers) {
      for (const protocol of ["HTTP/1.1", "HTTP/2"] as const) {
        const to = ports[protocol];
        if (to !== undefined)
          console.log(`| ${name} | ${protocol} | ${(await grown(measured, to, protocol)).toFixed(1)} |`);
      }
    }
    console.log();
  } finally {
    for (const each of running) await each.stop();
    await stage.close();
  }
}

/** The growth of the process for each counted connection, in kB. */
async function grown(pid: number, port: number, protocol: keyof typeof GREETINGS): Promise<number> {
  const sockets: Socket[] = [];
  try {
    await open(sockets, BEFORE, port, GREETINGS[protocol]);
    await rest();
    const before = residentKb(pid);
    await open(sockets, COUNTED, port, GREETINGS[protocol]);
    await rest();
    return (residentKb(pid) - before) / COUNTED;
  } finally {
    for (const socket of sockets) socket.destroy();
    await rest();
  }
}

async function open(sockets: Socket[], count: number, port: number, greeting: Buffer): Promise<void> {
  for (let opened = 0; opened < count; opened++) {
    if (opened % BATCH === 0) await rest();
    const socket = connect(port, "127.0.0.1").on("error", () => undefined);
    sockets.push(socket);
    socket.write(greeting);
    await once(socket, "data");
    socket.resume();
  }
}

const rest = (): Promise<void> => new Promise((resolve) => void setTimeout(resolve, REST_MS));

/** The resident memory of a process and its children, in kB: nginx serves in a child. */
function residentKb(pid: number): number {
  const own = Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "latin1"))?.[1] ?? 0);
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, "latin1").split(" ").filter(Boolean);
  return children.reduce((sum, child) => sum + residentKb(Number(child)), own);
}

if (process.argv[1] === import.meta.filename) await benchIdle();
