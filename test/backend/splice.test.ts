/** Responses that go from a backend's connection to a client's inside the module: whole, in order, in bounds, or not at all. */
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { createServer, type Server, type Socket } from "node:net";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Exchange } from "../../src/backend/engine/exchange.ts";
import { openPlain } from "../../src/backend/engine/handshake.ts";
import { Instance } from "../../src/backend/engine/instance.ts";
import type { RequestOptions } from "../../src/backend/engine/request.ts";
import type { ClientSocket } from "../../src/backend/engine/served-client.ts";
import { ServedConnection } from "../../src/backend/engine/served-connection.ts";
import { nodeRuntime } from "../../src/host/node/runtime.ts";
import { listen } from "../support/listen.ts";
import { pause } from "../support/pause.ts";
import { dial } from "./fixtures/backend.ts";
import { connectionOf, get } from "./fixtures/client.ts";

const runtime = nodeRuntime();
const REQUEST = Buffer.from("GET /a HTTP/1.1\r\nHost: h\r\nTE: trailers\r\n\r\n");
const BODY = randomBytes(3_000_000);
const LENGTH = `HTTP/1.1 200 OK\r\nContent-Length: ${BODY.length}\r\n\r\n`;

/** A client's socket, which takes what is written at once, or only when it is told to. */
class TestSocket implements ClientSocket {
  readonly pieces: Buffer[] = [];
  takes = true;
  isEnded = false;

  write(bytes: Uint8Array): boolean {
    this.pieces.push(Buffer.from(bytes));
    return this.takes;
  }

  pause(): void {}

  resume(): void {}

  end(): void {
    this.isEnded = true;
  }

  get received(): Buffer {
    return Buffer.concat(this.pieces);
  }
}

let server: Server;
let backend: Promise<Socket>;
let port: number;
let socket: TestSocket;
let client: ServedConnection;

beforeEach(async () => {
  const connected = Promise.withResolvers<Socket>();
  backend = connected.promise;
  server = createServer((accepted) => {
    accepted.on("error", () => undefined);
    accepted.once("data", () => connected.resolve(accepted));
  });
  port = await listen(server);
  socket = new TestSocket();
});
afterEach(async () => {
  vi.restoreAllMocks();
  client.broken();
  (await backend).destroy();
  server.close();
});

/** Sends a client's request on to the backend, and its response back to the client. */
async function forward(
  options: RequestOptions & { isElsewhere?: boolean; start?: string | Buffer } = {},
): Promise<void> {
  const { isElsewhere = false, start = "", ...more } = options;
  const instance = new Instance(runtime);
  const instanceOfBackend = isElsewhere ? new Instance(runtime) : instance;
  const connection = connectionOf(openPlain(instanceOfBackend, await dial(port), { protocol: "http/1.1" }));
  const answered = Promise.withResolvers<void>();
  client = new ServedConnection(
    instance,
    socket,
    {
      onRequest(request) {
        const response = connection.request(get("/a"), null, { ...more, signal: request.signal });
        void response.then((exchange) => {
          request.respond(exchange, false);
          answered.resolve();
        });
      },
      onRefused: () => expect.unreachable(),
      onIdle: () => undefined,
    },
    "http/1.1",
  );
  client.received(REQUEST);
  (await backend).write(start);
  await answered.promise;
}

const bodyOf = (bytes: Buffer): Buffer => bytes.subarray(bytes.indexOf("\r\n\r\n") + 4);

it.each([false, true])(
  "a long body is whole and in order (its backend in another instance: %s)",
  async (isElsewhere) => {
    const take = vi.spyOn(Exchange.prototype, "take");
    await forward({ isElsewhere, start: LENGTH });
    (await backend).write(BODY);
    await expect.poll(() => bodyOf(socket.received).length).toBe(BODY.length);
    expect(bodyOf(socket.received).equals(BODY)).toBe(true);
    const read = take.mock.results.filter(({ value }) => (value as { kind: string }).kind === "data").length;
    // In one instance nothing of the body but its start comes to TypeScript.
    if (isElsewhere) expect(read).toBeGreaterThan(10);
    else expect(read).toBeLessThan(4);
  },
);

it("a client that takes nothing stops its backend, and gets all of it later", async () => {
  socket.takes = false;
  await forward({ start: LENGTH });
  const from = await backend;
  from.end(BODY);
  await pause(300, "No event tells that nothing more is taken from the backend.");
  expect(socket.received.length).toBeLessThan(200_000);
  for (let round = 0; round < 3_000 && bodyOf(socket.received).length < BODY.length; round++) {
    client.writable();
    await pause(1, "The engine acts between two writes.");
  }
  // The backend had closed its connection long before.
  expect(bodyOf(socket.received).equals(BODY)).toBe(true);
  await expect.poll(() => client.endReason).toBeNull();
});

it("a client that leaves frees its backend", async () => {
  socket.takes = false;
  await forward({ start: LENGTH });
  const from = await backend;
  from.write(BODY);
  const closed = once(from.resume(), "close");
  client.broken();
  await closed;
});

describe("a backend", () => {
  it("that breaks off ends its client's connection, and the body is not whole", async () => {
    await forward({ start: LENGTH });
    (await backend).end(BODY.subarray(0, 1_000_000));
    await expect.poll(() => socket.isEnded).toBe(true);
    expect(bodyOf(socket.received).length).toBeLessThan(BODY.length);
  });

  it("that falls silent is given up, though bytes came before", async () => {
    await forward({ start: LENGTH, bodyIdleMs: 600 });
    const from = await backend;
    for (let count = 0; count < 4; count++) {
      from.write(BODY.subarray(0, 10_000));
      await pause(250, "The backend sends, and is silent for less than the limit.");
    }
    expect(socket.isEnded).toBe(false);
    await expect.poll(() => socket.isEnded, { timeout: 3_000 }).toBe(true);
  });

  it("that waits for its client is not taken for a silent one", async () => {
    socket.takes = false;
    await forward({ start: LENGTH, bodyIdleMs: 300 });
    (await backend).write(BODY);
    await pause(1_200, "The limit would have passed several times.");
    expect(client.endReason).toBeNull();
  });

  it("is held to the limit for its whole response", async () => {
    const limit = { ms: 400, to: "end" } as const;
    await forward({ start: LENGTH, limit });
    (await backend).write(BODY.subarray(0, 10_000));
    await expect.poll(() => socket.isEnded, { timeout: 3_000 }).toBe(true);
  });

  it("has its trailers passed on, but for forbidden ones", async () => {
    const chunk = (bytes: Buffer): Buffer =>
      Buffer.concat([Buffer.from(`${bytes.length.toString(16)}\r\n`), bytes, Buffer.from("\r\n")]);
    await forward({
      start: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: x-sum, content-length\r\n\r\n5\r\nstart\r\n",
    });
    const from = await backend;
    from.write(chunk(Buffer.alloc(200_000, "x")));
    await pause(50, "The trailers come after the body was passed on.");
    from.write("0\r\nx-sum: abc\r\ncontent-length: 7\r\n\r\n");
    await expect.poll(() => socket.received.subarray(-40).toString("latin1")).toContain("\r\n0\r\nx-sum: abc\r\n\r\n");
    expect(socket.received.toString("latin1")).not.toContain("content-length: 7");
    expect(socket.isEnded).toBe(false);
  });
});
