/** Backends that break the rules: what they can make the gateway say, keep open, or mix up. */
import { setImmediate as turn } from "node:timers/promises";
import { expect, it, onTestFinished } from "vitest";
import type { Runtime } from "../../src/backend/runtime.ts";
import { OK } from "../faults/speak.ts";
import { silentPort } from "../last-hop/silent-port.ts";
import { failedWith, textOf } from "../support/sent.ts";
import { bundleTo, clientOf, runtime } from "./fixtures/last-hop.ts";
import { http2Server, rawServer, rawServerAndClient } from "./fixtures/raw-servers.ts";

it.each([
  ["a status above 599", "HTTP/1.1 600 No\r\ncontent-length: 2\r\n\r\nok"],
  ["a coding nobody asked for", "HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"],
  ["a coding that is not chunked", "HTTP/1.1 200 OK\r\ntransfer-encoding: xchunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"],
  ["both framings", `HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ncontent-length: 2\r\n\r\n2\r\nok\r\n0\r\n\r\n`],
  ["two lengths", "HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\nok"],
  ["a folded field", "HTTP/1.1 200 OK\r\nx: 1\r\n 2\r\ncontent-length: 2\r\n\r\nok"],
  ["an upgrade nobody asked for", "HTTP/1.1 101 Switching\r\nupgrade: x\r\nconnection: upgrade\r\n\r\nok"],
  ["too long a head", `HTTP/1.1 200 OK\r\nx: ${"a".repeat(100_000)}\r\n\r\n`],
])("that answers with %s broke HTTP, and its connection is closed", async (_, answer) => {
  const { server, client } = await rawServerAndClient((socket) => socket.write(answer));
  expect(await client.ask()).toMatchObject(failedWith("http-protocol-error"));
  await expect.poll(() => server.sockets.map(({ readableEnded }) => readableEnded)).toEqual([true]);
});

it.each([
  ["longer", "abcdef"],
  ["shorter", "abc"],
])("whose HTTP/2 response is %s than its content-length has not answered", async (_, text) => {
  const server = await http2Server((stream) => {
    stream.respond({ ":status": 200, "content-length": 4 });
    stream.end(text);
  });
  const sent = await clientOf(bundleTo({ ports: [server.port] })).ask();
  await expect(textOf(sent)).rejects.toThrow();
});

it("whose response is shorter than its content-length has not answered, and its connection is not used", async () => {
  const { server, client } = await rawServerAndClient((socket, _chunk, connection) => {
    if (connection > 1) socket.write(OK);
    else socket.end("HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nabc");
  });
  await expect(textOf(await client.ask())).rejects.toThrow();
  expect(await client.text()).toBe("ok");
  expect(server.sockets).toHaveLength(2);
});

it("cannot answer a request that it was not asked yet", async () => {
  const { server, client } = await rawServerAndClient((socket) =>
    socket.write(`${OK}HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nevil`),
  );
  for (let asked = 0; asked < 3; asked++) expect(await client.text()).toBe("ok");
  expect(server.sockets).toHaveLength(3);
});

it("that answers before the upload is over is heard, and the upload stops", async () => {
  const { client } = await rawServerAndClient((socket) => {
    if (socket.bytesWritten === 0) socket.write("HTTP/1.1 413 No\r\ncontent-length: 2\r\n\r\nno");
  });
  let cancelled = false;
  const endless = new ReadableStream<Uint8Array>({
    async pull(controller) {
      await turn();
      controller.enqueue(new Uint8Array(1 << 16));
    },
    cancel: () => void (cancelled = true),
  });
  const sent = await client.ask({ method: "POST", body: endless });
  expect(sent).toMatchObject({ kind: "response", response: { status: 413 } });
  expect(await textOf(sent)).toBe("no");
  await expect.poll(() => cancelled).toBe(true);
});

it("that sends GOAWAY finishes what is in flight while others go to a new connection", async () => {
  let finish = (): void => undefined;
  const server = await http2Server((stream, session, number) => {
    // GOAWAY is sent before the head, so that the client has it when it has the head.
    if (number === 1) session.goaway(0, stream.id);
    stream.respond({ ":status": 200 });
    if (number > 1) return void stream.end("second");
    finish = () => void stream.end("first");
  });
  const client = clientOf(bundleTo({ ports: [server.port] }));
  const first = await client.ask();
  expect(await client.text()).toBe("second");
  finish();
  expect(await textOf(first)).toBe("first");
});

it("that falls silent on a shared connection is not asked there again", async () => {
  const server = await http2Server((stream, _, number) => {
    if (number === 1) return;
    stream.respond({ ":status": 200 });
    stream.end("second");
  });
  const client = clientOf(bundleTo({ ports: [server.port] }), { timeouts: { connectMs: 2_000, responseMs: 300 } });
  expect(await client.ask()).toMatchObject(failedWith("response-timeout"));
  expect(await client.text()).toBe("second");
  await expect.poll(() => server.sessions[0]?.closed).toBe(true);
});

it("does not keep connections that nobody uses", async () => {
  const server = await http2Server((stream) => {
    stream.respond({ ":status": 200 });
    stream.end("ok");
  });
  let nowMs = 0;
  const { text } = clientOf(bundleTo({ ports: [server.port] }), { runtime: { monotonicMs: () => nowMs } });
  await text();
  nowMs = 31_000;
  await text();
  expect(server.sessions).toHaveLength(2);
  await expect.poll(() => server.sessions[0]?.closed).toBe(true);
});

it.each(["its SYN", "its handshake"])("that does not answer %s is given up in time", async (stage) => {
  const silent = await silentPort();
  onTestFinished(() => silent.close());
  const server = await rawServer(() => undefined);
  const stalled: Runtime["dial"] = async (endpoint, signal) => {
    const stream = await runtime.dial(endpoint, signal);
    return { read: () => new Promise(() => undefined), write: async () => undefined, close: () => stream.close() };
  };
  const options = { timeouts: { connectMs: 300, responseMs: 300 } };
  const client =
    stage === "its SYN"
      ? clientOf(bundleTo({ ports: [silent.port] }), options)
      : clientOf(bundleTo({ ports: [server.port] }), { ...options, runtime: { dial: stalled } });
  expect(await client.ask()).toMatchObject(failedWith("connection-timeout"));
});
