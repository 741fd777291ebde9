/** Publication into Workers KV. */
import { describe, expect, it } from "vitest";
import { seal, unseal } from "../../src/bundle/sealing.ts";
import { type KeyValue, kvPublisher } from "../../src/controller/kv.ts";

const LEADING = new AbortController().signal;

describe("Workers KV", () => {
  const text = '{"keys":{}}';
  const key = btoa("k".repeat(32));
  const publication = (digit: string) => ({
    gateway: "shop/edge",
    bundle: { digest: digit.repeat(64), text: `bundle ${digit}` },
    secrets: { digest: digit.repeat(64), text },
    addresses: [],
  });

  it("holds keys sealed, the pointer last, and what two generations back named no more", async () => {
    const stored = new Map<string, string>();
    const order: string[] = [];
    const kv: KeyValue = {
      get: (name) => Promise.resolve(stored.get(name) ?? null),
      put: (name, value) => {
        order.push(name);
        stored.set(name, value);
        return Promise.resolve();
      },
      delete: (name) => {
        stored.delete(name);
        return Promise.resolve();
      },
      list: (prefix) => Promise.resolve([...stored.keys()].filter((name) => name.startsWith(prefix))),
    };
    const publisher = kvPublisher(kv, key);
    const pointers = await publisher.pointers();
    expect(await publisher.publish(publication("a"), pointers, LEADING)).toMatchObject({ bundle: "a".repeat(64) });
    expect(order.at(-1)).toBe("gateways/shop/edge.json");
    const sealed = stored.get(`secrets/${"a".repeat(64)}.json`) ?? "";
    expect(sealed).not.toContain("keys");
    expect(await unseal(sealed, `secrets/${"a".repeat(64)}.json`, key)).toBe(text);
    await publisher.publish(publication("b"), pointers, LEADING);
    // Another Gateway has the keys that this one will no longer need.
    await publisher.publish({ ...publication("b"), gateway: "shop/other" }, pointers, LEADING);
    for (const digit of ["c", "d", "e"]) await publisher.publish(publication(digit), pointers, LEADING);
    expect([...stored.keys()].filter((name) => name.startsWith("bundles/"))).toEqual(
      ["b", "d", "e"].map((digit) => `bundles/${digit.repeat(64)}.json`),
    );
    await expect(kvPublisher(kv, null).publish(publication("f"), pointers, LEADING)).rejects.toThrow("no sealing key");
    expect(JSON.parse(stored.get("gateways/shop/edge.json") ?? "")).toMatchObject({
      current: { bundle: "e".repeat(64) },
    });
    stored.set("gateways/shop/other.json", "{");
    expect([...(await publisher.pointers())]).toEqual([
      ["shop/edge", expect.anything()],
      ["shop/other", null],
    ]);
  });
  it("opens a sealed value under its own name and key alone", async () => {
    const sealed = await seal(text, "secrets/a", key);
    await expect(unseal(sealed, "secrets/b", key)).rejects.toThrow("not sealed");
    await expect(unseal(sealed, "secrets/a", btoa("x".repeat(32)))).rejects.toThrow("not sealed");
    await expect(unseal("AAAA", "secrets/a", key)).rejects.toThrow("not sealed");
    await expect(seal(text, "a", btoa("short"))).rejects.toThrow("5 bytes");
  });
});
