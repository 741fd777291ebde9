/** Peers and networks that break: each fault has its code, and nothing hangs. */
import { createServer } from "node:net";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openPlain } from "../../src/backend/engine/handshake.ts";
import { ConnectionError } from "../../src/backend/engine/errors.ts";
import type { ByteStream } from "../../src/backend/runtime.ts";
import { nodeAead } from "../../src/host/node-crypto.ts";
import { mintCa, mintLeaf, type Minted } from "../support/pki.ts";
import { BIG_BYTES, dial, distorted, portOf, tlsBackend, type Backend, type Distortion } from "./fixtures/backend.ts";
import { bytes, connectionOf, get, newConfig, newEngine, open, REFUSED, streamOf, text } from "./fixtures/client.ts";

const engine = newEngine();
const config = newConfig(engine);
let leaf: Minted;
let backend: Backend;

beforeAll(async () => {
  leaf = await mintLeaf({ issuer: await mintCa({ name: "fault test" }), dns: ["backend.internal"] });
  backend = await tlsBackend({ leaf });
});

afterAll(() => backend.close());

const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));
const VARIANTS = [
  { alpn: "h2", tls: "1.3" },
  { alpn: "h2", tls: "1.2" },
  { alpn: "http/1.1", tls: "1.3" },
  { alpn: "http/1.1", tls: "1.2" },
] as const;

describe.each(VARIANTS)("$alpn over TLS $tls", ({ alpn, tls }) => {
  const only = () => newConfig(engine, { alpn: [alpn], minVersion: tls, maxVersion: tls });

  test("one byte at a time", async () => {
    const connection = connectionOf(await open(engine, only(), await dial(backend.port, { pieceBytes: 1 })));
    expect(await text(await connection.request(get("/slow"), null))).toContain("/slow");
    connection.close();
  });

  test("cut at every byte: never a whole response, always an end", async () => {
    const exchange = async (distortion: Distortion) => {
      const stream = await dial(backend.port, distortion);
      // A configuration each, so that every handshake is a full one of the same size.
      const fresh = only();
      try {
        const opened = await open(engine, fresh, stream);
        if (opened.kind !== "open")
          return { outcome: opened.kind === "refused" ? "refused" : opened.error.code, received: stream.receivedBytes };
        try {
          const response = await opened.connection.request(get("/x"), null);
          const whole = (await text(response)) !== "";
          return { outcome: whole ? "whole" : "empty", received: stream.receivedBytes };
        } catch (error) {
          if (!(error instanceof ConnectionError)) throw error;
          return { outcome: error.code, received: stream.receivedBytes };
        } finally {
          opened.connection.close();
        }
      } finally {
        fresh.free();
      }
    };
    const { received } = await exchange({});
    const step = 7; // Every byte is what wasm/'s own tests do; here a co-prime of the record sizes, from each end.
    for (let cut = 0; cut < received - 40; cut += step) {
      const { outcome } = await exchange({ cutAfterBytes: cut });
      expect(["peer-truncated", "response-incomplete", "peer-closed", "whole"], `cut ${cut}`).toContain(outcome);
      if (outcome === "whole") expect(cut, "only what follows the response may miss").toBeGreaterThan(received / 2);
    }
  });

  test("a flipped byte in a record is fatal", async () => {
    for (const back of [1, 17, 30]) {
      let armed = false;
      const tamper = (received: Uint8Array) => {
        const at = received.length - back;
        if (armed && at > 5) received[at] = (received[at] ?? 0) ^ 1;
      };
      const connection = connectionOf(await open(engine, only(), await dial(backend.port, { tamper })));
      await text(await connection.request(get("/x"), null));
      await pause(10);
      armed = true;
      const failed = connection.request(get("/y"), null).then(text);
      await expect(failed).rejects.toMatchObject({ code: "tls-protocol" });
      await connection.closed;
      expect(connection.alive).toBe(false);
    }
  });

  test("close in the middle of a body", async () => {
    const connection = connectionOf(await open(engine, only(), await dial(backend.port)));
    // Before its head is handed over, or after.
    await expect(connection.request(get("/cut"), null).then(text)).rejects.toMatchObject({
      code: expect.stringMatching(/peer-truncated|response-incomplete|http2-protocol|stream-reset|going-away/),
      sent: "maybe",
    });
    connection.close(); // Node resets the stream on HTTP/2 and keeps the connection.
    await connection.closed;
    await expect(connection.request(get("/x"), null)).rejects.toMatchObject({ sent: "nothing" });
  });

  test("a slow reader holds back a large body", async () => {
    const stream = await dial(backend.port);
    const connection = connectionOf(await open(engine, only(), stream));
    const response = await connection.request(get("/big"), null);
    const reader = streamOf(response).getReader();
    const first = await reader.read();
    // What can flow has when the count stands still: on a loaded machine that takes its time.
    let held = stream.receivedBytes;
    for (let still = 0; still < 3; still++) {
      await pause(100);
      if (stream.receivedBytes !== held) still = -1;
      held = stream.receivedBytes;
    }
    expect(held).toBeLessThan(1_200_000);
    let total = first.value?.length ?? 0;
    for (let { done, value } = await reader.read(); !done; { done, value } = await reader.read())
      total += value?.length ?? 0;
    expect(total).toBe(BIG_BYTES);
    connection.close();
  });

  test("a reader's own buffer is filled", async () => {
    const connection = connectionOf(await open(engine, only(), await dial(backend.port)));
    const response = await connection.request(get("/big"), null);
    const reader = streamOf(response).getReader({ mode: "byob" });
    let total = 0;
    for (let buffer = new Uint8Array(10_007); ;) {
      const { done, value } = await reader.read(buffer);
      if (done || value === undefined) break;
      expect(value.every((byte) => byte === 7)).toBe(true);
      total += value.length;
      buffer = new Uint8Array(value.buffer);
    }
    expect(total).toBe(BIG_BYTES);
    connection.close();
  });

  test("cancelling ends the request: a reset on h2, the connection on h1", async () => {
    const connection = connectionOf(await open(engine, only(), await dial(backend.port)));
    const response = await connection.request(get("/never"), null);
    const resets = backend.seen.resets;
    await streamOf(response).cancel();
    await pause(40);
    expect(backend.seen.resets).toBe(resets + 1);
    expect(connection.inflight).toBe(0);
    expect(connection.alive).toBe(alpn === "h2");
    if (alpn === "h2") expect(await text(await connection.request(get("/after"), null))).toContain("/after");
    connection.close();
  });

  test("aborting before the head rejects the request", async () => {
    const connection = connectionOf(await open(engine, only(), await dial(backend.port)));
    const controller = new AbortController();
    const body = new ReadableStream<Uint8Array>({ pull: () => pause(1000) });
    const asked = connection.request(get("/echo", "POST"), body, { signal: controller.signal });
    await pause(20);
    controller.abort();
    await expect(asked).rejects.toMatchObject({ code: "cancelled", sent: "maybe" });
    connection.close();
  });

  test("a request body that fails cancels the request", async () => {
    const connection = connectionOf(await open(engine, only(), await dial(backend.port)));
    const body = new ReadableStream<Uint8Array>({
      pull: (controller) => controller.error(new Error("the client left")),
    });
    await expect(connection.request(get("/echo", "POST"), body)).rejects.toMatchObject({
      code: "request-body",
      sent: "maybe",
    });
    connection.close();
  });
});

