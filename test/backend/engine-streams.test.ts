/** Byte streams that break under a connection of the engine: each fault has its code, and nothing hangs. */
import { setImmediate as turn } from "node:timers/promises";
import { createServer } from "node:net";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openPlain } from "../../src/backend/engine/handshake.ts";
import { ConnectionError } from "../../src/backend/engine/errors.ts";
import type { ByteStream } from "../../src/backend/runtime.ts";
import { listen } from "../support/listen.ts";
import { mintCa, mintLeaf, type Minted } from "../support/pki.ts";
import { dial, tlsBackend, TLS_VARIANTS, type Backend, type Distortion } from "./fixtures/backend.ts";
import { connectionOf, get, newConfig, newInstance, open, SNI, streamOf, text } from "./fixtures/client.ts";

const instance = newInstance();
const config = newConfig(instance);
let leaf: Minted;
let backend: Backend;

beforeAll(async () => {
  leaf = await mintLeaf({ issuer: await mintCa({ name: "fault test" }), dns: [SNI] });
  backend = await tlsBackend({ leaf });
});
afterAll(() => backend.close());

describe.each(TLS_VARIANTS)("$alpn over TLS $tls", ({ alpn, tls }) => {
  const only = () => newConfig(instance, { alpn: [alpn], minVersion: tls, maxVersion: tls });

  test("one byte at a time", async () => {
    const connection = connectionOf(await open(only(), await dial(backend.port, { pieceBytes: 1 })));
    expect(await text(await connection.request(get("/slow"), null))).toContain("/slow");
    connection.close();
  });

  test("cut at any byte: never a whole response, always an end", async () => {
    const exchange = async (distortion: Distortion) => {
      const stream = await dial(backend.port, distortion);
      // Each exchange has a configuration of its own, so that every handshake is a full one of the same size.
      const fresh = only();
      try {
        const opened = await open(fresh, stream);
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
    // The tests of wasm/ cut at every byte. Here every seventh does, which is no divisor of a record's size.
    const step = 7;
    expect(received).toBeGreaterThan(500);
    for (let cut = 0; cut < received - 40; cut += step) {
      const { outcome } = await exchange({ cutAfterBytes: cut });
      expect(["peer-truncated", "response-incomplete", "peer-closed", "whole"], `cut ${cut}`).toContain(outcome);
      if (outcome === "whole") expect(cut, "only what follows the response may miss").toBeGreaterThan(received / 2);
    }
  });

  test.each([1, 17, 30])("a flipped byte in a record, %i bytes before its end, is fatal", async (back) => {
    let armed = false;
    const tamper = (received: Uint8Array) => {
      const at = received.length - back;
      if (armed && at > 5) received[at] = (received[at] ?? 0) ^ 1;
    };
    const connection = connectionOf(await open(only(), await dial(backend.port, { tamper })));
    await text(await connection.request(get("/x"), null));
    armed = true;
    const failed = connection.request(get("/y"), null).then(text);
    await expect(failed).rejects.toMatchObject({ code: "tls-protocol" });
    await connection.closed;
    expect(connection.alive).toBe(false);
  });

  test("close in the middle of a body", async () => {
    const connection = connectionOf(await open(only(), await dial(backend.port)));
    // The body may break before the head is handed over, or after that.
    await expect(connection.request(get("/cut"), null).then(text)).rejects.toMatchObject({
      code: expect.stringMatching(/peer-truncated|response-incomplete|http2-protocol|stream-reset|going-away/),
      sent: "maybe",
    });
    // On HTTP/2, Node resets the stream and keeps the connection.
    connection.close();
    await connection.closed;
    await expect(connection.request(get("/x"), null)).rejects.toMatchObject({ sent: "nothing" });
  });
});

/** A stream that gives these reads, each in a turn of the event loop of its own, and then ends. */
function streamOfReads(...reads: (Uint8Array | Error)[]): ByteStream {
  return {
    async read() {
      await turn();
      const next = reads.shift() ?? null;
      if (next instanceof Error) throw next;
      return next;
    },
    write: async () => undefined,
    close: () => undefined,
  };
}

test.each([
  ["in order", []],
  ["by a reset", [new Error("reset")]],
])("a response is whole although its connection ends %s before all of it is read", async (_, ending) => {
  const size = 500_000;
  const head = `HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: ${size}\r\n\r\n`;
  let total = 0;
  let readAtEnd: number | null = null;
  const inner = streamOfReads(new TextEncoder().encode(head), new Uint8Array(size), ...ending);
  const read = async (): Promise<Uint8Array | null> => {
    const bytes = await inner.read().catch((error: unknown) => {
      readAtEnd = total;
      throw error;
    });
    if (bytes === null) readAtEnd ??= total;
    return bytes;
  };
  const connection = connectionOf(openPlain(instance, { ...inner, read }, { protocol: "http/1.1" }));
  const response = await connection.request(get("/"), null);
  const reader = streamOf(response).getReader();
  for (let each = await reader.read(); !each.done; each = await reader.read()) {
    total += each.value.length;
    await turn();
  }
  expect([readAtEnd, total]).toEqual([expect.any(Number), size]);
  expect(readAtEnd).toBeLessThan(size);
  expect(await response.trailers).toEqual([]);
  await connection.closed;
});

test("a plaintext response until close is lost when the transport breaks", async () => {
  const stream = streamOfReads(new TextEncoder().encode("HTTP/1.1 200 OK\r\n\r\nhalf"), new Error("reset"));
  const connection = connectionOf(openPlain(instance, stream, { protocol: "http/1.1" }));
  const response = await connection.request(get("/"), null);
  await expect(text(response)).rejects.toMatchObject({ code: "peer-truncated", sent: "maybe" });
});

test.each([
  ["HTTP", "HTTP/1.1 400 Bad Request\r\n\r\n", "tls-protocol", "broken"],
  ["zeros", "\0\0\0\0\0\0\0", "tls-protocol", "broken"],
  ["half a record", "\u0016\u0003\u0003\u0000\u007a\u0002\u0000\u0000", "peer-truncated", "broken"],
  ["an alert", "\u0015\u0003\u0003\u0000\u0002\u0002\u0028", "tls-alert", "failed"],
  ["nothing", "", "peer-truncated", "failed"],
] as const)("%s instead of TLS", async (_, greeting, code, kind) => {
  const server = createServer((socket) => {
    socket.on("error", () => undefined);
    socket.end(Buffer.from(greeting, "latin1"));
  });
  const opened = await open(config, await dial(await listen(server)));
  expect(opened).toMatchObject({ kind, error: { code, alert: code === "tls-alert" ? 40 : null } });
  server.close();
});

test("no common version is an alert from the server", async () => {
  const old = await tlsBackend({ leaf, version: "TLSv1.2" });
  const opened = await open(newConfig(instance, { minVersion: "1.3" }), await dial(old.port));
  expect(opened).toMatchObject({ kind: "failed", error: { code: "tls-alert", alert: 70 } });
  await old.close();
});
