/** Connections that come free go round the clients that wait, and not to the one that asks most. */
import type { ServerResponse } from "node:http";
import { setImmediate as turn } from "node:timers/promises";
import { expect, test } from "vitest";
import type { RequestClient } from "../../src/backend/exchange.ts";
import { bundleTo, clientOf } from "./fixtures/last-hop.ts";
import { secureHttp1 } from "./fixtures/servers.ts";

const LIMIT = 8;
const clientAt = (address: string): RequestClient => ({
  connection: {},
  address,
  stalledSinceMs: null,
  cut: () => undefined,
});

test.each([
  ["used again", "keep-alive"],
  ["dialled anew", "close"],
])("connections that are freed together and %s go to several clients", async (_, connection) => {
  const held: ServerResponse[] = [];
  const server = await secureHttp1((request, response) => {
    response.setHeader("connection", connection);
    if (request.url === "/last") response.end("ok");
    else held.push(response);
  });
  const { text } = clientOf(bundleTo({ ports: [server.port], policy: { alpn: ["http/1.1"] } }), {
    poolLimits: { connectionsPerKey: LIMIT },
    timeouts: { connectMs: 20_000, responseMs: 20_000 },
  });
  const asked = (address: string, count: number): Promise<string>[] => {
    const client = clientAt(address);
    return Array.from({ length: count }, () => text({ client }));
  };
  const answers = asked("holder", LIMIT);
  await expect.poll(() => held.length).toBe(LIMIT);
  answers.push(...asked("many", 20));
  const last = text({ client: clientAt("last"), target: "/last" });
  await turn();
  for (const response of held.splice(0, 2)) response.end("ok");
  expect(await last).toBe("ok");
  expect(server.requests.filter(({ url }) => url !== "/last").length).toBeLessThanOrEqual(LIMIT + 2);
  for (let left = answers.length - 2; left > 0; left--) {
    await expect.poll(() => held.length).toBeGreaterThan(0);
    held.shift()?.end("ok");
  }
  expect(new Set(await Promise.all(answers))).toEqual(new Set(["ok"]));
});
