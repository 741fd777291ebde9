/** `lasthop serve`'s server: a compiled bundle on Node, in front of real TLS backends. */
import { once } from "node:events";
import { get, request } from "node:http";
import { connect as connectHttp2, constants } from "node:http2";
import { connect, type Socket } from "node:net";
import { text } from "node:stream/consumers";
import { setImmediate } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { compile } from "../../src/compile/index.ts";
import type { AccessRecord } from "../../src/gateway/access-log.ts";
import { nodeRuntime } from "../../src/host/node/runtime.ts";
import { bindPort } from "../../src/host/node/bound-port.ts";
import { FRONT_LIMITS, type FrontLimits } from "../../src/host/node/limits.ts";
import { serve, type Serving } from "../../src/host/node/serve.ts";
import { clusterYaml } from "../last-hop/cluster.ts";
import { type Seen, seenBy } from "../last-hop/seen.ts";
import { startServers } from "../last-hop/servers.ts";
import { serveInOneInstance } from "../support/serve-client.ts";

describe("a bundle on Node", () => {
  let servers: Awaited<ReturnType<typeof startServers>>;
  const runtime = nodeRuntime();
  const log: AccessRecord[] = [];
  const open: Serving[] = [];
  beforeAll(async () => {
    servers = await startServers();
  });
  afterEach(async () => {
    for (const serving of open.splice(0)) await serving.close();
    log.length = 0;
  });
  afterAll(() => servers.close());

  const bundleText = (names: readonly string[]): string => {
    const { text, diagnostics } = compile([{ file: "cluster.yaml", text: clusterYaml(servers.fixtures, names) }], {
      allowLoopback: true,
    });
    if (text === null || diagnostics.length > 0) throw new Error(JSON.stringify(diagnostics));
    return text;
  };
  async function start(text: string, limits: Partial<FrontLimits> = {}): Promise<{ serving: Serving; port: number }> {
    const serving = await serve(text, {
      limits,
      runtime,
      address: "127.0.0.1",
      portMap: new Map([[80, 0]]),
      log: (record) => log.push(record),
    });
    open.push(serving);
    return { serving, port: serving.ports.get(80) ?? 0 };
  }
  const ask = (
    port: number,
    hostname: string,
    path: string,
    body?: string,
  ): Promise<{ status: number; text: string; headers: Record<string, unknown> }> =>
    new Promise((resolve, reject) => {
      const sent = request(
        {
          host: "127.0.0.1",
          port,
          path,
          headers: { host: hostname },
          method: body === undefined ? "GET" : "POST",
          agent: false,
        },
        (response) => {
          let text = "";
          response.setEncoding("utf8").on("data", (chunk: string) => (text += chunk));
          response.on("end", () => resolve({ status: response.statusCode ?? 0, text, headers: response.headers }));
          response.on("error", reject);
        },
      );
      sent.on("error", reject).end(body);
    });

  it("forwards, reuses the backend's connection, and refuses a bad chain with its code", async () => {
    const { port } = await start(bundleText(["good", "unknown-ca"]));
    const { connections } = await seen(servers, "good");
    for (let count = 0; count < 5; count++) expect((await ask(port, "good.example.com", "/")).status).toBe(200);
    expect((await seen(servers, "good")).connections - connections).toBe(1);
    const refused = await ask(port, "unknown-ca.example.com", "/");
    expect([refused.status, refused.headers["proxy-status"]]).toEqual([
      502,
      'lasthop; error=tls_certificate_error; details="unknown-ca"',
    ]);
    expect(log.at(-1)).toMatchObject({ code: "unknown-ca", status: 502 });
  });

  it("streams both ways", async () => {
    const { port } = await start(bundleText(["good"]));
    const body = "x".repeat(3 << 20);
    expect(JSON.parse((await ask(port, "good.example.com", "/upload", body)).text)).toMatchObject({
      bytes: body.length,
    });
    expect((await ask(port, "good.example.com", "/download?mb=5")).text.length).toBe(5 << 20);
  });

  it("answers 502 when the backend cuts a body whose head has not left", async () => {
    const { port } = await start(bundleText(["good"]));
    const { status, headers } = await ask(port, "good.example.com", "/cut");
    expect([status, headers["proxy-status"]]).toEqual([
      502,
      'lasthop; error=http_response_incomplete; details="response-incomplete"',
    ]);
  });

  it("frees the backend when the client leaves", async () => {
    const { port } = await start(bundleText(["good"]));
    const { open: before } = await seen(servers, "good");
    await new Promise<void>((resolve) => {
      const sent = get(
        { host: "127.0.0.1", port, path: "/download?mb=500", headers: { host: "good.example.com" }, agent: false },
        (response) => {
          response.once("data", () => {
            sent.destroy();
            resolve();
          });
          response.on("error", () => undefined);
        },
      );
      sent.on("error", () => undefined);
    });
    await expect.poll(async () => (await seen(servers, "good")).open).toBe(before);
  });

  describe("a client that takes nothing of its response", () => {
    const LIMITS = { sendMs: 300, idleMs: 60_000 };
    const HEAD = { ":authority": "good.example.com" };

    it("is cut on HTTP/1.1, and its backend freed", async () => {
      const { port } = await start(bundleText(["good"]), LIMITS);
      const { open: before } = await seen(servers, "good");
      const socket = connect({ host: "127.0.0.1", port }).on("error", () => undefined);
      socket.write("GET /download?mb=500 HTTP/1.1\r\nhost: good.example.com\r\n\r\n");
      await expect.poll(async () => (await seen(servers, "good")).open).toBe(before + 1);
      await expect.poll(async () => (await seen(servers, "good")).open).toBe(before);
      socket.destroy();
    });

    it("has its stream reset on HTTP/2, and its backend freed", async () => {
      const { port } = await start(bundleText(["good"]), LIMITS);
      const { open: before } = await seen(servers, "good");
      const session = connectHttp2(`http://127.0.0.1:${port}`);
      const stream = session.request({ ...HEAD, ":path": "/download?mb=500" });
      await once(stream, "response");
      const closed = once(stream.pause(), "close");
      await expect.poll(async () => (await seen(servers, "good")).open).toBe(before + 1);
      await expect.poll(async () => (await seen(servers, "good")).open).toBe(before);
      await closed;
      expect(stream.rstCode).toBe(constants.NGHTTP2_CANCEL);
      const next = session.request({ ...HEAD, ":path": "/" }).resume();
      const [fields] = (await once(next, "response")) as [{ ":status": number }];
      expect(fields[":status"]).toBe(200);
      session.destroy();
    });

    it("is not taken for one that waits for a silent backend", async () => {
      const { port } = await start(bundleText(["good"]), LIMITS);
      const { open: before } = await seen(servers, "good");
      const [socket, session] = [connect({ host: "127.0.0.1", port }), connectHttp2(`http://127.0.0.1:${port}`)];
      socket.write("GET /stall HTTP/1.1\r\nhost: good.example.com\r\n\r\n");
      const stream = session.request({ ...HEAD, ":path": "/stall" }).resume();
      socket.resume();
      await expect.poll(async () => (await seen(servers, "good")).open).toBe(before + 2);
      // The time limit of both is over when a client that came after them is cut.
      const idle = connect({ host: "127.0.0.1", port }).on("error", () => undefined);
      idle.write("GET /download?mb=500 HTTP/1.1\r\nhost: good.example.com\r\n\r\n");
      await expect.poll(async () => (await seen(servers, "good")).open).toBe(before + 3);
      await expect.poll(async () => (await seen(servers, "good")).open).toBe(before + 2);
      expect([socket.closed, stream.closed]).toEqual([false, false]);
      for (const each of [socket, session, idle]) each.destroy();
    });
  });

  it("takes a client that ends its half for one that has left, though its backend is silent", async () => {
    const { port } = await start(bundleText(["good"]));
    const { open: before } = await seen(servers, "good");
    const socket = connect({ host: "127.0.0.1", port, allowHalfOpen: true });
    socket.write("GET /stall HTTP/1.1\r\nhost: good.example.com\r\n\r\n");
    await once(socket, "data");
    const closed = once(socket.end(), "close");
    await expect.poll(async () => (await seen(servers, "good")).open).toBe(before);
    await closed;
  });

  it("reloads: the next request sees the new bundle, one in flight finishes, a broken bundle changes nothing", async () => {
    const { serving, port } = await start(bundleText(["good"]));
    const slow = ask(port, "good.example.com", "/download?mb=30");
    await expect.poll(() => log.length).toBe(1);
    await serving.reload(bundleText(["unknown-ca"]));
    expect((await ask(port, "good.example.com", "/")).status).toBe(404);
    expect((await slow).text.length).toBe(30 << 20);
    await expect(serving.reload("{}")).rejects.toThrow("format");
    expect((await ask(port, "unknown-ca.example.com", "/")).status).toBe(502);
  });

  it("answers what is in flight before it stops", async () => {
    const { serving, port } = await start(bundleText(["good"]));
    const slow = ask(port, "good.example.com", "/download?mb=30");
    await expect.poll(() => log.length).toBe(1);
    await serving.close();
    expect((await slow).text.length).toBe(30 << 20);
    await expect(ask(port, "good.example.com", "/")).rejects.toThrow("ECONNREFUSED");
  });

  it("passes on an answer that comes before the upload has ended", async () => {
    const { port } = await start(bundleText(["good"]));
    const early = await ask(port, "good.example.com", "/early", "x".repeat(8 << 20));
    expect([early.status, early.text]).toEqual([413, "too much"]);
  });

  describe("HTTP/2 with prior knowledge", () => {
    // RFC 9113 §3.4: the preface, and an empty SETTINGS frame.
    const HELLO = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0", "latin1");
    const dial = async (port: number): Promise<Socket> => {
      const socket = connect({ port, host: "127.0.0.1", noDelay: true });
      await once(socket, "connect");
      return socket;
    };

    it("is served beside HTTP/1.1", async () => {
      const { port } = await start(bundleText(["good"]));
      const session = connectHttp2(`http://127.0.0.1:${port}`);
      const stream = session.request({
        ":path": "/upload",
        ":authority": "good.example.com",
        ":method": "POST",
      });
      stream.end("an upload");
      const [headers] = (await once(stream, "response")) as [Record<string, unknown>];
      expect(headers[":status"]).toBe(200);
      expect(JSON.parse(await text(stream))).toMatchObject({ bytes: 9 });
      session.close();
      expect((await ask(port, "good.example.com", "/", "PRI")).status).toBe(200);
    });

    it("is seen in a preface that comes byte by byte", async () => {
      const { port } = await start(bundleText(["good"]));
      const socket = await dial(port);
      for (const byte of HELLO) {
        socket.write(Buffer.of(byte));
        await setImmediate();
      }
      const [answer] = (await once(socket, "data")) as [Buffer];
      // The fourth byte of a frame is its type; SETTINGS has 4.
      expect(answer.subarray(3, 4)).toEqual(Buffer.of(4));
      socket.destroy();
    });

    it.each(["PRI * HTTP/1.1", "PUT / HTTP/1.1"])("is not seen in %s, which begins like its preface", async (line) => {
      const { port } = await start(bundleText(["good"]));
      const socket = await dial(port);
      socket.write(line.slice(0, 1));
      await setImmediate();
      socket.write(`${line.slice(1)}\r\nHost: good.example.com\r\nContent-Length: 0\r\n\r\n`);
      const [answer] = (await once(socket, "data")) as [Buffer];
      expect(String(answer)).toMatch(/^HTTP\/1\.1 (?:400 Bad Request|200 OK)\r\n/);
      socket.destroy();
    });

    it("does not wait long for the rest of a preface, nor stops for it", async () => {
      const { serving, port } = await start(bundleText(["good"]), { headersMs: 100 });
      const slow = await dial(port);
      slow.write(HELLO.subarray(0, 10));
      expect(await text(slow)).toMatch(/^HTTP\/1\.1 408 /);
      const silent = await dial(port);
      silent.on("error", () => undefined).resume();
      await Promise.all([serving.close(), once(silent, "close")]);
    });
  });

  it("listens on after a connection that could not be accepted", async () => {
    const warned = once(process, "warning");
    const limits = { ...FRONT_LIMITS, maxConnections: 1 };
    const at = { address: "127.0.0.1", bind: 0, port: 80, tls: null, limits };
    const handle = (): never => expect.unreachable();
    const answering = { gateway: { handle, refuse: handle } };
    const boundPort = await bindPort({
      ...at,
      answering,
      serveClient: serveInOneInstance,
    });
    // The kernel cannot be made to run out of memory. Node reports it by this event.
    boundPort.server.emit("error", new Error("accept ENOMEM"));
    expect(String(await warned)).toContain("port 80: a client's connection failed before it began: accept ENOMEM");
    expect(boundPort.server.listening).toBe(true);
    await boundPort.close();
  });

  it("binds nothing for a bundle that is refused", async () => {
    await expect(start("{}")).rejects.toThrow("format");
  });
});

const seen = ({ fixtures }: Awaited<ReturnType<typeof startServers>>, server: string): Promise<Seen> =>
  seenBy(fixtures.controlPort, server);
