/** Several endpoints: raced when one is slow to accept, left out when one fails, chosen by load. */
import { expect, onTestFinished, test } from "vitest";
import { DialError, type Runtime } from "../../src/backend/runtime.ts";
import { Endpoint } from "../../src/backend/send/endpoints.ts";
import { transportFailure } from "../../src/backend/failure.ts";
import { DEFAULT_POOL_LIMITS, HEALTH_LIMITS } from "../../src/backend/limits.ts";
import { Pool } from "../../src/backend/pool/pool.ts";
import { silentPort } from "../last-hop/silent-port.ts";
import { failedWith } from "../support/sent.ts";
import { plainRequest } from "../support/request.ts";
import { bundleTo, clientOf, PLAINTEXT, runtime } from "./fixtures/last-hop.ts";
import { ok, plain, secure } from "./fixtures/servers.ts";

test("an endpoint that does not accept is overtaken by the next, and its dial closed", async () => {
  const silent = await silentPort();
  onTestFinished(() => silent.close());
  const server = await secure(ok);
  const pending = new Set<number>();
  const dial: Runtime["dial"] = async (endpoint, signal) => {
    pending.add(endpoint.port);
    try {
      return await runtime.dial(endpoint, signal);
    } finally {
      pending.delete(endpoint.port);
    }
  };
  // No dial ends by its own limit within the time of a test, so an answer comes only from the next endpoint.
  const timeouts = { connectMs: 120_000 };
  const { text } = clientOf(bundleTo({ ports: [silent.port, server.port] }), { runtime: { dial }, timeouts });
  for (let asked = 0; asked < 4; asked++) expect(await text()).toBe("ok");
  await expect.poll(() => pending.size).toBe(0);
});

test("no more endpoints are dialled than three", async () => {
  const dialled: number[] = [];
  const never: Runtime["dial"] = (endpoint, signal) => {
    dialled.push(endpoint.port);
    return new Promise((_, reject) => {
      signal.addEventListener("abort", () => reject(new DialError("timeout", "aborted")));
    });
  };
  const hanging = clientOf(bundleTo({ ports: [1, 2, 3, 4, 5] }), {
    runtime: { dial: never },
    timeouts: { connectMs: 1_000 },
  });
  expect(await hanging.ask()).toMatchObject(failedWith("connection-timeout"));
  expect(dialled).toHaveLength(3);
});

test("no endpoint is dialled once one has accepted, because a handshake is waited for", async () => {
  const dialled: number[] = [];
  const server = await secure(ok);
  const mute: Runtime["dial"] = async (endpoint, signal) => {
    dialled.push(endpoint.port);
    const stream = await runtime.dial({ ...endpoint, port: server.port }, signal);
    return {
      ...stream,
      read: () => new Promise(() => undefined),
      write: async () => undefined,
      close: () => stream.close(),
    };
  };
  const slow = clientOf(bundleTo({ ports: [1, 2, 3] }), { runtime: { dial: mute }, timeouts: { connectMs: 1_000 } });
  expect(await slow.ask()).toMatchObject(failedWith("connection-timeout"));
  expect(dialled).toHaveLength(1);
});

test("an endpoint that fails is left out, asked again after a time, and taken back", async () => {
  let isBroken = true;
  const server = await plain((request, response) => {
    if (isBroken) request.socket.destroy();
    else response.end("ok");
  });
  const other = await plain(ok);
  let nowMs = 0;
  const { ask, text, events, backends } = clientOf(bundleTo({ ports: [server.port, other.port], backend: PLAINTEXT }), {
    runtime: { monotonicMs: () => nowMs },
  });
  for (let asked = 0; asked < 10; asked++) await ask({ method: "POST" });
  expect(server.requests).toHaveLength(5);
  const [ejected] = events.filter(({ kind }) => kind === "ejected");
  expect(ejected).toMatchObject({ code: "connection-terminated", endpoint: { port: server.port } });
  expect(backends.stats().ejected).toBe(1);
  for (let asked = 0; asked < 10; asked++) expect(await text()).toBe("ok");
  expect(server.requests).toHaveLength(5);

  // The endpoint is still broken: one request finds out, and the endpoint is left out for twice the time.
  nowMs += 8_000;
  for (let asked = 0; asked < 10; asked++) await ask({ method: "POST" });
  expect(server.requests).toHaveLength(6);
  const durations = events.flatMap((event) => (event.kind === "ejected" ? [event.durationMs] : []));
  expect(durations).toHaveLength(2);
  expect(durations[1]).toBeGreaterThan(7_000);

  isBroken = false;
  nowMs += 16_000;
  for (let asked = 0; asked < 10; asked++) expect(await text()).toBe("ok");
  expect(events.filter(({ kind }) => kind === "recovered")).toHaveLength(1);
  expect(server.requests.length).toBeGreaterThan(8);
  expect(backends.stats().ejected).toBe(0);
});