test.each([
  ["in order", null],
  ["by a reset", new Error("reset")],
])("a whole response is whole although its connection ended %s before it was read", async (_, ending) => {
  const size = 500_000;
  const head = `HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: ${size}\r\n\r\n`;
  const reads: (Uint8Array | Error | null)[] = [new TextEncoder().encode(head), new Uint8Array(size), ending];
  const stream: ByteStream = {
    read: async () => {
      const next = reads.shift() ?? null;
      await pause(2);
      if (next instanceof Error) throw next;
      return next;
    },
    write: async () => undefined,
    close: () => undefined,
  };
  const connection = connectionOf(openPlain(engine, stream, { protocol: "http/1.1" }));
  const response = await connection.request(get("/"), null);
  await pause(20);
  const reader = streamOf(response).getReader();
  let total = 0;
  for (let read = await reader.read(); !read.done; read = await reader.read()) {
    total += read.value.length;
    await pause(1);
  }
  expect(total).toBe(size);
  expect(await response.trailers).toEqual([]);
  await connection.closed;
});

test("many connections and faults leave the instance as small as it was", async () => {
  const { instance } = engine;
  const round = async () => {
    const fresh = newConfig(engine);
    await open(engine, fresh, await dial(backend.port, { cutAfterBytes: 300 }));
    await open(engine, fresh, await dial(backend.port), () => REFUSED);
    const connection = connectionOf(await open(engine, newConfig(engine), await dial(backend.port)));
    await streamOf(await connection.request(get("/never"), null)).cancel();
    await text(await connection.request(get("/x"), null));
    connection.close();
    await connection.closed;
    fresh.free();
  };
  for (let at = 0; at < 20; at++) await round();
  const before = instance.memoryBytes;
  for (let at = 0; at < 100; at++) await round();
  expect(instance.memoryBytes - before).toBeLessThanOrEqual(1 << 20);
});

