/** The engine against real Node servers: every protocol it speaks. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Connection } from "../../src/backend/engine/connection.ts";
import { openPlain } from "../../src/backend/engine/handshake.ts";
import { mintCa, mintLeaf, type Minted } from "../support/pki.ts";
import { settled } from "../support/settled.ts";
import { dial, h2cBackend, plainBackend, tlsBackend, type Backend } from "./fixtures/backend.ts";
import { accept, connectionOf, get, newConfig, newInstance, open, SNI, text } from "./fixtures/client.ts";

let ca: Minted;
const leaves: Partial<Record<string, Minted>> = {};
const backends: Backend[] = [];

beforeAll(async () => {
  ca = await mintCa({ name: "engine test" });
  leaves["ec"] = await mintLeaf({ issuer: ca, dns: [SNI] });
  leaves["rsa"] = await mintLeaf({ issuer: ca, dns: [SNI], keyType: "rsa-2048" });
});

afterAll(async () => {
  await Promise.all(backends.map((backend) => backend.close()));
});

function leaf(key: "ec" | "rsa"): Minted {
  const minted = leaves[key];
  if (minted === undefined) throw new Error("not minted");
  return minted;
}

async function started(backend: Promise<Backend>): Promise<Backend> {
  backends.push(await backend);
  return backend;
}

const ENGINES = [
  { cipher: "host AES", instance: newInstance() },
  { cipher: "no host cipher", instance: newInstance({ aead: null }) },
];

describe.each(ENGINES)("$cipher", ({ instance }) => {
  describe.each([
    { tls: "1.2", key: "ec" },
    { tls: "1.2", key: "rsa" },
    { tls: "1.3", key: "ec" },
    { tls: "1.3", key: "rsa" },
  ] as const)("TLS $tls, $key leaf", ({ tls, key }) => {
    test.each(["h2", "http/1.1"] as const)("%s: new, then resumed", async (alpn) => {
      const backend = await started(tlsBackend({ leaf: leaf(key), version: `TLSv${tls}` }));
      const config = newConfig(instance, { alpn: [alpn] });
      for (const resumed of [false, true]) {
        const stream = await dial(backend.port);
        const presented: Uint8Array[][] = [];
        const opened = await open(config, stream, (chain) => {
          presented.push([...chain.chain]);
          expect(chain).toMatchObject({ sni: SNI, tlsVersion: tls, alpn, resumed });
          return accept(chain);
        });
        const connection = connectionOf(opened);
        expect(connection).toMatchObject({ protocol: alpn, alive: true, inflight: 0 });
        expect(connection.security).toMatchObject({ kind: "tls", version: tls, resumed });
        const response = await connection.request(get("/hello"), null);
        expect(response.status).toBe(200);
        expect(await text(response)).toBe(`GET /hello ${alpn === "h2" ? "2.0" : "1.1"}`);
        expect((await response.trailers) ?? []).toEqual([]);
        expect(presented.map((chain) => Buffer.from(chain[0] ?? []).equals(leaf(key).der))).toEqual([true]);
        // The connection carries a second request.
        expect(await text(await connection.request(get("/again"), null))).toContain("/again");
        connection.close();
        await connection.closed;
        expect(stream.closed).toBe(true);
        expect(connection.alive).toBe(false);
      }
      // Node knows no name of a resumed TLS 1.2 session.
      expect(backend.seen.sni[0]).toBe(SNI);
      config.free();
    });
  });

  test("the configuration's first cipher is used, whatever the host has", async () => {
    const backend = await started(tlsBackend({ leaf: leaf("ec"), clientsOrder: true }));
    const config = newConfig(instance, { ciphers: ["chacha20-poly1305", "aes-gcm"] });
    const connection = connectionOf(await open(config, await dial(backend.port)));
    const TLS_CHACHA20_POLY1305_SHA256 = 0x1303;
    expect(connection.security).toMatchObject({ kind: "tls", cipherSuite: TLS_CHACHA20_POLY1305_SHA256 });
    connection.close();
  });
});

const instance = newInstance();

async function connectionTo(kind: "h2" | "http/1.1" | "h2c" | "plain"): Promise<Connection> {
  if (kind === "h2c" || kind === "plain") {
    const backend = await started(kind === "h2c" ? h2cBackend() : plainBackend());
    const opened = openPlain(instance, await dial(backend.port), { protocol: kind === "h2c" ? "h2c" : "http/1.1" });
    return connectionOf(opened);
  }
  const backend = await started(tlsBackend({ leaf: leaf("ec") }));
  return connectionOf(await open(newConfig(instance, { alpn: [kind] }), await dial(backend.port)));
}

describe.each(["h2", "http/1.1", "h2c", "plain"] as const)("%s", (kind) => {
  test("GET, and what the connection says of itself", async () => {
    const connection = await connectionTo(kind);
    expect(connection.protocol).toBe(kind === "plain" ? "http/1.1" : kind);
    expect(connection.security.kind).toBe(kind === "h2" || kind === "http/1.1" ? "tls" : "plaintext");
    expect(await text(await connection.request(get("/x"), null))).toContain("GET /x");
    connection.close();
  });

  test("streamed POST with trailers both ways", async () => {
    const connection = await connectionTo(kind);
    const pieces = Array.from({ length: 40 }, (_, at) => new Uint8Array(20_000).fill(at));
    const body = new ReadableStream<Uint8Array>({
      async pull(controller) {
        await new Promise((resolve) => setImmediate(resolve));
        const piece = pieces.shift();
        if (piece === undefined) controller.close();
        else controller.enqueue(piece);
      },
    });
    const head = {
      ...get("/echo", "POST"),
      headers: [
        ["te", "trailers"],
        ["trailer", "x-up"],
      ] as const,
    };
    const response = await connection.request(head, body, { trailers: () => [["x-up", "yes"]] });
    expect(await text(response)).toBe("800000");
    const sum = Array.from({ length: 40 }, (_, at) => at * 20_000).reduce((a, b) => a + b) % 65_536;
    expect(await response.trailers).toEqual([["x-sum", String(sum)]]);
    expect(new Map(response.headers).get("x-trailers")).toBe('{"x-up":"yes"}');
    connection.close();
  });

  test("a small body given as bytes is one write with its head, and has a length", async () => {
    const backend = await started(
      kind === "h2c" ? h2cBackend() : kind === "plain" ? plainBackend() : tlsBackend({ leaf: leaf("ec") }),
    );
    const stream = await dial(backend.port);
    const connection = connectionOf(
      kind === "h2c" || kind === "plain"
        ? openPlain(instance, stream, { protocol: kind === "h2c" ? "h2c" : "http/1.1" })
        : await open(newConfig(instance, { alpn: [kind] }), stream),
    );
    await text(await connection.request(get("/first"), null));
    // Acknowledgements of HTTP/2 are writes too.
    const before = await settled(() => stream.writes);
    const answered = connection.request(get("/echo", "POST"), new Uint8Array(100));
    const response = await answered;
    expect(await text(response)).toBe("100");
    expect(stream.writes - before).toBe(1);
    const streamed = new ReadableStream<Uint8Array>({
      start(controller) {
        controller.enqueue(new Uint8Array(50));
        controller.close();
      },
    });
    const again = stream.writes;
    expect(await text(await connection.request(get("/echo", "POST"), streamed))).toBe("50");
    expect(stream.writes - again).toBe(1);
    if (connection.protocol === "http/1.1") expect(new Map(response.headers).get("x-framing")).toBe("100");
    connection.close();
  });

  test("headers are bytes, and Host is the authority alone", async () => {
    const connection = await connectionTo(kind);
    const headers = [
      ["host", "evil.example"],
      ["x-caf", "caf\u00e9\u00ff"],
      ["connection", "x-drop"],
      ["keep-alive", "1"],
    ] as const;
    const response = await connection.request({ ...get("/headers"), headers }, null);
    expect(new Map(response.headers).get("x-bytes")).toBe("c\u00e9\u00ff");
    const seen: Record<string, string> = JSON.parse(await text(response));
    expect(seen["x-caf"]).toBe("caf\u00e9\u00ff");
    expect(seen["host"] ?? seen[":authority"]).toBe(SNI);
    expect(JSON.stringify(seen)).not.toContain("evil.example");
    if (kind === "h2" || kind === "h2c") expect(Object.keys(seen)).not.toContain("connection");
    expect(Object.keys(seen)).not.toContain("keep-alive");
    connection.close();
  });

  test.each([
    ["a line end in a field", { ...get("/"), headers: [["x", "a\r\nb: c"]] }, "bad-request"],
    ["a space in a field's name", { ...get("/"), headers: [["x y", "1"]] }, "bad-request"],
    ["a pseudo-field", { ...get("/"), headers: [[":path", "/"]] }, "bad-request"],
    ["a character that is no byte", { ...get("/"), headers: [["x", "\u0100"]] }, "bad-request"],
    ["a target in absolute form", get("http://elsewhere/"), "bad-request"],
    ["a line end in its target", get("/ HTTP/1.1\r\nx: y"), "bad-request"],
    ["CONNECT", get("/", "CONNECT"), "bad-request"],
    ["a space in its method", get("/", "BAD METHOD"), "bad-request"],
    ["a space in its authority", { ...get("/"), authority: "a b" }, "bad-request"],
    ["fields that are too long", { ...get("/"), headers: [["x", "y".repeat(70_000)]] }, "too-large"],
  ] as const)("a request with %s is refused, and the connection stays", async (_, head, code) => {
    const connection = await connectionTo(kind);
    await expect(connection.request(head, null)).rejects.toMatchObject({ code, sent: "nothing" });
    expect((await connection.request(get("/"), null)).status).toBe(200);
    connection.close();
  });
});

test("a handshake goes on while another connection of the engine is busy in the same tick", async () => {
  const backend = await started(tlsBackend({ leaf: leaf("ec") }));
  const busy = connectionOf(await open(newConfig(instance), await dial(backend.port)));
  const asked: Promise<unknown>[] = [];
  const stream = await dial(backend.port);
  const read = async (): Promise<Uint8Array | null> => {
    const bytes = await stream.read();
    const askAgain = async (): Promise<void> => {
      for (let turn = 0; turn < 10; turn++) {
        asked.push(busy.request(get("/x"), null).then(text));
        await Promise.resolve();
      }
    };
    queueMicrotask(() => void askAgain());
    return bytes;
  };
  const write = (bytes: Uint8Array): Promise<void> => stream.write(bytes);
  const opened = await open(newConfig(instance), { read, write, close: () => stream.close() });
  connectionOf(opened).close();
  await Promise.all(asked);
  busy.close();
});

test("informational responses come before the head", async () => {
  const connection = await connectionTo("http/1.1");
  const informed: number[] = [];
  const response = await connection.request(get("/hints"), null, {
    onInformational: (status) => informed.push(status),
  });
  expect(informed).toEqual([103]);
  expect(await text(response)).toBe("hinted");
  connection.close();
});

test("many concurrent requests share one HTTP/2 connection", async () => {
  const connection = connectionOf(
    await open(
      newConfig(instance, { alpn: ["h2"] }),
      await dial((await started(tlsBackend({ leaf: leaf("ec") }))).port),
    ),
  );
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

test.each(["http/1.1", "plain"] as const)("%s upgrade is a raw duplex", async (kind) => {
  const connection = await connectionTo(kind);
  const headers = [
    ["connection", "upgrade"],
    ["upgrade", "echo"],
  ] as const;
  const { status, upgrade } = await connection.request({ ...get("/ws"), headers }, null);
  expect(status).toBe(101);
  if (upgrade === null) throw new Error("no upgrade");
  expect(connection.ready).toBe(false);
  for (const size of [1, 5, 70_000, 300_000]) {
    const sent = crypto.getRandomValues(new Uint8Array(Math.min(size, 65_536)));
    await upgrade.write(sent);
    let received = Buffer.alloc(0);
    while (received.length < sent.length)
      received = Buffer.concat([received, (await upgrade.read()) ?? expect.fail("ended")]);
    expect(received.equals(sent)).toBe(true);
  }
  upgrade.close();
  await connection.closed;
  expect(await upgrade.read()).toBeNull();
});
