/** The deployed worker in `workerd serve`, and clients that leave it or keep it busy over real sockets. */
import { once } from "node:events";
import { type IncomingMessage, request as httpRequest } from "node:http";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { WebSocket } from "ws";
import { compile } from "../../src/compile/index.ts";
import { clusterYaml } from "../last-hop/cluster.ts";
import { startServers } from "../last-hop/servers.ts";
import { pause } from "../support/pause.ts";
import { type Pooling, startWorkerd, type Workerd } from "../soak/workerd.ts";

const NAMES = { good: "good", old: "good 1.2" };
const SERVERS = { ...NAMES, evil: "unknown-ca" };

interface Answer {
  readonly status: number;
  readonly response: IncomingMessage;
  /** Resets the client's connection. workerd notices a half-closed connection only when it writes. */
  readonly cut: () => void;
}

/** A worker in front of the last-hop servers, over sockets. */
function workerdOf(pooling: Pooling): {
  readonly workerd: () => Workerd;
  readonly get: (path: string, name?: string) => Promise<Answer>;
  readonly webSocket: () => Promise<WebSocket>;
} {
  let servers: Awaited<ReturnType<typeof startServers>> | undefined;
  let running: Workerd | undefined;
  const workerd = (): Workerd => {
    if (running === undefined) throw new Error("it has not started");
    return running;
  };
  beforeAll(async () => {
    servers = await startServers();
    const { ports } = servers.fixtures;
    const named = Object.fromEntries(Object.entries(SERVERS).map(([name, server]) => [name, ports[server] ?? 0]));
    const yaml = clusterYaml({ ...servers.fixtures, ports: named }, Object.keys(named));
    const { text, diagnostics } = compile([{ file: "cluster.yaml", text: yaml }], { allowLoopback: true });
    if (text === null) throw new Error(JSON.stringify(diagnostics));
    running = await startWorkerd(text, undefined, null, pooling);
  }, 60_000);
  afterAll(async () => {
    await running?.stop();
    await servers?.close();
  });
  return {
    workerd,
    async get(path, name = "good") {
      const headers = { host: `${name}.example.com` };
      const request = httpRequest({ host: "127.0.0.1", port: workerd().port, agent: false, path, headers });
      request.end();
      const [response] = (await once(request, "response")) as [IncomingMessage];
      request.on("error", () => undefined);
      response.on("error", () => undefined);
      return { status: response.statusCode ?? 0, response, cut: () => request.socket?.resetAndDestroy() };
    },
    async webSocket() {
      const headers = { host: "good.example.com" };
      const socket = new WebSocket(`ws://127.0.0.1:${workerd().port}/ws/echo`, { headers });
      await once(socket, "open");
      return socket;
    },
  };
}

async function textOf({ response }: Answer): Promise<string> {
  let text = "";
  for await (const chunk of response) text += String(chunk);
  return text;
}

const NOTHING_OPEN = { open: 0, inFlight: 0, idle: 0 };

describe("a worker without an object", () => {
  const { workerd, get, webSocket } = workerdOf("none");
  /** The number of clients. It is large because a connection that is lost only sometimes is a leak, too. */
  const CLIENTS = 48;

  it.each(["/stall", "/download?mb=64", "/download?mb=64&length=1"])(
    "counts no connection of clients that were cut off: %s",
    async (path) => {
      for (let count = 0; count < CLIENTS; count += 8) {
        const answers = await Promise.all(Array.from({ length: 8 }, () => get(path)));
        expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200));
        for (const { cut } of answers) cut();
      }
      await expect.poll(() => workerd().stats()).toMatchObject(NOTHING_OPEN);
    },
  );

  it("counts no connection of WebSockets whose clients were cut off", async () => {
    const sockets = await Promise.all(Array.from({ length: 8 }, () => webSocket()));
    expect(await workerd().stats()).toMatchObject({ open: 8, inFlight: 8 });
    for (const socket of sockets) socket.terminate();
    await expect.poll(() => workerd().stats()).toMatchObject(NOTHING_OPEN);
  });

  it("counts none of clients that leave while it dials", async () => {
    for (let delayMs = 0; delayMs < CLIENTS; delayMs++) {
      const headers = { host: "good.example.com" };
      const request = httpRequest({ host: "127.0.0.1", port: workerd().port, agent: false, path: "/", headers });
      request.on("error", () => undefined).end();
      await once(request, "finish");
      await pause(delayMs / 4, "Clients leave at different moments of a dial.");
      request.socket?.resetAndDestroy();
    }
    await expect.poll(() => workerd().stats()).toMatchObject(NOTHING_OPEN);
  });

  it("answers after all of that, and counts no connection of answers that were read", async () => {
    for (const name of Object.keys(NAMES)) expect(await textOf(await get("/", name))).toContain('"name"');
    await expect.poll(() => workerd().stats()).toMatchObject(NOTHING_OPEN);
  });
});

describe("a worker with its pool's object", () => {
  const { workerd, get, webSocket } = workerdOf("object");
  /** The number of clients that hold a connection: more than the six that an object may have. */
  const HOLDERS = 8;

  it("answers every route while WebSockets are idle and downloads stand still", async () => {
    const sockets = await Promise.all(Array.from({ length: HOLDERS }, () => webSocket()));
    const downloads: Answer[] = [];
    for (const path of ["/download?mb=256", "/stall"]) {
      for (let count = 0; count < HOLDERS; count++) {
        const download = await get(path);
        expect(download.status).toBe(200);
        download.response.pause();
        downloads.push(download);
      }
    }
    for (let round = 0; round < 3; round++) {
      for (const name of Object.keys(NAMES)) {
        expect(await textOf(await get("/", name))).toContain(NAMES[name as keyof typeof NAMES]);
      }
    }
    // Each WebSocket has a connection of the worker's own, and so has each download for which the object has no room.
    expect((await workerd().stats())?.open).toBeGreaterThanOrEqual(HOLDERS + 2 * HOLDERS - 6);
    sockets[0]?.send("still there");
    expect(String((await once(sockets[0] as WebSocket, "message"))[0])).toBe("still there");
    for (const socket of sockets) socket.terminate();
    for (const { cut } of downloads) cut();
    await expect.poll(() => workerd().stats()).toMatchObject(NOTHING_OPEN);
    for (const name of Object.keys(NAMES)) expect((await get("/", name)).status).toBe(200);
  });

  it("refuses an untrusted backend on the way round a full object too", async () => {
    const downloads: Answer[] = [];
    for (let count = 0; count < HOLDERS; count++) downloads.push(await get("/stall"));
    const answer = await get("/", "evil");
    expect([answer.status, answer.response.headers["proxy-status"]]).toEqual([
      502,
      'lasthop; error=tls_certificate_error; details="unknown-ca"',
    ]);
    for (const { cut } of downloads) cut();
    await expect.poll(() => workerd().stats()).toMatchObject(NOTHING_OPEN);
  });
});
