/** Addresses, the Lease, and publication to Workers KV. */
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { pointerKey } from "../../src/bundle/publication.ts";
import { seal, unseal } from "../../src/bundle/sealing.ts";
import { assignAddresses, parsePool } from "../../src/controller/addresses.ts";
import { ApiError, type KubeApi, type KubeObject } from "../../src/controller/api.ts";
import { type KeyValue, kvPublisher } from "../../src/controller/kv.ts";
import { mergeStatus } from "../../src/controller/merge.ts";
import { lead } from "../../src/controller/lease.ts";
import { createStore } from "../../src/controller/store.ts";
import { ApiServer } from "./api-server.ts";

describe("addresses", () => {
  it("are read from addresses and blocks, without an IPv4 block's network and broadcast", () => {
    expect(parsePool(["10.0.0.5", "10.1.0.0/30", "fd00::/127"])).toEqual([
      "10.0.0.5",
      "10.1.0.1",
      "10.1.0.2",
      "fd00::",
      "fd00::1",
    ]);
    expect(() => parsePool(["300.1.1.1"])).toThrow(/300\.1\.1\.1/);
  });
  it("stay with the Gateway that has them, then go to requests, then by name", () => {
    const any = { requested: [], current: [] };
    const assigned = assignAddresses(
      ["10.0.0.1", "10.0.0.2", "10.0.0.3"],
      [
        { gateway: "a/first", ...any },
        { gateway: "z/holder", requested: [], current: ["10.0.0.1"] },
        { gateway: "m/asks", requested: ["10.0.0.2"], current: [] },
        { gateway: "n/asks-too", requested: ["10.0.0.2"], current: [] },
        { gateway: "o/last", ...any },
      ],
    );
    expect(Object.fromEntries(assigned)).toMatchObject({
      "z/holder": { addresses: ["10.0.0.1"] },
      "m/asks": { addresses: ["10.0.0.2"] },
      "n/asks-too": { reason: "AddressNotUsable", message: "address 10.0.0.2 is taken by Gateway m/asks" },
      "a/first": { addresses: ["10.0.0.3"] },
      "o/last": { reason: "AddressNotAssigned" },
    });
  });
  it("are named by files that a file system can hold", () => {
    for (const step of pointerKey(`${"n".repeat(63)}/${"g".repeat(253)}`).split("/"))
      expect(step.length).toBeLessThan(240);
  });
});

describe("the store", () => {
  it("gives the compiler the same object again when only a status changed, but for a policy's", async () => {
    const server = new ApiServer();
    const stopped = new AbortController();
    const store = createStore({ api: await server.start(), signal: stopped.signal, onChange: () => undefined });
    const objectOf = (kind: string, name: string, spec: object): KubeObject => ({
      apiVersion: "gateway.networking.k8s.io/v1",
      kind,
      metadata: { name, namespace: "shop" },
      spec,
    });
    const [route, policy] = [objectOf("HTTPRoute", "site", { rules: [] }), objectOf("BackendTLSPolicy", "web", {})];
    server.apply("httproutes", route);
    server.apply("backendtlspolicies", policy);
    await expect.poll(() => store.synced && store.objects().length, { timeout: 5_000 }).toBe(2);
    const raw = (kind: string) => store.objects().find(({ ref }) => ref.kind === kind);
    /** The compiler's object of that kind, once the store has the change. */
    const after = async (plural: string, changed: KubeObject) => {
      const { metadata } = server.apply(plural, changed);
      const seen = () => store.get(changed.kind, `shop/${metadata.name}`)?.metadata.resourceVersion;
      await expect.poll(seen).toBe(metadata.resourceVersion);
      return raw(changed.kind);
    };
    const [first, firstPolicy] = [raw("HTTPRoute"), raw("BackendTLSPolicy")];
    expect(await after("httproutes", { ...route, status: { parents: [] } })).toBe(first);
    expect(await after("backendtlspolicies", { ...policy, status: { ancestors: [] } })).not.toBe(firstPolicy);
    const labelled = { ...route, metadata: { ...route.metadata, labels: { a: "b" } } };
    const second = await after("httproutes", labelled);
    expect(second).not.toBe(first);
    expect(await after("httproutes", { ...labelled, spec: { rules: [{}] } })).not.toBe(second);
    server.remove("httproutes", "shop", "site");
    await expect.poll(() => store.objects().length).toBe(1);
    stopped.abort();
    await server.stop();
  });
});

const LEADING = new AbortController().signal;

