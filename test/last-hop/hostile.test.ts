/** Backends and clients that break the rules: what they can make the gateway say, keep open, or mix up. */
import { afterEach, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { type Backends, type BackendsOptions, createBackends } from "../../src/backend/backends.ts";
import type { Sent } from "../../src/backend/exchange.ts";
import type { ExchangeRequest } from "../../src/backend/exchange.ts";
import { plainRequest } from "../support/request.ts";
import { DialError, type Runtime } from "../../src/backend/runtime.ts";
import type { Bundle } from "../../src/bundle/types.ts";
import { nodeRuntime } from "../../src/host/node/runtime.ts";
import { type Minted, mintCa, mintLeaf } from "../support/pki.ts";
import { type Hostile, http2Backend, rawBackend, silentPort } from "./hostile-servers.ts";
import { bundleFor, SNI } from "./suite.ts";

const OK = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

describe("hostile", () => {
  const runtime = nodeRuntime();
  let root: Minted;
  let leaf: Minted;
  beforeAll(async () => {
    root = await mintCa({ name: "hostile root" });
    leaf = await mintLeaf({ issuer: root, dns: [SNI] });
  });
  const open: { close(): unknown }[] = [];
  afterEach(async () => {
    for (const each of open.splice(0)) await each.close();
  });

  const bundleTo = (port: number): Bundle => {
    const anchor = Buffer.from(root.der).toString("base64");
    const fixtures = { controlPort: 0, ports: { it: port }, anchor, anchorPem: "", goodNotAfterMs: 0, nowMs: 0 };
    return bundleFor(fixtures, "it", {});
  };
  function backendsOf(bundle: Bundle, options: Partial<BackendsOptions> = {}): Backends {
    const timeouts = { connectMs: 2_000, responseMs: 2_000 };
    const backends = createBackends({ bundle, runtime, timeouts, ...options });
    open.unshift(backends);
    return backends;
  }
  async function raw(...answer: Parameters<typeof rawBackend> extends [Minted, ...infer Rest] ? Rest : never) {
    const server: Hostile = await rawBackend(leaf, ...answer);
    open.push(server);
    return { server, backends: backendsOf(bundleTo(server.port)) };
  }
  const ask = (backends: Backends, more: Partial<ExchangeRequest> = {}, id = "test/backend:443"): Promise<Sent> =>
    backends.send(id, plainRequest(more));
  const textOf = async (sent: Sent): Promise<string> => {
    if (sent.kind !== "response") throw new Error(JSON.stringify(sent));
    return new Response(sent.response.body).text();
  };
  const failedWith = (code: string) => ({ kind: "failed", failure: { kind: "transport", code } });
  const body = (text: string): ReadableStream<Uint8Array> => new Blob([text]).stream();

  describe("a client", () => {
    it.each([
      ["without a body", [["content-length", "5"]], null],
      [
        "twice",
        [
          ["content-length", "4"],
          ["content-length", "5"],
        ],
        "abcd",
      ],
      ["as a list", [["content-length", "4, 5"]], "abcd"],
      ["that is no number", [["content-length", "+4"]], "abcd"],
      ["above what can be counted", [["content-length", "99999999999999999999"]], "abcd"],
    ] as const)("cannot smuggle by a content-length %s", async (_, headers, text) => {
      const { server, backends } = await raw((socket) => socket.write(OK));
      await textOf(await ask(backends));
      const before = server.received();
      const request = { method: "POST", headers, body: text === null ? null : body(text) };
      expect(await ask(backends, request)).toMatchObject(failedWith("bad-request"));
      expect(server.received()).toBe(before);
    });

    it.each([
      ["longer", "abcdef"],
      ["shorter", "abc"],
    ])("whose body is %s than its content-length sends no whole request, nor another behind it", async (_, text) => {
      const { server, backends } = await raw((socket, chunk) => {
        if (chunk.endsWith("abcd") || chunk.startsWith("GET")) socket.write(OK);
      });
      await textOf(await ask(backends));
      const request = { method: "POST", headers: [["content-length", "4"]], body: body(text) } as const;
      expect(await ask(backends, request)).toMatchObject(failedWith("request-body-failed"));
      expect(server.received()).not.toContain("abcd");
      await expect.poll(() => server.sockets.map(({ readableEnded }) => readableEnded)).toEqual([true]);
      expect(await textOf(await ask(backends))).toBe("ok");
    });

    it("whose body goes on after its content-length is heard no further", async () => {
      const { server, backends } = await raw((socket, chunk) => {
        if (chunk.startsWith("GET")) socket.write(OK);
      });
      const parts = ["abcd", "GET /smuggled HTTP/1.1\r\nhost: x\r\n\r\n"];
      const longer = new ReadableStream<Uint8Array>({
        async pull(controller) {
          const part = parts.shift();
          if (part === undefined) return controller.close();
          if (part !== "abcd") await expect.poll(() => server.received()).toContain("abcd");
          controller.enqueue(new TextEncoder().encode(part));
        },
      });
      const request = { method: "POST", headers: [["content-length", "4"]], body: longer } as const;
      expect(await ask(backends, request)).toMatchObject(failedWith("request-body-failed"));
      expect(await textOf(await ask(backends))).toBe("ok");
      expect(server.received()).not.toContain("smuggled");
      expect(server.sockets).toHaveLength(2);
    });

    it.each([
      ["longer", "abcdef"],
      ["shorter", "abc"],
    ])("whose body is %s than its content-length has its HTTP/2 stream reset, and no other", async (_, text) => {
      const ended: string[] = [];
      const server = await http2Backend(leaf, (stream, _session, number) => {
        let received = "";
        stream.on("data", (chunk: Buffer) => (received += chunk.toString()));
        stream.on("end", () => {
          if (stream.rstCode === 0) ended.push(received);
          if (!stream.destroyed) stream.respond({ ":status": 200 });
          if (!stream.destroyed) stream.end(`${number}`);
        });
      });
      open.push(server);
      const backends = backendsOf(bundleTo(server.port));
      expect(await textOf(await ask(backends))).toBe("1");
      const request = { method: "POST", headers: [["content-length", "4"]], body: body(text) } as const;
      expect(await ask(backends, request)).toMatchObject(failedWith("request-body-failed"));
      const whole = { ...request, body: body("abcd") };
      expect(await textOf(await ask(backends, whole))).toBe("1");
      expect(ended).toEqual(["", "abcd"]);
    });

    it("may say that there is no body", async () => {
      const { server, backends } = await raw((socket) => socket.write(OK));
      await textOf(await ask(backends, { method: "POST", headers: [["content-length", "0"]] }));
      expect(server.received()).toContain("content-length: 0\r\n");
    });

    it.each<[string, Partial<ExchangeRequest>, string]>([
      [
        "10,000 fields",
        { headers: Array.from({ length: 10_000 }, (_, index) => [`x-${index}`, "1"] as const) },
        "request-too-large",
      ],
      ["a long field", { headers: [["x", "a".repeat(70_000)]] }, "request-too-large"],
      ["a long target", { target: `/${"a".repeat(70_000)}` }, "request-too-large"],
      ["a line end in a field", { headers: [["x", "a\r\ny: b"]] }, "bad-request"],
      ["a space in a field's name", { headers: [["x y", "a"]] }, "bad-request"],
      ["CONNECT", { method: "CONNECT" }, "bad-request"],
      ["a space in its target", { target: "/a b" }, "bad-request"],
    ])("is told that its request is at fault: %s", async (_what, more, code) => {
      const { server, backends } = await raw((socket) => socket.write(OK));
      const unread = body("unread");
      expect(await ask(backends, { body: unread, ...more })).toMatchObject(failedWith(code));
      expect(unread.locked, "a body of a request that never started").toBe(false);
      expect(server.received()).toBe("");
    });

    it("that has left sends nothing on a pooled connection", async () => {
      const { server, backends } = await raw((socket) => socket.write(OK));
      await textOf(await ask(backends));
      expect(await ask(backends, { target: "/left", signal: AbortSignal.abort() })).toMatchObject(
        failedWith("client-gone"),
      );
      expect(server.received()).not.toContain("/left");
    });

    it.each(["the head", "the body"])("that leaves during %s closes the backend's connection", async (stage) => {
      const client = new AbortController();
      const { server, backends } = await raw((socket) => {
        if (stage === "the body") socket.write("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nok");
        setTimeout(() => client.abort(), 50);
      });
      const sent = await ask(backends, { signal: client.signal });
      if (stage === "the body") await expect(textOf(sent)).rejects.toThrow();
      else expect(sent).toMatchObject(failedWith("client-gone"));
      await expect.poll(() => server.sockets.map(({ readableEnded }) => readableEnded)).toEqual([true]);
    });

    it("may upload for longer than a backend may be silent", async () => {
      const { server } = await raw((socket, chunk) => chunk.includes("end") && socket.write(OK));
      const backends = backendsOf(bundleTo(server.port), { timeouts: { connectMs: 2_000, responseMs: 300 } });
      let chunks = 0;
      const slow = new ReadableStream<Uint8Array>({
        async pull(controller) {
          await pause(100);
          controller.enqueue(new TextEncoder().encode(++chunks === 6 ? "end" : "more"));
          if (chunks === 6) controller.close();
        },
      });
      expect(await textOf(await ask(backends, { method: "POST", body: slow }))).toBe("ok");
      expect(await ask(backends, { method: "POST", body: body("silence") })).toMatchObject(
        failedWith("response-timeout"),
      );
    });
  });

  describe("a backend", () => {
    it.each([
      ["a status above 599", "HTTP/1.1 600 No\r\ncontent-length: 2\r\n\r\nok"],
      ["a coding nobody asked for", "HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"],
      ["a coding that is not chunked", "HTTP/1.1 200 OK\r\ntransfer-encoding: xchunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"],
      [
        "both framings",
        `HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ncontent-length: 2\r\n\r\n2\r\nok\r\n0\r\n\r\n`,
      ],
      ["two lengths", "HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\nok"],
      ["a folded field", "HTTP/1.1 200 OK\r\nx: 1\r\n 2\r\ncontent-length: 2\r\n\r\nok"],
      ["an upgrade nobody asked for", "HTTP/1.1 101 Switching\r\nupgrade: x\r\nconnection: upgrade\r\n\r\nok"],
      ["too long a head", `HTTP/1.1 200 OK\r\nx: ${"a".repeat(100_000)}\r\n\r\n`],
    ])("that answers with %s broke HTTP, and its connection is closed", async (_, answer) => {
      const { server, backends } = await raw((socket) => socket.write(answer));
      expect(await ask(backends)).toMatchObject(failedWith("http-protocol-error"));
      await expect.poll(() => server.sockets.map(({ readableEnded }) => readableEnded)).toEqual([true]);
    });

    it.each([
      ["longer", "abcdef"],
      ["shorter", "abc"],
    ])("whose HTTP/2 response is %s than its content-length has not answered", async (_, text) => {
      const server = await http2Backend(leaf, (stream) => {
        stream.respond({ ":status": 200, "content-length": 4 });
        stream.end(text);
      });
      open.push(server);
      const sent = await ask(backendsOf(bundleTo(server.port)));
      await expect(textOf(sent)).rejects.toThrow();
    });

    it("whose response is shorter than its content-length has not answered, and its connection is not used", async () => {
      const { server, backends } = await raw((socket, _chunk, connection) => {
        if (connection > 1) socket.write(OK);
        else socket.end("HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nabc");
      });
      await expect(textOf(await ask(backends))).rejects.toThrow();
      expect(await textOf(await ask(backends))).toBe("ok");
      expect(server.sockets).toHaveLength(2);
    });

    it("cannot answer a request that it was not asked yet", async () => {
      const { server, backends } = await raw((socket) =>
        socket.write(`${OK}HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nevil`),
      );
      for (let asked = 0; asked < 3; asked++) expect(await textOf(await ask(backends))).toBe("ok");
      expect(server.sockets).toHaveLength(3);
    });

    it("that answers before the upload is over is heard, and the upload stops", async () => {
      const { backends } = await raw((socket) => {
        if (socket.bytesWritten === 0) socket.write("HTTP/1.1 413 No\r\ncontent-length: 2\r\n\r\nno");
      });
      let cancelled = false;
      const endless = new ReadableStream<Uint8Array>({
        async pull(controller) {
          await pause(1);
          controller.enqueue(new Uint8Array(1 << 16));
        },
        cancel: () => void (cancelled = true),
      });
      const sent = await ask(backends, { method: "POST", body: endless });
      expect(sent).toMatchObject({ kind: "response", response: { status: 413 } });
      expect(await textOf(sent)).toBe("no");
      await expect.poll(() => cancelled).toBe(true);
    });

    it("that sends GOAWAY finishes what is in flight while others go to a new connection", async () => {
      let finish: (() => void) | null = null;
      const server = await http2Backend(leaf, (stream, session, number) => {
        stream.respond({ ":status": 200 });
        if (number > 1) return void stream.end("second");
        session.goaway(0, stream.id);
        finish = () => void stream.end("first");
      });
      open.push(server);
      const backends = backendsOf(bundleTo(server.port));
      const first = await ask(backends);
      await pause(100); // GOAWAY follows the head.
      expect(await textOf(await ask(backends))).toBe("second");
      (finish as (() => void) | null)?.();
      expect(await textOf(first)).toBe("first");
    });

    it("that falls silent on a shared connection is not asked there again", async () => {
      const server = await http2Backend(leaf, (stream, _, number) => {
        if (number === 1) return;
        stream.respond({ ":status": 200 });
        stream.end("second");
      });
      open.push(server);
      const backends = backendsOf(bundleTo(server.port), { timeouts: { connectMs: 2_000, responseMs: 300 } });
      expect(await ask(backends)).toMatchObject(failedWith("response-timeout"));
      expect(await textOf(await ask(backends))).toBe("second");
      await expect.poll(() => server.sessions[0]?.closed).toBe(true);
    });

    it("does not keep connections that nobody uses", async () => {
      const server = await http2Backend(leaf, (stream) => {
        stream.respond({ ":status": 200 });
        stream.end("ok");
      });
      open.push(server);
      let nowMs = 0;
      const clocked = backendsOf(bundleTo(server.port), { runtime: { ...runtime, monotonicMs: () => nowMs } });
      await textOf(await ask(clocked));
      nowMs = 31_000;
      await textOf(await ask(clocked));
      expect(server.sessions).toHaveLength(2);
      await expect.poll(() => server.sessions[0]?.closed).toBe(true);
    });

    it.each(["its SYN", "its handshake"])("that does not answer %s is given up in time", async (stage) => {
      const silent = await silentPort();
      onTestFinished(() => silent.close());
      const { server } = await raw(() => undefined);
      const stalled: Runtime["dial"] = async (endpoint, signal) => {
        const stream = await runtime.dial(endpoint, signal);
        return { read: () => new Promise(() => undefined), write: async () => undefined, close: () => stream.close() };
      };
      const options = { timeouts: { connectMs: 300, responseMs: 300 } };
      const backends =
        stage === "its SYN"
          ? backendsOf(bundleTo(silent.port), options)
          : backendsOf(bundleTo(server.port), { ...options, runtime: { ...runtime, dial: stalled } });
      expect(await ask(backends)).toMatchObject(failedWith("connection-timeout"));
    });
  });

  it("takes a backend's endpoints in turn, whatever other backends are asked", async () => {
    const dialled: string[] = [];
    const dial: Runtime["dial"] = (endpoint) => {
      dialled.push(endpoint.host);
      return Promise.reject(new DialError("prohibited", "a test"));
    };
    const bundle = bundleTo(1);
    const [backend] = Object.values(bundle.backends);
    if (backend === undefined) throw new Error("unreachable");
    const at = (...hosts: string[]) => ({ ...backend, endpoints: hosts.map((name) => ({ host: name, port: 1 })) });
    const backends = backendsOf(
      { ...bundle, backends: { a: at("a1", "a2"), b: at("b1", "b2") } },
      { runtime: { ...runtime, dial } },
    );
    for (let asked = 0; asked < 4; asked++) for (const id of ["a", "b"]) await ask(backends, {}, id);
    expect(dialled.sort()).toEqual(["a1", "a1", "a2", "a2", "b1", "b1", "b2", "b2"]);
  });
});

const pause = (ms: number): Promise<void> => new Promise((resolve) => void setTimeout(resolve, ms));
