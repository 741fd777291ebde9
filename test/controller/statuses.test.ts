/** Statuses as the controller writes them, beside those of other controllers and with the faults of real API servers. */
import { describe, expect, it } from "vitest";
import {
  conditionOf,
  edge,
  eventReceived,
  gatewayOf,
  parentsOf,
  passes,
  pointer,
  routeOf,
  server,
  start,
  wholePass,
} from "./cluster.ts";

const resolvedRefs = (name: string): string | undefined =>
  parentsOf(name)[0]?.conditions.find(({ type }) => type === "ResolvedRefs")?.status;

describe("a status", () => {
  it("keeps foreign entries and conditions, and lastTransitionTime until a condition's status changes", async () => {
    const foreign = {
      controllerName: "example.com/other",
      parentRef: { name: "edge" },
      conditions: [
        { type: "Accepted", status: "False", reason: "No", message: "", lastTransitionTime: "2020-01-01T00:00:00Z" },
      ],
    };
    const accepted = { type: "Accepted", status: "True", reason: "Accepted", message: "", observedGeneration: 1 };
    const own = {
      controllerName: "lasthop.dev/gateway-controller",
      parentRef: { group: "gateway.networking.k8s.io", kind: "Gateway", name: "edge" },
      conditions: [{ ...accepted, lastTransitionTime: "2020-01-01T00:00:00Z" }],
    };
    server.apply("httproutes", { ...routeOf("site", "/"), status: { parents: [foreign, own] } });
    const mine = {
      type: "example.com/Mine",
      status: "True",
      reason: "R",
      message: "",
      lastTransitionTime: "2020-01-01T00:00:00Z",
    };
    server.apply("gateways", { ...gatewayOf("edge"), status: { conditions: [mine] } });
    start();
    await expect.poll(() => parentsOf("site")[1]?.conditions).toHaveLength(2);
    expect(parentsOf("site")[0]).toEqual(foreign);
    await expect.poll(() => conditionOf(edge(), "Accepted")?.status).toBe("True");
    expect(conditionOf(edge(), "example.com/Mine")).toEqual(mine);
    server.apply("httproutes", routeOf("site", "/other"));
    await expect.poll(() => parentsOf("site")[1]?.conditions[0]?.observedGeneration).toBe(2);
    const [first, second] = parentsOf("site")[1]?.conditions ?? [];
    expect(first).toMatchObject({ type: "Accepted", lastTransitionTime: "2020-01-01T00:00:00Z" });
    expect(second?.lastTransitionTime).not.toBe("2020-01-01T00:00:00Z");
  });

  it("loses the entry of a route that no longer names a Gateway of ours", async () => {
    start();
    await expect.poll(() => parentsOf("site")).toHaveLength(1);
    const away = routeOf("site", "/");
    server.apply("httproutes", { ...away, spec: { ...(away.spec as object), parentRefs: [] } });
    await expect.poll(() => parentsOf("site")).toHaveLength(0);
  });

  it("is not written for an outdated object: an older generation never overwrites a newer one", async () => {
    const newer = {
      type: "Accepted",
      status: "True",
      reason: "Accepted",
      message: "",
      observedGeneration: 7,
      lastTransitionTime: "2026-01-01T00:00:00Z",
    };
    server.apply("gateways", { ...gatewayOf("edge"), status: { conditions: [newer] } });
    start();
    await wholePass();
    expect(await pointer()).not.toBeNull();
    expect(conditionOf(edge(), "Accepted")).toEqual(newer);
  });

  it("follows a newer generation whose event arrives before the response to the write", async () => {
    let changes = 0;
    server.onWritten = async (path) => {
      if (!path.endsWith("httproutes/site/status") || changes++ > 0) return;
      const { metadata } = server.apply("httproutes", routeOf("site", "/other"));
      await eventReceived("MODIFIED", (object) => object.metadata.resourceVersion === metadata.resourceVersion);
    };
    start();
    await expect.poll(() => parentsOf("site")[0]?.conditions[0]?.observedGeneration).toBe(2);
  });
});

describe("a write", () => {
  it("that conflicts is repeated at once, over the current object", async () => {
    start();
    await expect.poll(() => resolvedRefs("site")).toBe("True");
    await wholePass();
    // Without its event, the controller has an old version of the route when it writes.
    const route = routeOf("site", "/");
    server.apply("httproutes", { ...route, metadata: { ...route.metadata, labels: { team: "shop" } } }, "silent");
    server.remove("services", "shop", "web");
    await expect.poll(() => resolvedRefs("site")).toBe("False");
    expect(server.get("httproutes", "shop", "site")?.metadata.labels).toEqual({ team: "shop" });
    expect(passes.flatMap(({ failures }) => failures)).toEqual([]);
  });

  it("that conflicts many times in a row is repeated in a later pass", async () => {
    const conflict = { method: "PUT", path: /httproutes\/site\/status$/, status: 409 };
    server.faults.push(...Array.from({ length: 12 }, () => conflict));
    const controller = start();
    await expect.poll(() => controller.faults.join()).toContain("conflicts in a row");
    await expect.poll(() => parentsOf("site")).toHaveLength(1);
    await expect.poll(() => controller.faults).toEqual([]);
  });

  it("that the API server refuses is repeated in a later pass", async () => {
    for (const status of [500, 503, 429])
      server.faults.push({ method: "PUT", path: /gateways\/edge\/status$/, status });
    start();
    await expect.poll(() => conditionOf(edge(), "Accepted")?.status).toBe("True");
    expect(server.faults).toEqual([]);
  });

  it("is correct with a slow API server", async () => {
    server.delayMs = 150;
    start();
    await expect.poll(() => parentsOf("site")).toHaveLength(1);
    server.apply("httproutes", routeOf("site", "/other"));
    server.apply("httproutes", routeOf("late", "/late"));
    await expect.poll(() => parentsOf("site")[0]?.conditions[0]?.observedGeneration).toBe(2);
    await expect.poll(() => parentsOf("late")).toHaveLength(1);
  });
});