describe("the Lease", () => {
  it("has one holder, who gives it back, and the next one takes it", async () => {
    const server = new ApiServer();
    const api: KubeApi = await server.start();
    const options = { api, namespace: "lasthop-system", name: "lead", now: () => Date.now(), onFault: () => undefined };
    const [one, two] = [new AbortController(), new AbortController()];
    const held: string[] = [];
    const hold = (name: string, stop: AbortController): Promise<void> =>
      lead({ ...options, identity: name, signal: stop.signal }, async (lost) => {
        held.push(name);
        await new Promise((resolve) => lost.addEventListener("abort", resolve, { once: true }));
        held.splice(held.indexOf(name), 1);
      });
    const first = hold("one", one);
    await expect.poll(() => held).toEqual(["one"]);
    const second = hold("two", two);
    one.abort();
    await first;
    await expect.poll(() => held).toEqual(["two"]);
    two.abort();
    await second;
    expect(held).toEqual([]);
    await server.stop();
  });

  it.each([
    ["does not answer", () => new Promise<never>(() => undefined)],
    ["fails", () => Promise.reject(new Error("down"))],
  ])("is lost before others may take it, though the API server %s", async (_, renewal) => {
    vi.useFakeTimers();
    onTestFinished(() => void vi.useRealTimers());
    let isDown = false;
    // The Lease counts from the request that takes it; the response to that request comes late here.
    const api: Pick<KubeApi, "get" | "create"> = {
      create: async (_path, body) => {
        await new Promise((resolve) => void setTimeout(resolve, 4_000));
        isDown = true;
        return body as KubeObject;
      },
      get: () => (isDown ? renewal() : Promise.reject(new ApiError(404, "none yet"))),
    };
    const startMs = Date.now();
    let lostMs = 0;
    const options = { namespace: "n", name: "lead", identity: "one", signal: LEADING, onFault: () => undefined };
    const leading = lead({ ...options, api: api as KubeApi, now: () => Date.now() }, async (lost) => {
      await new Promise((resolve) => lost.addEventListener("abort", resolve));
      lostMs = Date.now();
    });
    await vi.advanceTimersByTimeAsync(60_000);
    await leading;
    expect(lostMs - startMs).toBe(10_000);
  });
});

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

describe("a status", () => {
  const now = "2026-01-01T00:00:00Z";
  const object = (kind: string, status: object): KubeObject => ({
    apiVersion: "gateway.networking.k8s.io/v1",
    kind,
    metadata: { name: "edge", namespace: "shop" },
    status,
  });
  const condition = (type: string, status: "True" | "False", reason = type) => ({ type, status, reason, message: "" });
  const timed = (type: string) => ({ ...condition(type, "True"), lastTransitionTime: now });
  const serving = { addresses: null, programmed: { status: "True", reason: "Programmed", message: "" } } as const;

  it("loses the conditions of ours that no longer hold, and keeps foreign ones", () => {
    const old = ["InsecureFrontendValidationMode", "OverlappingTLSConfig", "example.com/Mine"].map(timed);
    const merged = mergeStatus(
      object("Gateway", { conditions: old, listeners: [{ name: "a", conditions: old }] }),
      { conditions: [condition("Accepted", "True")], listeners: [{ name: "a", conditions: [] }] },
      null,
      now,
    );
    expect(merged).toMatchObject({
      conditions: [timed("Accepted"), timed("example.com/Mine")],
      listeners: [{ name: "a", conditions: [timed("example.com/Mine")] }],
    });
  });

  it("of a refused ListenerSet has no listeners, and is not Programmed for the reason that it is not Accepted", () => {
    const merged = mergeStatus(
      object("ListenerSet", { listeners: [{ name: "a", conditions: [] }] }),
      { conditions: [condition("Accepted", "False", "NotAllowed")] },
      serving,
      now,
    );
    expect(merged).not.toHaveProperty("listeners");
    expect(merged).toMatchObject({ conditions: [{}, { type: "Programmed", status: "False", reason: "NotAllowed" }] });
  });

  it("says of a ListenerSet's conflicted listener that the conflict keeps it from being Programmed", () => {
    const own = [condition("Accepted", "False", "HostnameConflict")];
    const merged = mergeStatus(
      object("ListenerSet", {}),
      { conditions: [condition("Accepted", "True")], listeners: [{ name: "a", conditions: own }] },
      serving,
      now,
    );
    expect(merged).toMatchObject({
      conditions: [{}, { type: "Programmed", status: "True" }],
      listeners: [{ conditions: [{}, { type: "Programmed", status: "False", reason: "HostnameConflict" }] }],
    });
  });
});
