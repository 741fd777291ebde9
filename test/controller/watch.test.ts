/** Lists and watches that fail, end or come late: the controller writes nothing about a cluster that it has read in part. */
import { expect, it } from "vitest";
import { edge, parentsOf, passes, pointer, routeOf, server, start } from "./cluster.ts";

it("writes nothing until every list has been read", async () => {
  server.faults.push(...Array.from({ length: 2 }, () => ({ method: "GET", path: /\/services$/, status: 500 })));
  const controller = start();
  await expect.poll(() => controller.faults.some((fault) => fault.startsWith("Service: "))).toBe(true);
  const resolved: (string | undefined)[] = [];
  server.onWritten = async (path) => {
    if (!path.endsWith("httproutes/site/status")) return;
    resolved.push(parentsOf("site")[0]?.conditions.find(({ type }) => type === "ResolvedRefs")?.status);
  };
  expect(server.writes).toEqual([]);
  await expect.poll(() => resolved.length).toBeGreaterThan(0);
  // With the Services unread, the route's status would first be BackendNotFound.
  expect(resolved[0]).toBe("True");
});

it("writes nothing when a list fails between its pages, and reads it again", async () => {
  const names = ["site", "b", "c", "d"];
  for (const name of names.slice(1)) server.apply("httproutes", routeOf(name, `/${name}`));
  server.pageSize = 1;
  // The first page of routes is answered, the second fails.
  server.faults.push({ method: "GET", path: /httproutes$/, query: /continue=1/, status: 500 });
  const attached: unknown[] = [];
  server.onWritten = async (path) => {
    if (!path.endsWith("gateways/edge/status")) return;
    const { listeners = [] } = (edge()?.status ?? {}) as { listeners?: { attachedRoutes: number }[] };
    attached.push(...listeners.map(({ attachedRoutes }) => attachedRoutes));
  };
  start();
  for (const name of names) await expect.poll(() => parentsOf(name)).toHaveLength(1);
  await expect.poll(() => attached.length).toBeGreaterThan(0);
  expect(server.faults).toEqual([]);
  expect(new Set(attached)).toEqual(new Set([names.length]));
});

it("resumes watches that end, and lists again when the version is too old", async () => {
  start();
  await expect.poll(() => parentsOf("site")).toHaveLength(1);
  const before = (await pointer())?.current.bundle;
  server.oldest = 1_000_000;
  server.cutWatches();
  server.apply("httproutes", routeOf("second", "/second"), "silent");
  server.remove("httproutes", "shop", "site");
  await expect.poll(() => parentsOf("second")).toHaveLength(1);
  server.oldest = 0;
  await expect.poll(async () => (await pointer())?.current.bundle).not.toBe(before);
});

it("keeps what it has read while the API server is down, and catches up later", async () => {
  const controller = start();
  await expect.poll(() => parentsOf("site")).toHaveLength(1);
  const before = await pointer();
  server.faults.push(...Array.from({ length: 1_000 }, () => ({ method: "GET", path: /./, status: 503 })));
  server.cutWatches();
  server.apply("httproutes", routeOf("late", "/late"), "silent");
  await expect.poll(() => controller.faults.some((fault) => fault.startsWith("HTTPRoute: "))).toBe(true);
  const ended = passes.length;
  await expect.poll(() => passes.length).toBeGreaterThan(ended);
  expect(await pointer()).toEqual(before);
  server.faults.length = 0;
  await expect.poll(() => parentsOf("late")).toHaveLength(1);
});

it("publishes nothing when a CustomResourceDefinition is deleted with its objects", async () => {
  const controller = start();
  await expect.poll(() => parentsOf("site")).toHaveLength(1);
  const before = await pointer();
  server.remove("customresourcedefinitions", undefined, "httproutes.gateway.networking.k8s.io");
  server.remove("httproutes", "shop", "site");
  await expect.poll(() => controller.faults.join()).toContain("CustomResourceDefinition httproutes");
  expect(await pointer()).toEqual(before);
});
