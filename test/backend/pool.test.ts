/** Connections: how many are opened, and which are used again. */
import { expect, test } from "vitest";
import type { BundlePolicy } from "../../src/bundle/types.ts";
import { DIAL_LIMITS } from "../../src/backend/limits.ts";
import { failedWith } from "../support/sent.ts";
import { bundleTo, clientOf, PLAINTEXT, runtime } from "./fixtures/last-hop.ts";
import { heldAnswers, ok, plain, secure, secureHttp1 } from "./fixtures/servers.ts";

const H1: Partial<BundlePolicy> = { alpn: ["http/1.1"] };

test("many first requests to a peer of HTTP/2 share one dial and one connection", async () => {
  const server = await secure(ok);
  const { text, backends, events } = clientOf(bundleTo({ ports: [server.port] }));
  expect(await Promise.all(Array.from({ length: 50 }, () => text()))).toEqual(Array.from({ length: 50 }, () => "ok"));
  expect(server.connections).toBe(1);
  expect(events.filter(({ kind }) => kind === "connected")).toMatchObject([{ protocol: "h2", resumed: false }]);
  expect(backends.stats()).toMatchObject({ open: 1, idle: 1, inFlight: 0, ejected: 0 });
  expect(backends.stats().engineBytes).toBeGreaterThan(0);
});

test("a peer that turns out to speak HTTP/1.1 gets a connection for each, and those are used again", async () => {
  const { handle, waiting, freeAll } = heldAnswers();
  const server = await secureHttp1(handle);
  const { text } = clientOf(bundleTo({ ports: [server.port] }));
  for (let round = 0; round < 2; round++) {
    const asked = Promise.all(Array.from({ length: 5 }, () => text()));
    await expect.poll(() => waiting.length).toBe(5);
    freeAll();
    await asked;
  }
  expect(server.connections).toBe(5);
});

test("a dial that others wait for goes on when the one who began it leaves", async () => {
  const server = await secure(ok);
  const { ask, text } = clientOf(bundleTo({ ports: [server.port] }));
  const first = new AbortController();
  const leaving = ask({ signal: first.signal });
  const staying = text();
  first.abort();
  expect(await leaving).toMatchObject(failedWith("client-gone"));
  expect(await staying).toBe("ok");
  expect(server.connections).toBe(1);
});

test("a dial that nobody waits for any more is given up", async () => {
  const server = await secure(ok);
  const { ask, backends } = clientOf(bundleTo({ ports: [server.port] }));
  const client = new AbortController();
  const leaving = ask({ signal: client.signal });
  client.abort();
  expect(await leaving).toMatchObject(failedWith("client-gone"));
  await expect.poll(() => backends.stats().open).toBe(0);
  expect(server.requests).toHaveLength(0);
});

test("a request that comes while a dial is given up does not wait for that dial", async () => {
  const server = await secure(ok);
  const { ask, text } = clientOf(bundleTo({ ports: [server.port] }));
  const client = new AbortController();
  const leaving = ask({ signal: client.signal });
  client.abort();
  expect(await text()).toBe("ok");
  expect(await leaving).toMatchObject(failedWith("client-gone"));
});

test("another connection is opened when the streams of one are used up, and no more than allowed", async () => {
  const { handle, waiting, freeAll } = heldAnswers();
  const server = await secure(handle, { settings: { maxConcurrentStreams: 2 } });
  const { text, backends } = clientOf(bundleTo({ ports: [server.port] }), { poolLimits: { connectionsPerKey: 3 } });
  const first = text();
  // The SETTINGS of the peer come before it gets the first request.
  await expect.poll(() => waiting.length).toBe(1);
  const others = Array.from({ length: 7 }, () => text());
  await expect.poll(() => waiting.length).toBe(6);
  expect(server.connections).toBe(3);
  freeAll();
  await expect.poll(() => waiting.length).toBe(2);
  freeAll();
  expect(await Promise.all([first, ...others])).toHaveLength(8);
  expect(backends.stats()).toMatchObject({ open: 3, idle: 3 });
});