test("garbage instead of TLS, and a silent close", async () => {
  for (const [greeting, code, kind] of [
    ["HTTP/1.1 400 Bad Request\r\n\r\n", "tls-protocol", "broken"],
    ["\0\0\0\0\0\0\0", "tls-protocol", "broken"],
    ["\u0016\u0003\u0003\u0000\u007a\u0002\u0000\u0000", "peer-truncated", "broken"],
    ["\u0015\u0003\u0003\u0000\u0002\u0002\u0028", "tls-alert", "failed"],
    ["", "peer-truncated", "failed"],
  ] as const) {
    const server = createServer((socket) => {
      socket.on("error", () => undefined);
      socket.end(Buffer.from(greeting, "latin1"));
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const opened = await open(engine, config, await dial(portOf(server)));
    expect(opened).toMatchObject({ kind, error: { code, alert: code === "tls-alert" ? 40 : null } });
    server.close();
  }
});

test("no common version is an alert from the server", async () => {
  const old = await tlsBackend({ leaf, version: "TLSv1.2" });
  const opened = await open(engine, newConfig(engine, { minVersion: "1.3" }), await dial(old.port));
  expect(opened).toMatchObject({ kind: "failed", error: { code: "tls-alert", alert: 70 } });
  await old.close();
});

test("a plaintext response until close is lost when the transport breaks", async () => {
  const reads: (Uint8Array | Error)[] = [new TextEncoder().encode("HTTP/1.1 200 OK\r\n\r\nhalf"), new Error("reset")];
  const stream: ByteStream = {
    read: async () => {
      const next = reads.shift();
      await pause(5);
      if (next instanceof Error) throw next;
      return next ?? null;
    },
    write: async () => undefined,
    close: () => undefined,
  };
  const connection = connectionOf(openPlain(engine, distorted(stream, {}), { protocol: "http/1.1" }));
  const response = await connection.request(get("/"), null);
  await expect(text(response)).rejects.toMatchObject({ code: "peer-truncated", sent: "maybe" });
});

test("closing does not wait for a peer that reads nothing", async () => {
  const server = createServer((socket) => {
    socket.on("error", () => undefined);
    socket.pause();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const stream = await dial(portOf(server));
  const connection = connectionOf(openPlain(engine, stream, { protocol: "http/1.1" }));
  let pulled = 0;
  const body = new ReadableStream<Uint8Array>({
    pull(controller) {
      pulled += 65_536;
      controller.enqueue(new Uint8Array(65_536));
    },
  });
  const asked = connection.request(get("/", "POST"), body);
  await pause(150);
  const held = pulled;
  await pause(50);
  expect(pulled, "the upload stopped").toBe(held);
  connection.close();
  await expect(asked).rejects.toMatchObject({ code: "cancelled", sent: "maybe" });
  await connection.closed;
  server.close();
});

test("many concurrent requests share one HTTP/2 connection", async () => {
  const connection = connectionOf(await open(engine, newConfig(engine, { alpn: ["h2"] }), await dial(backend.port)));
  await text(await connection.request(get("/warm"), null));
  const { maxConcurrent } = connection;
  const answers = await Promise.all(
    Array.from({ length: maxConcurrent }, (_, at) => connection.request(get(`/n/${at}`), null).then(text)),
  );
  expect(answers.every((answer, at) => answer.includes(`/n/${at} `))).toBe(true);
  const all = Array.from({ length: maxConcurrent + 1 }, (_, at) =>
    connection.request(get(`/n/${at}`), null).then(text),
  );
  const [busy] = (await Promise.allSettled(all)).filter(({ status }) => status === "rejected");
  expect(busy).toMatchObject({ reason: { code: "busy", sent: "nothing" } });
  connection.close();
});

test("a trap kills the engine and its connections, and nothing else", async () => {
  let broken = false;
  const fragile = newEngine({
    randomFill: (buffer) => {
      if (broken) throw new Error("no randomness");
      crypto.getRandomValues(buffer);
    },
  });
  const fragileConfig = newConfig(fragile);
  const connection = connectionOf(await open(fragile, fragileConfig, await dial(backend.port)));
  const pending = connection.request(get("/never"), null).then(bytes);
  const bystander = connectionOf(await open(engine, config, await dial(backend.port)));
  await pause(20);
  broken = true;
  expect(fragile.dead).toBe(false);
  const opened = await open(fragile, fragileConfig, await dial(backend.port));
  expect(opened).toMatchObject({ kind: "failed", error: { code: "engine-trapped" } });
  expect(fragile.dead).toBe(true);
  await expect(pending).rejects.toMatchObject({ code: "engine-trapped", sent: "maybe" });
  await connection.closed;
  expect(connection.alive).toBe(false);
  await expect(connection.request(get("/x"), null)).rejects.toMatchObject({ code: "engine-trapped" });
  expect(() => newConfig(fragile)).toThrow(expect.objectContaining({ code: "engine-trapped" }));
  expect((await bystander.request(get("/x"), null)).status).toBe(200);
  bystander.close();
});

test("a host cipher that breaks ends the connection", async () => {
  const aead = nodeAead();
  let broken = false;
  const faulty = newEngine({
    aead: () => ({
      ...aead,
      open: (...args) => {
        if (broken) throw new Error("cipher broke");
        return aead.open(...args);
      },
    }),
  });
  const connection = connectionOf(await open(faulty, newConfig(faulty), await dial(backend.port)));
  await text(await connection.request(get("/x"), null));
  broken = true;
  await expect(connection.request(get("/big"), null).then(text)).rejects.toMatchObject({ code: "tls-protocol" });
  expect(faulty.dead).toBe(false);
});
