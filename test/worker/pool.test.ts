/** The pool of a deployed worker: a Durable Object that keeps verified connections, in workerd. */
import { abortAllDurableObjects, createExecutionContext, env } from "cloudflare:test";
import { beforeAll, describe, expect, inject, it } from "vitest";
import { createWorker, type Env } from "../../src/host/cloudflare/worker.ts";
import { usePoolOf } from "./main.ts";

type Init = RequestInit<IncomingRequestCfProperties>;
type Namespace = NonNullable<Env["LASTHOP_POOL"]>;

async function ask(pool: Namespace, url: string, init?: Init): Promise<Response> {
  const { fetch } = createWorker(inject("bundleText")).worker;
  if (fetch === undefined) throw new Error("a worker has a fetch handler");
  const request = new Request<unknown, IncomingRequestCfProperties>(url, init);
  return fetch(request, { LASTHOP_POOL: pool }, createExecutionContext());
}

async function connections(server: string): Promise<number> {
  const { controlPort } = inject("fixtures");
  const response = await fetch(`http://127.0.0.1:${controlPort}/seen?server=${server}`);
  return (await response.json<{ connections: number }>()).connections;
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
    const before = await connections("good");
    for (let count = 0; count < 5; count++) {
      const response = await ask(pool, "http://good.example.com/echo-headers", {
        headers: { "lasthop-front": "{}", "cf-connecting-ip": "192.0.2.9" },
      });
      expect(await response.json()).toMatchObject({
        host: "good.example.com",
        "x-forwarded-for": "192.0.2.9",
        "x-forwarded-port": "80",
      });
      expect(response.headers.getSetCookie()).toEqual(["a=1", "b=2"]);
    }
    expect((await connections("good")) - before).toBe(1);
  });

  it("never lets its own field reach a backend", async () => {
    const response = await ask(pool, "http://good.example.com/echo-headers");
    expect(await response.json()).not.toHaveProperty("lasthop-front");
  });

  it("streams through the hop, both ways", async () => {
    const uploaded = await ask(pool, "http://good.example.com/upload", {
      method: "POST",
      body: new Uint8Array(3 << 20),
    });
    expect(await uploaded.json()).toMatchObject({ bytes: 3 << 20 });
    const downloaded = await ask(pool, "http://good.example.com/download?mb=10&length=1");
    expect(downloaded.headers.get("content-length")).toBe(String(10 << 20));
    expect((await downloaded.arrayBuffer()).byteLength).toBe(10 << 20);
    // Read here it is decoded, as any fetched body is; a handler that returns it passes the bytes on.
    const gzip = await ask(pool, "http://good.example.com/gzip");
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
      Array.from({ length: 20 }, () => ask(pool, "http://good.example.com/").then((response) => response.text())),
    );
    expect(answers.every((text) => text.includes("good"))).toBe(true);
  });

  it("opens a connection of its own when the object is lost, where that is safe", async () => {
    expect((await ask(lost, "http://good.example.com/")).status).toBe(200);
    const post = await ask(lost, "http://good.example.com/upload", { method: "POST", body: "x" });
    expect([post.status, await post.json()]).toEqual([502, expect.objectContaining({ code: "connection-terminated" })]);
  });

  it("serves on after the object was reset, on a new verified connection", async () => {
    const answer = async (): Promise<string> => (await ask(pool, "http://good.example.com/")).text();
    expect(await answer()).toContain("good");
    const before = await connections("good");
    await abortAllDurableObjects();
    for (let count = 0; count < 3; count++) expect(await answer()).toContain("good");
    expect((await connections("good")) - before).toBe(1);
  });
});
