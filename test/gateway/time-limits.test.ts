/** `HTTPRouteTimeouts`: which limit ends a request, and when there is none. */
import { expect, test } from "vitest";
import { pause } from "../support/pause.ts";
import { backend, gatewayOf, MAIN } from "./through.ts";

test.each([
  ["requestMs", "request-timeout"],
  ["backendRequestMs", "response-timeout"],
] as const)("%s ends a request that gets no answer, and one whose answer goes on", async (limit, code) => {
  const timeouts = { requestMs: null, backendRequestMs: null, [limit]: 200 };
  const silent = await backend(() => undefined);
  const first = gatewayOf({ ports: { [MAIN]: silent.port }, rule: { timeouts } });
  expect((await first.ask()).status).toBe(504);
  expect(first.log).toMatchObject([{ status: 504, code }]);
  const endless = await backend((_, response) => {
    response.writeHead(200);
    const writing = setInterval(() => response.write("a"), 50);
    response.on("close", () => clearInterval(writing));
  });
  const second = gatewayOf({ ports: { [MAIN]: endless.port }, rule: { timeouts } });
  await expect(second.ask()).rejects.toThrow();
  expect(second.log).toMatchObject([{ status: 200, code }]);
  for (const { sockets } of [silent, endless]) await expect.poll(() => sockets.size).toBe(0);
});

test("0 is no limit", async () => {
  const slow = await backend((_, response) => {
    void pause(300, "No event tells that a limit of 100 ms is not applied.").then(() => response.end("ok"));
  });
  const timeouts = { requestMs: 0, backendRequestMs: 0 };
  const { ask } = gatewayOf({ ports: { [MAIN]: slow.port }, rule: { timeouts }, responseMs: 100 });
  expect(await ask()).toMatchObject({ status: 200, text: "ok" });
});
