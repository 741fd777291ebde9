/** An object without a free connection: no request waits for it, because the worker sends them itself. */
import { createExecutionContext, env } from "cloudflare:test";
import { afterEach, beforeAll, describe, expect, inject, it, vi } from "vitest";
import { createWorker, type Env } from "../../src/host/cloudflare/worker.ts";
import { usePoolOf } from "./main.ts";

/** The number of connections that Cloudflare allows an object (pool.ts). */
const CONNECTIONS = 6;

beforeAll(() => usePoolOf(inject("bundleText")));

/** A function that sends requests to the worker of one isolate. */
function worker(): (path: string, init?: RequestInit<IncomingRequestCfProperties>) => Promise<Response> {
  const { fetch } = createWorker(inject("bundleText")).worker;
  if (fetch === undefined) throw new Error("a worker has a fetch handler");
  return async (path, init) => {
    const request = new Request<unknown, IncomingRequestCfProperties>(`http://pooled.example.com${path}`, init);
    return fetch(request, env as Env, createExecutionContext());
  };
}

describe("six connections taken by slow downloads", () => {
  const open: Response[] = [];
  afterEach(async () => {
    for (const response of open.splice(0)) await response.body?.cancel();
  });

  it("leave every other request its answer, with one access record", async () => {
    const ask = worker();
    while (open.length < CONNECTIONS) open.push(await ask("/stall"));
    const log = vi.spyOn(console, "log");
    for (const init of [
      {},
      { method: "POST", body: "abc", headers: { "content-length": "3" } },
      { method: "PUT", body: "abcd" },
    ]) {
      const response = await ask("/upload", init);
      expect([response.status, await response.json()]).toEqual([
        200,
        expect.objectContaining({ bytes: init.body?.length ?? 0 }),
      ]);
    }
    const records = log.mock.calls.map(([text]) => JSON.parse(String(text)) as Record<string, unknown>);
    expect(records.filter(({ path }) => path === "/upload")).toMatchObject([
      { status: 200, code: null },
      { status: 200, code: null },
      { status: 200, code: null },
    ]);
    log.mockRestore();
  });

  it("never pass a backend's field for a full object", async () => {
    const response = await worker()("/pool-full");
    expect(await response.text()).toBe("from the backend");
    expect(response.headers.has("lasthop-pool-full")).toBe(false);
  });
});

it("WebSockets take no connection of the object", async () => {
  const ask = worker();
  const headers = { upgrade: "websocket", "sec-websocket-key": "Y2xpZW50cyBvd24gb25lIQ==" };
  const sockets: WebSocket[] = [];
  for (let count = 0; count < CONNECTIONS + 1; count++) {
    const { webSocket } = await ask("/ws/echo", { headers });
    if (webSocket === null) throw new Error("no WebSocket");
    webSocket.accept();
    sockets.push(webSocket);
  }
  for (let count = 0; count < 3; count++) expect((await ask("/")).status).toBe(200);
  for (const socket of sockets) socket.close(1000);
});
