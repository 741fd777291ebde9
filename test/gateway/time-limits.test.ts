/** `HTTPRouteTimeouts`: which limit ends a request, and when there is none. */
import { expect, test } from "vitest";
import { pause } from "../support/pause.ts";
import { backend, gatewayOf, MAIN } from "./through.ts";

const LIMITS = [
  ["requestMs", "request-timeout"],
  ["backendRequestMs", "response-timeout"],
] as const;
const NONE = { requestMs: null, backendRequestMs: null };

test.each(LIMITS)("%s ends a request that gets no answer", async (limit, code) => {
  const silent = await backend(() => undefined);
  const { ask, log } = gatewayOf({ ports: { [MAIN]: silent.port }, rule: { timeouts: { ...NONE, [limit]: 200 } } });
  expect((await ask()).status).toBe(504);
  expect(log).toMatchObject([{ status: 504, code }]);
  await expect.poll(() => silent.sockets.size).toBe(0);
});

test.each(LIMITS)("%s ends a request whose answer goes on", async (limit, code) => {
  const endless = await backend((_, response) => {
    response.writeHead(200);
    const writing = setInterval(() => response.write("a"), 50);
    response.on("close", () => clearInterval(writing));
  });
  // The head must come within the limit on a loaded machine, too.
  const timeouts = { ...NONE, [limit]: 1_500 };
  const { ask, log } = gatewayOf({ ports: { [MAIN]: endless.port }, rule: { timeouts } });
  await expect(ask()).rejects.toThrow();
  expect(log).toMatchObject([{ status: 200, code }]);
  await expect.poll(() => endless.sockets.size).toBe(0);
});

test("0 is no limit", async () => {
  const slow = await backend((_, response) => {
    void pause(300, "No event tells that a limit of 100 ms is not applied.").then(() => response.end("ok"));
  });
  const timeouts = { requestMs: 0, backendRequestMs: 0 };
  const { ask } = gatewayOf({ ports: { [MAIN]: slow.port }, rule: { timeouts }, responseMs: 100 });
  expect(await ask()).toMatchObject({ status: 200, text: "ok" });
});
