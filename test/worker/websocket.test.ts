/** WebSockets through the worker, on a connection of its own and through the pool: real frames at a real TLS backend. */
import { createExecutionContext, env } from "cloudflare:test";
import { beforeAll, describe, expect, inject, it } from "vitest";
import type { ByteStream } from "../../src/backend/runtime.ts";
import { createWorker, type Env } from "../../src/host/cloudflare/worker.ts";
import { MAX_MESSAGE_BYTES, MAX_WAITING_BYTES, relay } from "../../src/host/cloudflare/relay.ts";
import { usePoolOf } from "./main.ts";

interface Ended {
  readonly code: number;
  readonly reason: string;
}

it("cannot see how far its client has read: when this fails, relay.ts can wait for a slow client", () => {
  const { 0: client } = new WebSocketPair();
  expect("bufferedAmount" in client).toBe(false);
});

describe("a WebSocket on which nothing is sent", () => {
  const IDLE_MS = 200;
  const CLOSE_OPCODE = 0x88;

  /** A backend that answers a Close, and that sends a Ping every `beatMs`; and the opcodes that it got. */
  function backend(beatMs: number | null): { stream: ByteStream; opcodes: number[]; isClosed: () => boolean } {
    const opcodes: number[] = [];
    let isClosed = false;
    const waiting: ((bytes: Uint8Array | null) => void)[] = [];
    const stream: ByteStream = {
      read: () =>
        new Promise((resolve) => {
          waiting.push(resolve);
          if (beatMs !== null) setTimeout(() => resolve(new Uint8Array([0x89, 0])), beatMs);
        }),
      async write(bytes) {
        opcodes.push(bytes[0] ?? 0);
        if (bytes[0] === CLOSE_OPCODE) waiting.shift()?.(new Uint8Array([CLOSE_OPCODE, 2, 0x03, 0xe9]));
      },
      close() {
        isClosed = true;
        for (const resolve of waiting.splice(0)) resolve(null);
      },
    };
    return { stream, opcodes, isClosed: () => isClosed };
  }

  it("is closed on both sides", async () => {
    const { 0: client, 1: server } = new WebSocketPair();
    const { stream, opcodes, isClosed } = backend(null);
    const relaying = relay(server, stream, IDLE_MS);
    const { ended } = new Client(client);
    expect(await ended).toMatchObject({ code: 1001 });
    await relaying;
    expect([opcodes, isClosed()]).toEqual([[CLOSE_OPCODE], true]);
  });

  it("stays while the backend sends pings", async () => {
    const { 0: client, 1: server } = new WebSocketPair();
    const { stream, isClosed } = backend(IDLE_MS / 4);
    const relaying = relay(server, stream, IDLE_MS);
    const { socket, ended } = new Client(client);
    // The time of the first WebSocket is over when one without pings that came later is closed.
    const { 0: silentClient, 1: silentServer } = new WebSocketPair();
    const silent = relay(silentServer, backend(null).stream, IDLE_MS);
    await new Client(silentClient).ended;
    await silent;
    expect(isClosed()).toBe(false);
    socket.close(1000);
    stream.close();
    await ended;
    await relaying;
  });
});

