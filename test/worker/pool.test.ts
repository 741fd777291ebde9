/** The pool of a deployed worker: a Durable Object that keeps verified connections, in workerd. */
import { abortAllDurableObjects, createExecutionContext, env } from "cloudflare:test";
import { beforeAll, describe, expect, inject, it } from "vitest";
import { createWorker, type Env } from "../../src/host/cloudflare/worker.ts";
import { type Seen, seenBy } from "../last-hop/seen.ts";
import { usePoolOf } from "./main.ts";

type Init = RequestInit<IncomingRequestCfProperties>;
type Namespace = NonNullable<Env["LASTHOP_POOL"]>;

async function ask(pool: Namespace, url: string, init?: Init): Promise<Response> {
  const { fetch } = createWorker(inject("bundleText")).worker;
  if (fetch === undefined) throw new Error("a worker has a fetch handler");
  const request = new Request<unknown, IncomingRequestCfProperties>(url, init);
  return fetch(request, { LASTHOP_POOL: pool }, createExecutionContext());
}

const seen = (server: string): Promise<Seen> => seenBy(inject("fixtures").controlPort, server);

const connections = async (server: string): Promise<number> => (await seen(server)).connections;

/** The number of requests that the backend got with this id. */
async function timesOf(id: string): Promise<number> {
  const { controlPort } = inject("fixtures");
  const response = await fetch(`http://127.0.0.1:${controlPort}/late?id=${encodeURIComponent(id)}`);
  return Number(await response.text());
}

/** An object that is gone: evicted in the middle, overloaded, or in a data centre that is. */
const lost = {
  getByName: () => ({ fetch: () => Promise.reject(new Error("Durable Object reset")) }),
} as unknown as Namespace;

describe("the pool in a Durable Object", () => {
  let pool: Namespace;
  beforeAll(() => {
    usePoolOf(inject("bundleText"));
    const bound = (env as Env).LASTHOP_POOL;
    if (bound === undefined) throw new Error("test/worker/wrangler.jsonc binds it");
    pool = bound;
  });

  it("reuses a verified connection across requests", async () => {
    const before = await connections("pooled");
    for (let count = 0; count < 5; count++) {
      const response = await ask(pool, "http://pooled.example.com/echo-headers", {
        headers: { "cf-connecting-ip": "192.0.2.9" },
      });
      expect(await response.json()).toMatchObject({
        host: "pooled.example.com",
        "x-forwarded-for": "192.0.2.9",
        "x-forwarded-port": "80",
      });
      expect(response.headers.getSetCookie()).toEqual(["a=1", "b=2"]);
    }
    expect((await connections("pooled")) - before).toBe(1);
  });

  it("does not believe a backend that says the pool is full", async () => {
    const response = await ask(pool, "http://pooled.example.com/pool-full?id=full", {
      method: "POST",
      body: "x",
      headers: { "content-length": "1" },
    });
    expect(await response.text()).toBe("from the backend");
    expect(response.headers.has("lasthop-pool-full")).toBe(false);
    expect(await timesOf("full")).toBe(1);
  });

  it("streams through the hop, both ways", async () => {
    const uploaded = await ask(pool, "http://pooled.example.com/upload", {
      method: "POST",
      body: new Uint8Array(3 << 20),
    });
    expect(await uploaded.json()).toMatchObject({ bytes: 3 << 20 });
    const downloaded = await ask(pool, "http://pooled.example.com/download?mb=10&length=1");
    expect(downloaded.headers.get("content-length")).toBe(String(10 << 20));
    expect((await downloaded.arrayBuffer()).byteLength).toBe(10 << 20);
    // A body that is read here is decoded, as any fetched body is. A handler that returns it passes the bytes on.
    const gzip = await ask(pool, "http://pooled.example.com/gzip");
    expect([gzip.headers.get("content-encoding"), await gzip.text()]).toEqual(["gzip", "compressed once"]);
  });

  it("refuses a chain with its code", async () => {
    const response = await ask(pool, "http://unknown-ca.example.com/");
    expect([response.status, response.headers.get("proxy-status")]).toEqual([
      502,
      'lasthop; error=tls_certificate_error; details="unknown-ca"',
    ]);
  });

  it("survives many at once", async () => {
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => ask(pool, "http://pooled.example.com/").then((response) => response.text())),
    );
    expect(answers.every((text) => text.includes("pooled"))).toBe(true);
  });

  it("opens a connection of its own when the object is lost, where that is safe", async () => {
    expect((await ask(lost, "http://pooled.example.com/")).status).toBe(200);
    const small = { body: "x", headers: { "content-length": "1" } };
    const put = await ask(lost, "http://pooled.example.com/upload", { method: "PUT", ...small });
    expect([put.status, await put.json()]).toEqual([200, expect.objectContaining({ bytes: 1 })]);
    const post = await ask(lost, "http://pooled.example.com/upload", { method: "POST", ...small });
    expect([post.status, await post.json()]).toEqual([502, expect.objectContaining({ code: "connection-terminated" })]);
  });

  it("serves on after the object was reset, on a new verified connection", async () => {
    const answer = async (): Promise<string> => (await ask(pool, "http://pooled.example.com/")).text();
    expect(await answer()).toContain("pooled");
    const before = await connections("pooled");
    await abortAllDurableObjects();
    for (let count = 0; count < 3; count++) expect(await answer()).toContain("pooled");
    expect((await connections("pooled")) - before).toBe(1);
  });

  describe("when the object goes in the middle of a request", () => {
    /** The answer to a request that the backend had when the object was aborted. */
    async function askGone(init: Init, id: string): Promise<Response> {
      const answer = ask(pool, `http://pooled.example.com/late?id=${encodeURIComponent(id)}`, init);
      await expect.poll(() => timesOf(id)).toBe(1);
      await abortAllDurableObjects();
      return answer;
    }

    const small = { body: "a body", headers: { "content-length": "6" } };

    it.each([
      ["GET", {}],
      ["PUT", { method: "PUT", ...small }],
    ])("the worker asks again over a connection of its own where that is safe: %s", async (what, init) => {
      expect(await (await askGone(init, what)).text()).toBe("2");
      expect(await timesOf(what)).toBe(2);
    });

    it.each([
      ["a method that is not idempotent", { method: "POST" }],
      ["such a method and a body", { method: "POST", ...small }],
    ])("a request with %s fails, and is never sent twice", async (what, init) => {
      const { status, headers } = await askGone(init, what);
      expect([status, headers.get("proxy-status")]).toEqual([
        502,
        'lasthop; error=connection_terminated; details="connection-terminated"',
      ]);
      expect(await timesOf(what)).toBe(1);
    });

    it("its connections close", async () => {
      const before = await connections("pooled");
      await askGone({}, "sockets");
      // The only other connection is the worker's own, which is closed after its request.
      await expect.poll(async () => (await seen("pooled")).open).toBe(0);
      expect(await (await ask(pool, "http://pooled.example.com/")).json()).toEqual({ name: "pooled", resumed: false });
      expect((await connections("pooled")) - before).toBeGreaterThan(1);
    });

    it("a response that has begun is cut off, not made whole by another", async () => {
      const response = await ask(pool, "http://pooled.example.com/stall");
      expect(response.status).toBe(200);
      const read = response.text();
      await abortAllDurableObjects();
      await expect(read).rejects.toThrow();
    });
  });
});