test("endpoints of which all are left out are asked", async () => {
  const broken = await plain((request) => void request.socket.destroy());
  const gone = clientOf(bundleTo({ ports: [broken.port, broken.port], backend: PLAINTEXT }));
  for (let asked = 0; asked < 30; asked++) {
    expect(await gone.ask({ method: "POST" })).toMatchObject(failedWith("connection-terminated"));
  }
  expect(broken.requests).toHaveLength(30);
});

test("an application's own 500 leaves no endpoint out", async () => {
  const erring = await plain((_, response) => response.writeHead(500).end());
  const heard = clientOf(bundleTo({ ports: [erring.port, erring.port], backend: PLAINTEXT }));
  for (let asked = 0; asked < 20; asked++)
    expect(await heard.ask()).toMatchObject({ kind: "response", response: { status: 500 } });
  expect(heard.events.filter(({ kind }) => kind === "ejected")).toEqual([]);
});

test("a slow endpoint gets fewer requests", async () => {
  const waiting: (() => void)[] = [];
  const slow = await plain((_, response) => void waiting.push(() => response.end("slow")));
  const fast = await plain(ok);
  slow.server.setMaxListeners(0);
  const { ask } = clientOf(bundleTo({ ports: [slow.port, fast.port], backend: PLAINTEXT }));
  const asked: Promise<unknown>[] = [];
  while (asked.length < 20) {
    const arrived = new Promise((resolve) => void slow.server.once("request", resolve));
    const answered = ask();
    asked.push(answered);
    await Promise.race([answered, arrived]);
  }
  expect(slow.requests.length).toBeLessThan(5);
  for (const answer of waiting.splice(0)) answer();
  await Promise.all(asked);
});

test("an idle pair of endpoints takes turns", async () => {
  const [a, b] = [await plain(ok), await plain(ok)];
  const pair = clientOf(bundleTo({ ports: [a.port, b.port], backend: PLAINTEXT }));
  for (let asked = 0; asked < 10; asked++) await pair.text();
  expect([a.requests.length, b.requests.length]).toEqual([5, 5]);
});

test("endpoints are taken in turn, whatever other backends are asked", async () => {
  const dialled: string[] = [];
  const dial: Runtime["dial"] = (endpoint) => {
    dialled.push(endpoint.host);
    return Promise.reject(new DialError("prohibited", "a test"));
  };
  const bundle = bundleTo({ ports: [1] });
  const [backend] = Object.values(bundle.backends);
  if (backend === undefined) throw new Error("unreachable");
  const at = (...hosts: string[]) => ({ ...backend, endpoints: hosts.map((host) => ({ host, port: 1 })) });
  const { backends } = clientOf(
    { ...bundle, backends: { a: at("a1", "a2"), b: at("b1", "b2") } },
    { runtime: { dial } },
  );
  for (let asked = 0; asked < 4; asked++) for (const id of ["a", "b"]) await backends.send(id, plainRequest());
  expect(dialled.sort()).toEqual(["a1", "a1", "a2", "a2", "b1", "b1", "b2", "b2"]);
});

test("an ejected endpoint is asked again although a request never ended, once that is long ago", () => {
  const keyedPool = new Pool(DEFAULT_POOL_LIMITS, runtime, Math.random).keyedPool("it", false);
  const endpoint = new Endpoint({ host: "127.0.0.1", port: 1 }, keyedPool, null);
  const refused = transportFailure("connection-refused", "", "nothing");
  let ejectedMs = 0;
  for (let count = 0; count < HEALTH_LIMITS.failures; count++) ejectedMs = endpoint.failed(refused, 0, 0.5);
  expect([ejectedMs, endpoint.isReady(ejectedMs - 1), endpoint.isReady(ejectedMs)]).toEqual([
    HEALTH_LIMITS.ejectionMs,
    false,
    true,
  ]);
  endpoint.inFlight++;
  const longAfterMs = ejectedMs + HEALTH_LIMITS.maxEjectionMs;
  expect([endpoint.isReady(ejectedMs), endpoint.isReady(longAfterMs - 1)]).toEqual([false, false]);
  expect(endpoint.isReady(longAfterMs)).toBe(true);
});