test("a request waits for a connection, and is told when none becomes free", async () => {
  const { handle, waiting, freeAll } = heldAnswers();
  const server = await secure(handle);
  const { text, ask } = clientOf(bundleTo({ ports: [server.port], policy: H1 }), {
    poolLimits: { connectionsPerKey: 1 },
    timeouts: { connectMs: 1_500 },
  });
  const first = text();
  await expect.poll(() => waiting.length).toBe(1);
  expect(await ask()).toMatchObject(failedWith("connection-limit"));
  const second = text();
  freeAll();
  expect(await first).toBe("ok");
  await expect.poll(() => waiting.length).toBe(1);
  freeAll();
  expect(await second).toBe("ok");
  expect(server.connections).toBe(1);
});

test("more first requests than one connection carries have another dialled, and none is refused", async () => {
  const { handle, waiting, freeAll } = heldAnswers();
  const server = await secure(handle, { settings: { maxConcurrentStreams: 100 } });
  const { text } = clientOf(bundleTo({ ports: [server.port] }), {
    timeouts: { connectMs: 20_000, responseMs: 20_000 },
  });
  const asked = Promise.all(Array.from({ length: 250 }, () => text()));
  await expect.poll(() => waiting.length).toBe(250);
  expect(server.connections).toBe(3);
  freeAll();
  expect(new Set(await asked)).toEqual(new Set(["ok"]));
});

test.each([
  ["a stream", "h2"],
  ["a connection", "http/1.1"],
] as const)("a request whose dial lasts takes %s that comes free meanwhile (%s)", async (_, alpn) => {
  const { handle, waiting, freeAll } = heldAnswers();
  const server = await secure(handle, { settings: { maxConcurrentStreams: 1 } });
  let isDialHeld = false;
  const { text } = clientOf(bundleTo({ ports: [server.port], policy: { alpn: [alpn] } }), {
    runtime: {
      dial: async (endpoint, signal) => {
        if (isDialHeld) await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve()));
        return runtime.dial(endpoint, signal);
      },
    },
    timeouts: { connectMs: 20_000 },
  });
  const first = text();
  await expect.poll(() => waiting.length).toBe(1);
  isDialHeld = true;
  const others = [text(), text()];
  for (const each of [first, ...others]) {
    await expect.poll(() => waiting.length).toBe(1);
    freeAll();
    await each;
  }
  expect(server.connections).toBe(1);
});

test("the connection used last is used first, and the others grow old", async () => {
  const { handle, waiting, freeAll } = heldAnswers();
  const server = await plain(handle);
  let nowMs = 0;
  const { text, backends } = clientOf(bundleTo({ ports: [server.port], backend: PLAINTEXT }), {
    runtime: { monotonicMs: () => nowMs },
  });
  const together = Promise.all([text(), text()]);
  await expect.poll(() => waiting.length).toBe(2);
  freeAll();
  await together;
  for (; nowMs < 31_000; nowMs += 5_000) {
    const asked = text();
    await expect.poll(() => waiting.length).toBe(1);
    freeAll();
    await asked;
  }
  await expect.poll(() => server.sockets.size).toBe(1);
  expect(server.connections).toBe(2);
  expect(backends.stats()).toMatchObject({ open: 1, idle: 1 });
});

test.each(["h2", "http/1.1"] as const)("a connection of %s is renewed after its lifetime", async (alpn) => {
  const server = await secure(ok);
  let nowMs = 0;
  const { text } = clientOf(bundleTo({ ports: [server.port], policy: { alpn: [alpn] } }), {
    runtime: { monotonicMs: () => nowMs },
  });
  for (; nowMs < 480_000; nowMs += 20_000) await text();
  expect(server.connections).toBe(1);
  nowMs = 720_001;
  await text();
  expect(server.connections).toBe(2);
  await expect.poll(() => server.sockets.size).toBe(1);
});

