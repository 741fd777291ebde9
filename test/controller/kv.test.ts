/** Publication into Workers KV, and its REST API. */
import { createServer } from "node:http";
import * as consumers from "node:stream/consumers";
import { describe, expect, it, onTestFinished } from "vitest";
import { seal, unseal } from "../../src/bundle/sealing.ts";
import { type KeyValue, kvOverRest, kvPublisher } from "../../src/controller/kv.ts";
import { listen } from "../support/listen.ts";

const LEADING = new AbortController().signal;
const SECRETS = '{"keys":{}}';
const SEALING_KEY = btoa("k".repeat(32));
const POINTER = "gateways/shop/edge.json";

const digest = (digit: string): string => digit.repeat(64);
const bundleKey = (digit: string): string => `bundles/${digest(digit)}.json`;
const publication = (digit: string) => ({
  gateway: "shop/edge",
  bundle: { digest: digest(digit), text: `bundle ${digit}` },
  secrets: { digest: digest(digit), text: SECRETS },
  addresses: [],
});

/** A namespace in memory, with the keys of every write. */
function memory(): KeyValue & { readonly stored: Map<string, string>; readonly puts: string[] } {
  const stored = new Map<string, string>();
  const puts: string[] = [];
  return {
    stored,
    puts,
    get: (name) => Promise.resolve(stored.get(name) ?? null),
    put: (name, value) => {
      puts.push(name);
      stored.set(name, value);
      return Promise.resolve();
    },
    delete: (name) => {
      stored.delete(name);
      return Promise.resolve();
    },
    list: (prefix) => Promise.resolve([...stored.keys()].filter((name) => name.startsWith(prefix))),
  };
}

describe("a publication", () => {
  it("holds keys sealed, and writes the pointer last", async () => {
    const kv = memory();
    const acknowledgement = await kvPublisher(kv, SEALING_KEY).publish(publication("a"), new Map(), LEADING);
    expect(acknowledgement).toMatchObject({ bundle: digest("a"), errors: [] });
    expect(kv.puts.at(-1)).toBe(POINTER);
    const sealed = kv.stored.get(`secrets/${digest("a")}.json`) ?? "";
    expect(sealed).not.toContain("keys");
    expect(await unseal(sealed, `secrets/${digest("a")}.json`, SEALING_KEY)).toBe(SECRETS);
  });

  it("writes nothing when nothing has changed, and is acknowledged all the same", async () => {
    const kv = memory();
    const publisher = kvPublisher(kv, SEALING_KEY);
    const pointers = await publisher.pointers();
    const first = await publisher.publish(publication("a"), pointers, LEADING);
    kv.puts.length = 0;
    expect(await publisher.publish(publication("a"), pointers, LEADING)).toEqual(first);
    expect(kv.puts).toEqual([]);
  });

  it("fails while the pointer does not read back", async () => {
    const kv = memory();
    const late: KeyValue = { ...kv, get: () => Promise.resolve(null) };
    const publishing = kvPublisher(late, SEALING_KEY).publish(publication("a"), new Map(), LEADING);
    await expect(publishing).rejects.toThrow("does not read back yet");
  });

  it("fails without a sealing key, and writes no pointer", async () => {
    const kv = memory();
    await expect(kvPublisher(kv, null).publish(publication("a"), new Map(), LEADING)).rejects.toThrow("no sealing key");
    expect(kv.stored.has(POINTER)).toBe(false);
  });

  it("deletes bundles that no pointer names any more", async () => {
    const kv = memory();
    const publisher = kvPublisher(kv, SEALING_KEY);
    const pointers = await publisher.pointers();
    for (const digit of ["a", "b"]) await publisher.publish(publication(digit), pointers, LEADING);
    // Another Gateway has the bundle that this one will no longer need.
    await publisher.publish({ ...publication("b"), gateway: "shop/other" }, pointers, LEADING);
    for (const digit of ["c", "d", "e"]) await publisher.publish(publication(digit), pointers, LEADING);
    expect(await kv.list("bundles/")).toEqual(["b", "d", "e"].map(bundleKey));
    expect(JSON.parse(kv.stored.get(POINTER) ?? "")).toMatchObject({ current: { bundle: digest("e") } });
  });

  it("is found by its pointer, and a broken pointer by its name", async () => {
    const kv = memory();
    const publisher = kvPublisher(kv, SEALING_KEY);
    await publisher.publish(publication("a"), new Map(), LEADING);
    kv.stored.set("gateways/shop/other.json", "{");
    expect([...(await publisher.pointers())]).toEqual([
      ["shop/edge", expect.anything()],
      ["shop/other", null],
    ]);
  });
});

