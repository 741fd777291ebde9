/** The few connections that the platform allows an object, in workerd, which itself has no limit. */
import { expect, inject, it } from "vitest";
import { createBackends } from "../../src/backend/backends.ts";
import { encodeBundle } from "../../src/bundle/codec.ts";
import type { Bundle } from "../../src/bundle/types.ts";
import { cloudflareRuntime } from "../../src/host/cloudflare/runtime.ts";
import { connectionsOf } from "../../src/host/cloudflare/pool-hop.ts";
import { Serving } from "../../src/host/cloudflare/serving.ts";
import { platform } from "../support/platform.ts";
import { plainRequest } from "../support/request.ts";
import { bundleFor } from "../last-hop/suite.ts";

const NAMES = "abcdefg".split("");
const idOf = (name: string): string => `test/${name}:443`;

/** Seven backends, each under a policy of its own, so that none may use another's connection. */
function sevenBackends(): Bundle {
  const bundle = bundleFor(inject("fixtures"), "good", {});
  const [backend] = Object.values(bundle.backends);
  const [policy] = Object.values(bundle.policies);
  if (backend === undefined || policy === undefined) throw new Error("unreachable");
  const each = NAMES.map((name) => {
    const digest = name.repeat(64);
    return { name, digest, backend: { ...backend, transport: { kind: "tls", policy: digest } } as const };
  });
  return {
    ...bundle,
    backends: Object.fromEntries(each.map((one) => [idOf(one.name), one.backend])),
    policies: Object.fromEntries(each.map(({ digest }) => [digest, policy])),
  };
}

it("serves seven backends with the six connections that Cloudflare allows", async () => {
  const sockets = platform(cloudflareRuntime.dial, 6, "queued");
  const poolLimits = { idlePerKey: 4, connections: connectionsOf({}) };
  const backends = createBackends({
    bundle: sevenBackends(),
    runtime: { ...cloudflareRuntime, dial: sockets.dial },
    poolLimits,
  });
  const ask = async (name: string, target = "/"): Promise<Response> => {
    const sent = await backends.send(idOf(name), plainRequest({ target }));
    if (sent.kind !== "response") throw new Error(JSON.stringify(sent));
    return new Response(sent.response.body);
  };
  for (const name of [...NAMES, ...NAMES]) expect(await (await ask(name)).text()).toContain("good");
  expect(sockets).toMatchObject({ open: 6, peak: 6, beyond: 0 });

  // All six are in use. The seventh request is answered when one of them ends, and the platform saw no seventh socket.
  const stalled = [];
  for (const name of NAMES.slice(0, 6)) stalled.push(await ask(name, "/stall"));
  const seventh = ask("g");
  await stalled[3]?.body?.cancel();
  expect(await (await seventh).text()).toContain("good");
  expect(sockets).toMatchObject({ peak: 6, beyond: 0 });
  for (const response of stalled) await response.body?.cancel();
  backends.close();
});

it("leaves one of them to the bundles in Workers KV, and takes another number from the deployment", () => {
  expect(connectionsOf({})).toBe(6);
  expect(connectionsOf({ LASTHOP_BUNDLES: { get: () => Promise.resolve(null) } as unknown as KVNamespace })).toBe(5);
  expect(connectionsOf({ LASTHOP_POOL_CONNECTIONS: "256" })).toBe(256);
});

it.each(["", "0", "six", "-1", "1.5", "6 ", "1e3"])("serves nothing under a number that is none: %j", async (asked) => {
  const { text } = encodeBundle(bundleFor(inject("fixtures"), "good", {}), cloudflareRuntime.sha256);
  const read = async () => ({ bundle: text, secrets: null });
  const serving = new Serving({
    runtime: cloudflareRuntime,
    source: { holdsMs: Number.POSITIVE_INFINITY, candidates: async () => [{ id: "it", read }] },
    poolLimits: () => ({ connections: connectionsOf({ LASTHOP_POOL_CONNECTIONS: asked }) }),
    capabilities: [],
  });
  const front = { clientAddress: null, scheme: "http", port: 80, sni: null } as const;
  const response = await serving.fetch(new Request("http://good.example.com/"), front, () => undefined);
  expect([response.status, await response.json()]).toEqual([500, expect.objectContaining({ code: "bundle-refused" })]);
});