test("large and small responses leave their connection to the next request", async () => {
  const server = await secure((request, response) =>
    response.end(request.url === "/large" ? Buffer.alloc(1 << 20) : ""),
  );
  const { text } = clientOf(bundleTo({ ports: [server.port], policy: H1 }));
  for (const target of ["/large", "/", "/large", "/large", "/"]) await text({ target });
  expect(server.connections).toBe(1);
});

test.each(["h2", "http/1.1"] as const)(
  "a connection of %s that responses of any form free serves the next",
  async (alpn) => {
    const server = await secure(
      (request, response) => {
        if (request.url === "/none") response.writeHead(204).end();
        else if (request.url === "/long") response.end(Buffer.alloc(1 << 20));
        else if (request.url === "/pieces") {
          response.write("one");
          setTimeout(() => response.end("two"), 5);
        } else response.end("ok");
      },
      { settings: { maxConcurrentStreams: 1 } },
    );
    const { text } = clientOf(bundleTo({ ports: [server.port], policy: { alpn: [alpn] } }), {
      poolLimits: { connectionsPerKey: 1 },
    });
    await text();
    const targets = ["/", "/none", "/long", "/pieces", "/"];
    const asked = targets.flatMap((target) => ["GET", "HEAD"].map((method) => text({ target, method })));
    await Promise.all(asked);
    expect(server.connections).toBe(1);
  },
);

test("as many connections as are dialled at once leave tickets for as many more", async () => {
  const { atOnce } = DIAL_LIMITS;
  const { handle, waiting, freeAll } = heldAnswers();
  const server = await secure(handle);
  const { text } = clientOf(bundleTo({ ports: [server.port], policy: H1 }), { poolLimits: { idlePerKey: 0 } });
  // Node's server issues two tickets at a full handshake and none at a resumed one: enough for two rounds more.
  for (let round = 0; round < 3; round++) {
    const asked = Promise.all(Array.from({ length: atOnce }, () => text()));
    await expect.poll(() => waiting.length).toBe(atOnce);
    freeAll();
    await asked;
    expect(server.resumed).toBe(round * atOnce);
  }
});

test("a WASM trap fails what was on the engine, and a new engine serves the next request", async () => {
  const { handle, waiting, freeAll } = heldAnswers();
  const server = await secure((request, response) => {
    if (request.url === "/held") handle(request, response);
    else ok(request, response);
  });
  const bystander = await secure(handle);
  let isBroken = false;
  const { text, ask, events } = clientOf(bundleTo({ ports: [server.port] }), {
    runtime: {
      randomFill: (bytes) => {
        if (isBroken) throw new Error("no randomness");
        crypto.getRandomValues(bytes);
      },
    },
  });
  const elsewhere = clientOf(bundleTo({ ports: [bystander.port] })).text();
  // The two requests are streams of one connection. The dial for an upgrade, which HTTP/2 does not have, traps.
  const streams = [ask({ target: "/held" }), ask({ target: "/held" })];
  await expect.poll(() => waiting.length).toBe(3);
  expect(server.connections).toBe(1);
  isBroken = true;
  expect(await ask({ upgrade: "echo" })).toMatchObject(failedWith("engine-trapped"));
  for (const stream of streams) expect(await stream).toMatchObject(failedWith("engine-trapped"));
  isBroken = false;
  expect(await Promise.all([text(), text()])).toEqual(["ok", "ok"]);
  freeAll();
  expect(await elsewhere, "another engine").toBe("ok");
  // Tickets died with the instance, so that handshake was full; the new instance has tickets of its own.
  for (const socket of server.sockets) socket.destroy();
  await expect.poll(() => server.sockets.size).toBe(0);
  expect(await text()).toBe("ok");
  const resumed = events.flatMap((event) => (event.kind === "connected" ? [event.resumed] : []));
  expect(resumed).toEqual([false, false, true]);
});
