/** Instances of the module: each has a bounded number of connections, and an instance that has grown is freed once it is idle. */
import type { ServerResponse } from "node:http";
import { expect, test } from "vitest";
import { Instances } from "../../src/backend/connect/instances.ts";
import { ENGINE_LIMITS } from "../../src/backend/limits.ts";
import { bundleTo, clientOf, runtime } from "./fixtures/last-hop.ts";
import { secureHttp1 } from "./fixtures/servers.ts";

test("an instance that is full is left alone until connections of it are gone", () => {
  const instances = new Instances(runtime);
  const first = instances.get();
  for (let made = 0; made < ENGINE_LIMITS.connections; made++) first.connectionMade();
  const second = instances.get();
  expect(second).not.toBe(first);
  second.connectionMade();
  first.connectionFreed();
  expect(instances.get()).toBe(first);
  expect(instances.memoryBytes).toBe(first.memoryBytes + second.memoryBytes);
});

test("a small idle instance stays, with its tickets", () => {
  const instances = new Instances(runtime);
  const instance = instances.get();
  instance.connectionMade();
  instance.connectionFreed();
  expect(instances.get()).toBe(instance);
});

test("where connections may end unheard, an instance is replaced after so many, though they count as open", () => {
  const instances = new Instances({ ...runtime, keep: () => undefined });
  const first = instances.get();
  for (let made = 0; made < ENGINE_LIMITS.lifetimeConnections; made++) {
    expect(instances.get()).toBe(first);
    first.connectionMade();
    first.connectionFreed();
  }
  const second = instances.get();
  expect(second).not.toBe(first);
  expect(instances.memoryBytes).toBe(second.memoryBytes);
});

test("memory that a burst took is given back, and the next burst is served", async () => {
  const waiting: ServerResponse[] = [];
  const server = await secureHttp1((_, response) => void waiting.push(response));
  const sizes = new Set<number>();
  const { text, backends } = clientOf(bundleTo({ ports: [server.port], policy: { alpn: ["http/1.1"] } }), {
    timeouts: { connectMs: 25_000, responseMs: 25_000 },
    runtime: {
      dial(endpoint, signal) {
        sizes.add(backends.stats().engineBytes);
        return runtime.dial(endpoint, signal);
      },
    },
  });
  const count = ENGINE_LIMITS.connections + 50;
  for (let burst = 0; burst < 2; burst++) {
    const asked = Array.from({ length: count }, () => text());
    await expect.poll(() => waiting.length, { timeout: 25_000 }).toBe(count);
    expect(backends.stats()).toMatchObject({ open: count, inFlight: count });
    expect(backends.stats().engineBytes).toBeGreaterThan(ENGINE_LIMITS.retiredBytes);
    for (const response of waiting.splice(0)) response.end("ok");
    expect(new Set(await Promise.all(asked))).toEqual(new Set(["ok"]));
    for (const socket of server.sockets) socket.destroy();
    await expect.poll(() => backends.stats().open).toBe(0);
    expect(backends.stats().engineBytes).toBeLessThan(ENGINE_LIMITS.retiredBytes);
  }
  // Each growth makes the runtime count all of the memory anew.
  expect(sizes.size).toBeLessThan(30);
}, 60_000);
