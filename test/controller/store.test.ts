/** The store of watched objects. */
import { describe, expect, it, onTestFinished } from "vitest";
import type { KubeObject } from "../../src/controller/api.ts";
import { createStore } from "../../src/controller/store.ts";
import { ApiServer } from "./api-server.ts";

describe("the store", () => {
  it("gives the compiler the same object again when only a status changed, but for a policy's", async () => {
    const server = new ApiServer();
    const stopped = new AbortController();
    onTestFinished(() => {
      stopped.abort();
      return server.stop();
    });
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
    await expect.poll(() => store.synced && store.objects().length).toBe(2);
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
  });
});
