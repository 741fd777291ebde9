/** The source of the worker's bundle: embedded, with its secrets, or published to KV by the controller. */
import { createExecutionContext, env, reset } from "cloudflare:test";
import { afterEach, describe, expect, inject, it } from "vitest";
import { NO_REUSE } from "../../src/backend/limits.ts";
import { decodeBundle } from "../../src/bundle/codec.ts";
import { bundleKey, pointerKey } from "../../src/bundle/publication.ts";
import { type KeyValue, kvPublisher } from "../../src/controller/kv.ts";
import { cloudflareRuntime, invocationRuntime } from "../../src/host/cloudflare/runtime.ts";
import { Serving } from "../../src/host/cloudflare/serving.ts";
import { sourceOf } from "../../src/host/cloudflare/source.ts";
import { createWorker, type Env } from "../../src/host/cloudflare/worker.ts";

const SEALING_KEY = btoa(String.fromCharCode(...new Uint8Array(32).fill(7)));
const GATEWAY = "test/edge";

async function answerOf(response: Response | Promise<Response>): Promise<readonly [number, string]> {
  const { status, headers, body } = await response;
  const code = /details="(.*)"/.exec(headers.get("proxy-status") ?? "")?.[1];
  return [status, code ?? (await new Response(body).text())];
}

describe("an embedded bundle", () => {
  const ask = (bindings: Env, url: string): Promise<readonly [number, string]> => {
    const { fetch } = createWorker(inject("mutual").bundleText).worker;
    if (fetch === undefined) throw new Error("a worker has a fetch handler");
    return answerOf(fetch(new Request<unknown, IncomingRequestCfProperties>(url), bindings, createExecutionContext()));
  };
  const secrets = (): Env => ({ LASTHOP_SECRETS: inject("mutual").secretsText });

  it("presents the Gateway's certificate to a backend that asks", async () => {
    expect(await ask({ ...secrets(), LASTHOP_FRONT_TLS: "platform" }, "http://mutual.example.com/")).toEqual([
      200,
      "DNS:edge.internal",
    ]);
  });

  it.each([undefined, "{}", "no JSON", '{"format":1,"keys":{}}'])("is refused without its keys: %s", async (text) => {
    const bindings: Env = text === undefined ? {} : { LASTHOP_SECRETS: text };
    const asked = ask({ ...bindings, LASTHOP_FRONT_TLS: "platform" }, "http://mutual.example.com/");
    expect(await asked).toEqual([500, "bundle-refused"]);
  });

  it("serves an HTTPS listener only where the platform does its TLS", async () => {
    const url = "https://mutual.example.com/";
    expect(await ask({ ...secrets(), LASTHOP_FRONT_TLS: "platform" }, url)).toEqual([200, "DNS:edge.internal"]);
    expect((await ask(secrets(), url))[0]).toBe(500);
  });
});

describe("bundles published to KV", () => {
  afterEach(() => reset());

  function setUp(more: Partial<Env> = {}): {
    kv: KVNamespace;
    ask: (host: string) => Promise<readonly [number, string]>;
  } {
    const kv = (env as { BUNDLES?: KVNamespace }).BUNDLES;
    if (kv === undefined) throw new Error("test/worker/wrangler.jsonc binds it");
    const bindings = { LASTHOP_BUNDLES: kv, LASTHOP_GATEWAY: GATEWAY, LASTHOP_SEALING_KEY: SEALING_KEY, ...more };
    // Every request looks for a new bundle, and waits for it only when there is none to serve.
    const source = { ...sourceOf(bindings, ""), holdsMs: 0 };
    const capabilities = ["client-certificates", "websocket", "listener-certificates"] as const;
    const serving = new Serving({ source, runtime: invocationRuntime, poolLimits: () => NO_REUSE, capabilities });
    const front = { clientAddress: null, scheme: "http", port: 80, sni: null } as const;
    return {
      kv,
      async ask(host) {
        const following: Promise<void>[] = [];
        const request = new Request(`http://${host}.example.com/status?code=201`);
        const answer = await answerOf(serving.fetch(request, front, (work) => following.push(work)));
        await Promise.all(following);
        return answer;
      },
    };
  }

  async function publish(kv: KVNamespace, text: string, secrets: string | null = null): Promise<string> {
    const { digest } = decodeBundle(text, cloudflareRuntime.sha256);
    const named = secrets === null ? null : { digest: "5".repeat(64), text: secrets };
    const publisher = kvPublisher(storeOf(kv), SEALING_KEY);
    await publisher.publish(
      { gateway: GATEWAY, bundle: { digest, text }, secrets: named, addresses: [] },
      await publisher.pointers(),
      new AbortController().signal,
    );
    return digest;
  }

  it("serves what is published, and then what is published next, keys unsealed", async () => {
    const { kv, ask } = setUp();
    expect(await ask("good")).toEqual([500, "bundle-refused"]);
    await publish(kv, inject("bundleText"));
    expect(await ask("good")).toEqual([201, ""]);
    await publish(kv, inject("mutual").bundleText, inject("mutual").secretsText);
    expect(await ask("good"), "served while the next is loaded").toEqual([201, ""]);
    expect(await ask("good")).toEqual([404, "no-route"]);
    expect(await ask("mutual")).toEqual([200, "DNS:edge.internal"]);
    await kv.delete(pointerKey(GATEWAY));
    await ask("mutual");
    expect(await ask("mutual"), "withdrawn").toEqual([500, "bundle-refused"]);
  });

  it("keeps what it serves when the next does not load; a cold one takes the one before", async () => {
    const warm = setUp();
    const { kv } = warm;
    await publish(kv, inject("bundleText"));
    expect(await warm.ask("good")).toEqual([201, ""]);
    const digest = await publish(kv, inject("mutual").bundleText, inject("mutual").secretsText);
    await kv.put(bundleKey(digest), "not what the digest says");
    await warm.ask("good");
    expect(await warm.ask("good")).toEqual([201, ""]);
    expect(await setUp().ask("good")).toEqual([201, ""]);
  });

  it("refuses keys that were sealed under another key, and a deployment that names no Gateway", async () => {
    const { kv } = setUp();
    await publish(kv, inject("mutual").bundleText, inject("mutual").secretsText);
    const other = btoa(String.fromCharCode(...new Uint8Array(32).fill(8)));
    expect(await setUp({ LASTHOP_SEALING_KEY: other }).ask("mutual")).toEqual([500, "bundle-refused"]);
    const source = sourceOf({ LASTHOP_BUNDLES: kv }, "");
    const nameless = new Serving({ source, runtime: invocationRuntime, poolLimits: () => NO_REUSE, capabilities: [] });
    const front = { clientAddress: null, scheme: "http", port: 80, sni: null } as const;
    const asked = nameless.fetch(new Request("http://mutual.example.com/"), front, () => undefined);
    expect(await answerOf(asked)).toEqual([500, "bundle-refused"]);
  });
});

function storeOf(kv: KVNamespace): KeyValue {
  return {
    get: (key) => kv.get(key),
    put: (key, value) => kv.put(key, value),
    delete: (key) => kv.delete(key),
    list: async (prefix) => (await kv.list({ prefix })).keys.map(({ name }) => name),
  };
}
