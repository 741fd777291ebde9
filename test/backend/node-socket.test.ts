/** nodeDial against real sockets: the bytes, the end, the break, and a peer that is held back. */
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { createServer, type Server, Socket } from "node:net";
import { Readable } from "node:stream";
import { setImmediate as turn } from "node:timers/promises";
import { afterEach, expect, test } from "vitest";
import type { ByteStream } from "../../src/backend/runtime.ts";
import { nodeDial } from "../../src/host/node/socket.ts";
import { listen } from "../support/listen.ts";
import { pause } from "../support/pause.ts";
import { settled } from "../support/settled.ts";

let server: Server | undefined;
afterEach(() => void server?.close());

async function dialled(serve: (socket: Socket) => void): Promise<ByteStream> {
  server = createServer((socket) => {
    socket.on("error", () => undefined);
    serve(socket);
  });
  return nodeDial({ host: "127.0.0.1", port: await listen(server) }, new AbortController().signal);
}

/** Bytes whose values differ by their place. */
function pattern(length: number): Buffer {
  const bytes = Buffer.alloc(length);
  for (let at = 0; at < length; at++) bytes[at] = (at * 7 + (at >>> 8)) & 0xff;
  return bytes;
}

async function readAll(stream: ByteStream, between: () => Promise<unknown> | undefined): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for (let bytes = await stream.read(); bytes !== null; bytes = await stream.read()) {
    await between();
    // The bytes are copied after the pause: the view must still hold them.
    chunks.push(Buffer.from(bytes));
  }
  return Buffer.concat(chunks);
}

test.each([
  ["at once", () => undefined],
  ["a turn of the loop later", () => new Promise((resolve) => void setImmediate(resolve))],
  ["late", () => pause(2, "the time between two reads is what the test varies")],
])("a view keeps its bytes until the next read, which comes %s", async (_, between) => {
  const sent = pattern(3_000_001);
  const stream = await dialled((socket) => socket.end(sent));
  await pause(20, "bytes that wait in the kernel, unread, have no event");
  expect((await readAll(stream, between)).equals(sent)).toBe(true);
  expect(await stream.read()).toBeNull();
  stream.close();
});

test("a peer whose bytes nobody reads is held back", async () => {
  let written = 0;
  const chunk = Buffer.alloc(64 * 1024);
  const stream = await dialled((socket) => {
    const more = (): void => {
      do written += chunk.length;
      while (socket.write(chunk));
      socket.once("drain", more);
    };
    more();
  });
  const before = await settled(() => written);
  for (let taken = 0; taken < 2 * before;) taken += (await stream.read())?.length ?? Number.NaN;
  expect(written).toBeGreaterThan(2 * before - chunk.length);
  stream.close();
});

test("bytes are the caller's again once they are written", async () => {
  let peer: Socket | undefined;
  const stream = await dialled((socket) => (peer = socket.pause()));
  const buffer = new Uint8Array(10_000);
  let written = 0;
  const upload = (async () => {
    for (; written < 2_000; written++) await stream.write(buffer.fill(written % 251));
    stream.close();
  })();
  await settled(() => written);
  // The peer reads nothing, so the writes wait.
  expect(written).toBeLessThan(2_000);
  const received = Buffer.concat(await (peer?.resume() ?? Readable.from([])).toArray());
  await upload;
  expect(received.length).toBe(2_000 * buffer.length);
  expect(received.findIndex((byte, at) => byte !== Math.floor(at / buffer.length) % 251)).toBe(-1);
});

test("a broken connection rejects, after what came before", async () => {
  let peer: Socket | undefined;
  const stream = await dialled((socket) => void (peer = socket).write("last words"));
  expect(Buffer.from((await stream.read()) ?? []).toString()).toBe("last words");
  peer?.resetAndDestroy();
  await expect(stream.read()).rejects.toThrow("ECONNRESET");
  stream.close();
});

test("closing answers a waiting read", async () => {
  const stream = await dialled(() => undefined);
  const read = stream.read();
  stream.close();
  expect(await read).toBeNull();
});

test("closing does not wait for the last bytes that a peer does not take", async () => {
  const made: Socket[] = [];
  const note = (message: unknown): void => {
    if (message instanceof Object && "socket" in message && message.socket instanceof Socket) made.push(message.socket);
  };
  subscribe("net.client.socket", note);
  const stream = await dialled((socket) => void socket.pause());
  unsubscribe("net.client.socket", note);
  const [socket] = made;
  if (socket === undefined) throw new Error("no socket");
  // The loop ends when the kernel has no room left, so that Node itself keeps the last bytes.
  for (; socket.writableLength === 0; await turn()) void stream.write(new Uint8Array(1_000));
  expect(socket.writableNeedDrain).toBe(false);
  stream.close();
  await expect.poll(() => socket.destroyed).toBe(true);
});