describe.each(["a connection of its own", "the pool"])("a WebSocket over %s", (way) => {
  let bindings: Env;
  beforeAll(() => {
    usePoolOf(inject("bundleText"));
    bindings = way === "the pool" ? (env as Env) : {};
  });

  function ask(path: string, more: Record<string, string> = {}): Promise<Response> {
    const { fetch } = createWorker(inject("bundleText")).worker;
    if (fetch === undefined) throw new Error("a worker has a fetch handler");
    const headers = { upgrade: "websocket", "sec-websocket-key": "Y2xpZW50cyBvd24gb25lIQ==", ...more };
    const request = new Request<unknown, IncomingRequestCfProperties>(`http://good.example.com${path}`, { headers });
    return Promise.resolve(fetch(request, bindings, createExecutionContext()));
  }

  async function open(path: string, more?: Record<string, string>): Promise<Client> {
    const { webSocket, status } = await ask(path, more);
    if (webSocket === null) throw new Error(`no WebSocket: ${status}`);
    return new Client(webSocket);
  }

  it("echoes text and binary messages, in order and of any length", async () => {
    const client = await open("/ws/echo");
    const bytes = new Uint8Array(200_000).map((_, index) => index % 251);
    for (const message of ["caf\u00e9 \u65e5", "", bytes.slice(0, 126), bytes]) {
      client.socket.send(message);
      const echoed = await client.next();
      expect(typeof echoed === "string" ? echoed : new Uint8Array(echoed)).toEqual(message);
    }
    client.socket.close(1000);
  });

  it("opens with a key of its own and no extension, and passes the subprotocol and every other field", async () => {
    const response = await ask("/ws/seen", {
      "sec-websocket-protocol": "chat, other",
      "sec-websocket-extensions": "permessage-deflate",
      "x-own": "1",
    });
    expect([response.status, response.headers.get("sec-websocket-protocol")]).toEqual([101, "chat"]);
    if (response.webSocket === null) throw new Error("no WebSocket");
    const seen = JSON.parse((await new Client(response.webSocket).next()) as string) as Record<string, string>;
    expect(seen).toMatchObject({ "x-own": "1", upgrade: "websocket", "sec-websocket-version": "13" });
    expect(seen["sec-websocket-key"]).not.toBe("Y2xpZW50cyBvd24gb25lIQ==");
    expect(seen).not.toHaveProperty("sec-websocket-extensions");
  });

  it("answers the backend's pings, and joins fragments", async () => {
    expect(await (await open("/ws/ping")).next()).toBe("pong beat");
    expect(await (await open("/ws/fragments")).next()).toBe("in three parts");
  });

  it("passes a Close on, both ways", async () => {
    expect(await (await open("/ws/close")).ended).toEqual({ code: 4001, reason: "enough" });
    const client = await open("/ws/echo");
    const reason = `enough of ${way}`;
    client.socket.close(4002, reason);
    expect(await client.ended).toEqual({ code: 4002, reason });
    const { controlPort } = inject("fixtures");
    const closed = async (): Promise<Ended[]> => (await fetch(`http://127.0.0.1:${controlPort}/closed`)).json();
    // workerd answers the client before the backend has.
    await expect.poll(closed).toContainEqual({ code: 4002, reason });
  });

  it.each([
    ["/ws/cut", 1014],
    ["/ws/terminate", 1014],
    ["/ws/garbage", 1014],
    [`/ws/big?bytes=${MAX_MESSAGE_BYTES + 1}`, 1009],
  ])("tells the client of what broke: %s", async (path, code) => {
    expect(await (await open(path)).ended).toMatchObject({ code });
  });

  it("carries the longest message, and closes when more waits for the backend than it may", async () => {
    const longest = await (await open(`/ws/big?bytes=${MAX_MESSAGE_BYTES}`)).next();
    expect(typeof longest === "string" ? 0 : longest.byteLength).toBe(MAX_MESSAGE_BYTES);
    const stuck = await open("/ws/stuck");
    // The bytes that the sockets between the two take do not wait.
    for (let sent = 0; sent < 4 * MAX_WAITING_BYTES; sent += 1 << 20) stuck.socket.send(new Uint8Array(1 << 20));
    expect(await stuck.ended).toMatchObject({ code: 1013 });
  });

  it.each(["bad-accept", "bad-extension", "bad-protocol"])("refuses a handshake: %s", async (fault) => {
    const response = await ask(`/ws/${fault}`);
    expect([response.status, await response.json()]).toEqual([
      502,
      expect.objectContaining({ code: "http-protocol-error" }),
    ]);
  });

  it("passes on that the backend refuses", async () => {
    const refused = await ask("/ws/refuse");
    expect([refused.status, await refused.text()]).toEqual([403, "no"]);
  });
});

class Client {
  readonly socket: WebSocket;
  readonly ended: Promise<Ended>;
  readonly #messages: (string | ArrayBuffer)[] = [];
  #wake: (() => void) | null = null;

  constructor(socket: WebSocket) {
    this.socket = socket;
    socket.accept();
    socket.binaryType = "arraybuffer";
    socket.addEventListener("message", ({ data }) => {
      this.#messages.push(data);
      this.#wake?.();
    });
    this.ended = new Promise((resolve) =>
      socket.addEventListener("close", ({ code, reason }) => resolve({ code, reason })),
    );
  }

  async next(): Promise<string | ArrayBuffer> {
    for (;;) {
      const message = this.#messages.shift();
      if (message !== undefined) return message;
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }
}