it("a sealed value opens under its own name and key alone", async () => {
  const sealed = await seal(SECRETS, "secrets/a", SEALING_KEY);
  await expect(unseal(sealed, "secrets/b", SEALING_KEY)).rejects.toThrow("not sealed");
  await expect(unseal(sealed, "secrets/a", btoa("x".repeat(32)))).rejects.toThrow("not sealed");
  await expect(unseal("AAAA", "secrets/a", SEALING_KEY)).rejects.toThrow("not sealed");
  await expect(seal(SECRETS, "a", btoa("short"))).rejects.toThrow("5 bytes");
});

describe("the REST API of Workers KV", () => {
  const NAMESPACE = "/accounts/acc/storage/kv/namespaces/ns";

  /** A namespace behind the API, in pages of one key. `status` is the answer to every request, when it is given. */
  async function namespace(
    status?: number,
  ): Promise<{ kv: KeyValue; stored: Map<string, string>; tokens: Set<unknown> }> {
    const stored = new Map<string, string>();
    const tokens = new Set<unknown>();
    const server = createServer((request, response) => {
      tokens.add(request.headers.authorization);
      const { pathname, searchParams } = new URL(request.url ?? "", "http://api");
      const key = decodeURIComponent(pathname.slice(`${NAMESPACE}/values/`.length));
      const answer = (code: number, text = "{}"): void => void response.writeHead(status ?? code).end(text);
      if (pathname === `${NAMESPACE}/keys`) {
        const names = [...stored.keys()].filter((name) => name.startsWith(searchParams.get("prefix") ?? "")).sort();
        const at = Number(searchParams.get("cursor") ?? 0);
        const cursor = at + 1 < names.length ? `${at + 1}` : "";
        answer(
          200,
          JSON.stringify({ result: names.slice(at, at + 1).map((name) => ({ name })), result_info: { cursor } }),
        );
      } else if (request.method === "PUT") {
        void consumers.text(request).then((text) => {
          stored.set(key, text);
          answer(200);
        });
      } else if (request.method === "DELETE") answer(stored.delete(key) ? 200 : 404);
      else answer(stored.has(key) ? 200 : 404, stored.get(key));
    });
    onTestFinished(async () => void (await new Promise((resolve) => server.close(resolve))));
    const endpoint = `http://127.0.0.1:${await listen(server)}`;
    return { kv: kvOverRest({ accountId: "acc", namespaceId: "ns", apiToken: "token", endpoint }), stored, tokens };
  }

  it("reads, writes, deletes and lists, whatever the key", async () => {
    const { kv, stored, tokens } = await namespace();
    const keys = ["gateways/a/b?c.json", "gateways/a/ü.json", "gateways/b.json"];
    for (const key of [...keys, "bundles/a.json"]) await kv.put(key, `text of ${key}`);
    expect([...stored.keys()]).toEqual([...keys, "bundles/a.json"]);
    expect(await kv.get("gateways/a/b?c.json")).toBe("text of gateways/a/b?c.json");
    expect((await kv.list("gateways/")).toSorted()).toEqual(keys.toSorted());
    await kv.delete("gateways/b.json");
    expect(await kv.get("gateways/b.json")).toBeNull();
    expect([...tokens]).toEqual(["Bearer token"]);
  });

  it("fails where the API fails, and where the namespace does not exist", async () => {
    const failing = await namespace(500);
    await expect(failing.kv.get("a")).rejects.toThrow("Workers KV: GET answered 500");
    await expect(failing.kv.put("a", "")).rejects.toThrow("Workers KV: PUT answered 500");
    const absent = await namespace(404);
    await expect(absent.kv.put("a", "")).rejects.toThrow("there is no such namespace");
  });
});
