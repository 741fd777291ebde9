/** A client's connection in the module: what leaves, in which order, and what is freed, whatever the client does. */
import { beforeEach, describe, expect, it } from "vitest";
import { Instance } from "../../src/backend/engine/instance.ts";
import type { ClientSocket, RefusedBytes } from "../../src/backend/engine/served-client.ts";
import { ServedConnection } from "../../src/backend/engine/served-connection.ts";
import type { ServedRequest } from "../../src/backend/engine/served-request.ts";
import type { ExchangeResponse } from "../../src/backend/exchange.ts";
import { nodeRuntime } from "../../src/host/node/runtime.ts";

const runtime = nodeRuntime();
const GET = "GET /a HTTP/1.1\r\nHost: h\r\n\r\n";
const LONG_BYTES = 300_000;

/** A socket whose peer takes bytes only while it is told to. */
class TestSocket implements ClientSocket {
  written = "";
  isEnded = false;
  isPaused = false;
  takes = true;

  write(bytes: Uint8Array): boolean {
    this.written += Buffer.from(bytes).toString("latin1");
    return this.takes;
  }

  pause(): void {
    this.isPaused = true;
  }

  resume(): void {
    this.isPaused = false;
  }

  end(): void {
    this.isEnded = true;
  }
}

let instance: Instance;
let socket: TestSocket;
let connection: ServedConnection;
let requests: ServedRequest[];
let refused: RefusedBytes[];
let over: number;

beforeEach(() => {
  instance = new Instance(runtime);
  socket = new TestSocket();
  [requests, refused, over] = [[], [], 0];
  connection = new ServedConnection(
    instance,
    socket,
    {
      onRequest(request) {
        request.hooks = { onOver: () => over++ };
        requests.push(request);
      },
      onRefused(bytes) {
        refused.push(bytes);
        return Buffer.from("HTTP/1.1 400 No\r\n\r\n");
      },
      onIdle: () => undefined,
    },
    "http/1.1",
  );
});

const receive = (text: string): void => connection.received(Buffer.from(text, "latin1"));

/** The request number `index`, counted from the last one backwards. */
function request(index = -1): ServedRequest {
  const found = requests.at(index);
  if (found === undefined) throw new RangeError("no such request");
  return found;
}

const answer = (more: Partial<ExchangeResponse> = {}): ExchangeResponse => ({
  status: 200,
  headers: [],
  body: null,
  trailers: null,
  upgrade: null,
  ...more,
});

/** Resolves after what was scheduled has run. */
const soon = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));

describe("a response", () => {
  it("leaves in one write with a small body", () => {
    receive(GET);
    request().respond(answer({ headers: [["date", "x"]], body: new Uint8Array([0x68, 0x69]) }), false);
    expect(socket.written).toBe("HTTP/1.1 200 OK\r\ndate: x\r\ncontent-length: 2\r\n\r\nhi");
    expect([over, connection.endReason]).toEqual([1, null]);
  });

  it("is over for the host only when a slow client has taken it, also where the connection closes with it", async () => {
    receive(GET);
    socket.takes = false;
    const headers = [["content-length", `${LONG_BYTES}`]] as const;
    request().respond(answer({ headers, body: new Uint8Array(LONG_BYTES) }), true);
    await soon();
    expect([over, socket.isEnded]).toEqual([0, false]);
    const turns = Math.ceil(LONG_BYTES / 1_000);
    for (let turn = 0; turn < turns && !socket.isEnded; turn++) {
      connection.writable();
      await soon();
    }
    expect([over, socket.isEnded, request().signal.aborted]).toEqual([1, true, false]);
    expect(socket.written.split("\r\n\r\n").at(1)?.length).toBe(LONG_BYTES);
    expect(instance.connections).toBe(0);
  });

  it("that its client does not take frees everything when the client leaves", async () => {
    receive(GET);
    socket.takes = false;
    request().respond(answer({ body: new Uint8Array(LONG_BYTES) }), false);
    await soon();
    connection.broken();
    expect([over, request().signal.aborted, instance.connections]).toEqual([1, true, 0]);
  });

  it("with a value that is no bytes ends the connection, and nothing else", () => {
    receive(GET);
    request().respond(answer({ headers: [["x", "\u{1F600}"]] }), false);
    expect([socket.written, socket.isEnded, over, instance.connections]).toEqual(["", true, 1, 0]);
  });

  it("is given once", () => {
    receive(GET);
    for (const status of [200, 500]) request().respond(answer({ status }), false);
    expect(socket.written.match(/HTTP\/1\.1/g)).toHaveLength(1);
  });
});

describe("requests", () => {
  it("follow one another though they come together, and the socket waits meanwhile", async () => {
    receive(GET.repeat(3));
    expect([requests.length, socket.isPaused]).toEqual([1, true]);
    for (const count of [2, 3]) {
      request().respond(answer(), false);
      await soon();
      expect(requests).toHaveLength(count);
    }
    request().respond(answer(), false);
    expect([over, socket.isPaused]).toEqual([3, false]);
  });

  it("that are none are refused behind the answers before them", async () => {
    receive(`${GET}BROKEN\n`);
    request().respond(answer(), false);
    await soon();
    expect(refused).toMatchObject([{ kind: "malformed", isInBody: false }]);
    expect(socket.written).toMatch(/^HTTP\/1\.1 200 .*HTTP\/1\.1 400 No/s);
    expect([socket.isEnded, instance.connections]).toEqual([true, 0]);
  });

  it("whose body breaks fail, and are answered by the refusal", async () => {
    receive("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n");
    expect(refused).toMatchObject([{ kind: "malformed", isInBody: true }]);
    await expect(request().body?.getReader().read()).rejects.toThrow("chunk size");
    expect([socket.written, over, instance.connections]).toEqual(["HTTP/1.1 400 No\r\n\r\n", 1, 0]);
  });

  it("whose body nobody reads are answered, and the next one comes", async () => {
    receive(`POST / HTTP/1.1\r\nHost: h\r\nContent-Length: ${LONG_BYTES}\r\n\r\n`);
    receive("x".repeat(LONG_BYTES));
    expect(socket.isPaused).toBe(true);
    request().respond(answer({ status: 413 }), false);
    for (let turn = 0; turn < 100 && socket.isPaused; turn++) await soon();
    receive(GET);
    expect([requests.length, socket.isPaused]).toEqual([2, false]);
  });
});

it("is not idle while a part of a head has come", async () => {
  receive(`${GET}GET /`);
  request().respond(answer(), false);
  await soon();
  expect(connection.release()).toBe(false);
  receive("b HTTP/1.1\r\nHost: h\r\n\r\n");
  request().respond(answer(), false);
  expect([requests.length, connection.release()]).toEqual([2, true]);
});

it("ends without the module when that has died, as its requests do", async () => {
  receive(GET);
  expect(() => instance.call(() => WebAssembly.Module.exports(undefined as never).length)).toThrow("engine-trapped");
  await soon();
  expect([over, request().signal.aborted, socket.isEnded, instance.connections]).toEqual([1, true, true, 0]);
});
