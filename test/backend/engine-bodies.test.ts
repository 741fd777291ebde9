/** Bodies of requests and responses in the engine: held back, cancelled, broken off, and of known, small length. */
import { createServer } from "node:net";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openPlain } from "../../src/backend/engine/handshake.ts";
import type { ExchangeResponse } from "../../src/backend/exchange.ts";
import type { ByteStream } from "../../src/backend/runtime.ts";
import { listen } from "../support/listen.ts";
import { mintCa, mintLeaf, type Minted } from "../support/pki.ts";
import { settled } from "../support/settled.ts";
import { BIG_BYTES, dial, tlsBackend, TLS_VARIANTS, type Backend } from "./fixtures/backend.ts";
import { connectionOf, get, newConfig, newInstance, open, SNI, streamOf, text } from "./fixtures/client.ts";

const instance = newInstance();
let backend: Backend;

beforeAll(async () => {
  const leaf: Minted = await mintLeaf({ issuer: await mintCa({ name: "fault test" }), dns: [SNI] });
  backend = await tlsBackend({ leaf });
});
afterAll(() => backend.close());

describe.each(TLS_VARIANTS)("$alpn over TLS $tls", ({ alpn, tls }) => {
  const only = () => newConfig(instance, { alpn: [alpn], minVersion: tls, maxVersion: tls });

  test("a slow reader holds back a large body", async () => {
    const stream = await dial(backend.port);
    const connection = connectionOf(await open(only(), stream));
    const response = await connection.request(get("/big"), null);
    const reader = streamOf(response).getReader();
    const first = await reader.read();
    expect(await settled(() => stream.receivedBytes)).toBeLessThan(1_200_000);
    let total = first.value?.length ?? 0;
    for (let { done, value } = await reader.read(); !done; { done, value } = await reader.read())
      total += value?.length ?? 0;
    expect(total).toBe(BIG_BYTES);
    connection.close();
  });

  test("a reader's own buffer is filled", async () => {
    const connection = connectionOf(await open(only(), await dial(backend.port)));
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
    const connection = connectionOf(await open(only(), await dial(backend.port)));
    const response = await connection.request(get("/never"), null);
    const resets = backend.seen.resets;
    await streamOf(response).cancel();
    await expect.poll(() => backend.seen.resets).toBe(resets + 1);
    expect(connection.inflight).toBe(0);
    expect(connection.alive).toBe(alpn === "h2");
    if (alpn === "h2") expect(await text(await connection.request(get("/after"), null))).toContain("/after");
    connection.close();
  });

  test("aborting before the head rejects the request", async () => {
    const connection = connectionOf(await open(only(), await dial(backend.port)));
    const controller = new AbortController();
    const silent = new ReadableStream<Uint8Array>();
    const before = backend.seen.requests.length;
    const asked = connection.request(get("/echo", "POST"), silent, { signal: controller.signal });
    await expect.poll(() => backend.seen.requests).toHaveLength(before + 1);
    controller.abort();
    await expect(asked).rejects.toMatchObject({ code: "cancelled", sent: "maybe" });
    connection.close();
  });

  test("a request body that fails cancels the request", async () => {
    const connection = connectionOf(await open(only(), await dial(backend.port)));
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

test("closing does not wait for a peer that reads nothing", async () => {
  const server = createServer((socket) => {
    socket.on("error", () => undefined);
    socket.pause();
  });
  const stream = await dial(await listen(server));
  const connection = connectionOf(openPlain(instance, stream, { protocol: "http/1.1" }));
  let pulled = 0;
  const body = new ReadableStream<Uint8Array>({
    pull(controller) {
      pulled += 65_536;
      controller.enqueue(new Uint8Array(65_536));
    },
  });
  const asked = connection.request(get("/", "POST"), body);
  expect(await settled(() => pulled)).toBeGreaterThan(0);
  connection.close();
  await expect(asked).rejects.toMatchObject({ code: "cancelled", sent: "maybe" });
  await connection.closed;
  server.close();
});

describe("a response's body of known, small length", () => {
  const HEAD = "HTTP/1.1 200 OK\r\ncontent-length: 8\r\n\r\n";
  const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);

  /** The response to a request when the stream gives these reads after it, of which one may wait, and then ends. */
  function answer(...reads: (string | Promise<string>)[]): Promise<ExchangeResponse> {
    const written = Promise.withResolvers<void>();
    const stream: ByteStream = {
      async read() {
        await written.promise;
        const next = await reads.shift();
        return next === undefined ? null : bytesOf(next);
      },
      write: async () => written.resolve(),
      close: () => undefined,
    };
    return connectionOf(openPlain(newInstance(), stream, { protocol: "http/1.1" })).request(get("/"), null);
  }

  test("that comes soon after its head is handed over with it, as bytes", async () => {
    const { body, trailers } = await answer(HEAD, "over", "seas");
    expect(body).toEqual(bytesOf("overseas"));
    expect(trailers).toBeNull();
  });

  test("that comes later does not hold its head back", async () => {
    const later = Promise.withResolvers<string>();
    const reader = streamOf(await answer(HEAD, "over", later.promise)).getReader();
    expect(await reader.read()).toEqual({ done: false, value: bytesOf("over") });
    later.resolve("seas");
    expect(await reader.read()).toEqual({ done: false, value: bytesOf("seas") });
    expect(await reader.read()).toMatchObject({ done: true });
  });

  test("that breaks off before its head is handed over fails as a whole", async () => {
    const broken = { code: "response-incomplete", afterHead: true, sent: "maybe" };
    await expect(answer(HEAD, "over")).rejects.toMatchObject(broken);
  });

  test("that breaks off later fails where it does", async () => {
    const later = Promise.withResolvers<string>();
    const reader = streamOf(await answer(HEAD, "over", later.promise)).getReader();
    expect(await reader.read()).toMatchObject({ value: bytesOf("over") });
    later.reject(new Error("reset"));
    await expect(reader.read()).rejects.toMatchObject({ code: "peer-truncated" });
  });
});
