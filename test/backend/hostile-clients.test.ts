/** Requests of clients that break the rules: what they can make the gateway send to a backend, or keep open. */
import { expect, it } from "vitest";
import type { ExchangeRequest } from "../../src/backend/exchange.ts";
import { pause } from "../support/pause.ts";
import { failedWith, textOf } from "../support/sent.ts";
import { OK } from "../faults/speak.ts";
import { bodyOf as body, bundleTo, clientOf } from "./fixtures/last-hop.ts";
import { http2Server, rawServer, rawServerAndClient } from "./fixtures/raw-servers.ts";

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
  const { server, client } = await rawServerAndClient((socket) => socket.write(OK));
  await client.text();
  const request = { method: "POST", headers, body: text === null ? null : body(text) };
  expect(await client.ask(request)).toMatchObject(failedWith("bad-request"));
  // The next request has the same connection, so bytes that were sent before it have arrived.
  await client.text();
  expect(server.received()).not.toContain("POST");
  expect(server.sockets).toHaveLength(1);
});

it.each([
  ["longer", "abcdef"],
  ["shorter", "abc"],
])("whose body is %s than its content-length sends no whole request, nor another behind it", async (_, text) => {
  const { server, client } = await rawServerAndClient((socket, chunk) => {
    if (chunk.endsWith("abcd") || chunk.startsWith("GET")) socket.write(OK);
  });
  await client.text();
  const request = { method: "POST", headers: [["content-length", "4"]], body: body(text) } as const;
  expect(await client.ask(request)).toMatchObject(failedWith("request-body-failed"));
  await expect.poll(() => server.sockets.map(({ readableEnded }) => readableEnded)).toEqual([true]);
  expect(server.received()).not.toContain("abcd");
  expect(await client.text()).toBe("ok");
});

it("whose body goes on after its content-length is heard no further", async () => {
  const { server, client } = await rawServerAndClient((socket, chunk) => {
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
  expect(await client.ask(request)).toMatchObject(failedWith("request-body-failed"));
  expect(await client.text()).toBe("ok");
  expect(server.received()).not.toContain("smuggled");
  expect(server.sockets).toHaveLength(2);
});

it.each([
  ["longer", "abcdef"],
  ["shorter", "abc"],
])("whose body is %s than its content-length has its HTTP/2 stream reset, and no other", async (_, text) => {
  const ended: string[] = [];
  const server = await http2Server((stream, _session, number) => {
    let received = "";
    stream.on("data", (chunk: Buffer) => (received += chunk.toString()));
    stream.on("end", () => {
      if (stream.rstCode === 0) ended.push(received);
      if (!stream.destroyed) stream.respond({ ":status": 200 });
      if (!stream.destroyed) stream.end(`${number}`);
    });
  });
  const client = clientOf(bundleTo({ ports: [server.port] }));
  expect(await client.text()).toBe("1");
  const request = { method: "POST", headers: [["content-length", "4"]], body: body(text) } as const;
  expect(await client.ask(request)).toMatchObject(failedWith("request-body-failed"));
  const whole = { ...request, body: body("abcd") };
  expect(await client.text(whole)).toBe("1");
  expect(ended).toEqual(["", "abcd"]);
});

it("may say that there is no body", async () => {
  const { server, client } = await rawServerAndClient((socket) => socket.write(OK));
  await client.text({ method: "POST", headers: [["content-length", "0"]] });
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
  const { server, client } = await rawServerAndClient((socket) => socket.write(OK));
  const unread = body("unread");
  expect(await client.ask({ body: unread, ...more })).toMatchObject(failedWith(code));
  expect(unread.locked, "a body of a request that never started").toBe(false);
  expect(await client.text()).toBe("ok");
  expect(server.received().match(/HTTP\/1\.1\r\n/g), "requests that arrived").toHaveLength(1);
});

it("that has left sends nothing on a pooled connection", async () => {
  const { server, client } = await rawServerAndClient((socket) => socket.write(OK));
  await client.text();
  expect(await client.ask({ target: "/left", signal: AbortSignal.abort() })).toMatchObject(failedWith("client-gone"));
  await client.text();
  expect(server.received()).not.toContain("/left");
  expect(server.sockets).toHaveLength(1);
});

it.each(["the head", "the body"])("that leaves during %s closes the backend's connection", async (stage) => {
  const leaving = new AbortController();
  const { server, client } = await rawServerAndClient((socket) => {
    if (stage === "the head") leaving.abort();
    else socket.write("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nok");
  });
  const sent = await client.ask({ signal: leaving.signal });
  leaving.abort();
  if (stage === "the body") await expect(textOf(sent)).rejects.toThrow();
  else expect(sent).toMatchObject(failedWith("client-gone"));
  await expect.poll(() => server.sockets.map(({ readableEnded }) => readableEnded)).toEqual([true]);
});

it("may upload for longer than a backend may be silent", async () => {
  const server = await rawServer((socket, chunk) => chunk.includes("end") && socket.write(OK));
  const client = clientOf(bundleTo({ ports: [server.port] }), { timeouts: { connectMs: 2_000, responseMs: 300 } });
  let chunks = 0;
  const slow = new ReadableStream<Uint8Array>({
    async pull(controller) {
      await pause(100, "what must not end the upload is a limit of time");
      controller.enqueue(new TextEncoder().encode(++chunks === 6 ? "end" : "more"));
      if (chunks === 6) controller.close();
    },
  });
  expect(await client.text({ method: "POST", body: slow })).toBe("ok");
  expect(await client.ask({ method: "POST", body: body("silence") })).toMatchObject(failedWith("response-timeout"));
});
