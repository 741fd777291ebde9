/** The controller against the tests' API server, with the faults of real servers. */
import { readdir, readFile, rm, writeFile, mkdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { acknowledgementKey, decodePointer, type Pointer, pointerKey } from "../../src/bundle/publication.ts";
import type { KubeApi, KubeObject } from "../../src/controller/api.ts";
import { type Controller, runController } from "../../src/controller/controller.ts";
import { directoryPublisher } from "../../src/controller/directory.ts";
import { lead } from "../../src/controller/lease.ts";
import type { Publisher } from "../../src/controller/publisher.ts";
import { ApiServer } from "./api-server.ts";
import { temporaryDirectory } from "../support/temporary-directory.ts";

const GROUP = "gateway.networking.k8s.io/v1";
const CONTROLLER = "lasthop.dev/gateway-controller";

const GATEWAY_CLASS: KubeObject = {
  apiVersion: GROUP,
  kind: "GatewayClass",
  metadata: { name: "lasthop" },
  spec: { controllerName: CONTROLLER },
};
const gatewayOf = (name: string, spec: object = {}): KubeObject => ({
  apiVersion: GROUP,
  kind: "Gateway",
  metadata: { name, namespace: "shop" },
  spec: {
    gatewayClassName: "lasthop",
    listeners: [{ name: "http", port: 80, protocol: "HTTP", allowedRoutes: { namespaces: { from: "Same" } } }],
    ...spec,
  },
});
const routeOf = (name: string, path: string): KubeObject => ({
  apiVersion: GROUP,
  kind: "HTTPRoute",
  metadata: { name, namespace: "shop", creationTimestamp: "2026-01-01T00:00:00Z" } as KubeObject["metadata"],
  spec: {
    parentRefs: [{ group: "gateway.networking.k8s.io", kind: "Gateway", name: "edge" }],
    rules: [
      {
        matches: [{ path: { type: "PathPrefix", value: path } }],
        backendRefs: [{ group: "", kind: "Service", name: "web", port: 80, weight: 1 }],
      },
    ],
  },
});
const SERVICE: KubeObject = {
  apiVersion: "v1",
  kind: "Service",
  metadata: { name: "web", namespace: "shop" },
  spec: { type: "ClusterIP", ports: [{ name: "http", protocol: "TCP", port: 80 }] },
};

let server: ApiServer;
let api: KubeApi;
let directory: string;
let running: { controller: Controller; stop: () => Promise<void> } | null;

beforeEach(async () => {
  server = new ApiServer();
  api = await server.start();
  directory = await temporaryDirectory();
  server.apply("gatewayclasses", GATEWAY_CLASS);
  server.apply("gateways", gatewayOf("edge"));
  server.apply("services", SERVICE);
  server.apply("httproutes", routeOf("site", "/"));
  running = null;
});

afterEach(async () => {
  await running?.stop();
  await server.stop();
});

function start(pool = ["127.2.0.1", "127.2.0.2"]): Controller {
  const stopped = new AbortController();
  const controller = runController({
    api,
    publisher: directoryPublisher(directory),
    pool,
    compile: {
      allowLoopback: false,
      allowAddressAnnotation: false,
      allowExternalName: false,
      requireBackendTls: false,
    },
    signal: stopped.signal,
    now: () => Date.now(),
    log: () => undefined,
  });
  running = {
    controller,
    stop: async () => {
      stopped.abort();
      await controller.done;
    },
  };
  return controller;
}

async function pointer(gateway = "shop/edge"): Promise<Pointer | null> {
  return readFile(join(directory, pointerKey(gateway)), "utf8").then(decodePointer, () => null);
}

/** Writes an acknowledgement as a host does. */
async function acknowledge(
  gateway: string,
  bundle: string,
  addresses: readonly string[],
  errors: readonly string[] = [],
) {
  const path = join(directory, acknowledgementKey(gateway));
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, JSON.stringify({ format: 1, gateway, bundle, addresses, errors }));
}

interface Condition {
  type: string;
  status: string;
  reason: string;
  lastTransitionTime: string;
  observedGeneration?: number;
}
function conditionOf(object: KubeObject | undefined, type: string): Condition | undefined {
  return ((object?.status ?? {}) as { conditions?: Condition[] }).conditions?.find((each) => each.type === type);
}
const edge = (): KubeObject | undefined => server.get("gateways", "shop", "edge");
const parentsOf = (name: string): { controllerName: string; conditions: Condition[] }[] =>
  ((server.get("httproutes", "shop", name)?.status ?? {}) as { parents?: [] }).parents ?? [];

describe("a controller", () => {
  it("publishes, and sets Programmed only once the host has acknowledged this bundle on these addresses", async () => {
    start();
    await expect.poll(() => pointer()).not.toBeNull();
    const { current, addresses } = (await pointer()) as Pointer;
    expect(addresses).toEqual(["127.2.0.1"]);
    await expect.poll(() => conditionOf(edge(), "Programmed")).toMatchObject({ status: "False", reason: "Pending" });
    await acknowledge("shop/edge", "0".repeat(64), addresses);
    await expect.poll(() => server.writes.length).toBeGreaterThan(0);
    expect(conditionOf(edge(), "Programmed")?.status).toBe("False");
    await acknowledge("shop/edge", current.bundle, addresses);
    await expect.poll(() => conditionOf(edge(), "Programmed")).toMatchObject({ status: "True", observedGeneration: 1 });
    expect(edge()?.status).toHaveProperty("addresses", [{ type: "IPAddress", value: "127.2.0.1" }]);
    await acknowledge("shop/edge", current.bundle, [], ["port 80: EADDRNOTAVAIL"]);
    await expect.poll(() => conditionOf(edge(), "Programmed")).toMatchObject({ status: "False" });
  });

  it("keeps foreign entries and conditions, and lastTransitionTime until a status changes", async () => {
    const foreign = {
      controllerName: "example.com/other",
      parentRef: { name: "edge" },
      conditions: [
        { type: "Accepted", status: "False", reason: "No", message: "", lastTransitionTime: "2020-01-01T00:00:00Z" },
      ],
    };
    server.apply("httproutes", { ...routeOf("site", "/"), status: { parents: [foreign] } });
    const own = {
      type: "example.com/Mine",
      status: "True",
      reason: "R",
      message: "",
      lastTransitionTime: "2020-01-01T00:00:00Z",
    };
    server.apply("gateways", { ...gatewayOf("edge"), status: { conditions: [own] } });
    start();
    await expect.poll(() => parentsOf("site")).toHaveLength(2);
    expect(parentsOf("site")[0]).toEqual(foreign);
    await expect.poll(() => conditionOf(edge(), "Accepted")?.status).toBe("True");
    expect(conditionOf(edge(), "example.com/Mine")).toEqual(own);
    const before = parentsOf("site")[1]?.conditions[0];
    server.apply("httproutes", { ...routeOf("site", "/other"), status: { parents: parentsOf("site") } });
    await expect.poll(() => parentsOf("site")[1]?.conditions[0]?.observedGeneration).toBe(2);
    expect(parentsOf("site")[1]?.conditions[0]?.lastTransitionTime).toBe(before?.lastTransitionTime);
  });

  it("removes its entry from a route that no longer names a Gateway of ours", async () => {
    start();
    await expect.poll(() => parentsOf("site")).toHaveLength(1);
    const away = routeOf("site", "/");
    server.apply("httproutes", { ...away, spec: { ...(away.spec as object), parentRefs: [] } });
    await expect.poll(() => parentsOf("site")).toHaveLength(0);
  });

  it("writes again after a conflict, over the current object", async () => {
    server.faults.push({ method: "PUT", path: /httproutes\/site\/status$/, status: 409 });
    start();
    await expect.poll(() => parentsOf("site")).toHaveLength(1);
  });

  it("repeats a write that the API server refused", async () => {
    for (const status of [500, 503, 429])
      server.faults.push({ method: "PUT", path: /gateways\/edge\/status$/, status });
    start();
    await expect.poll(() => conditionOf(edge(), "Accepted")?.status).toBe("True");
    expect(server.faults).toEqual([]);
  });

  it("writes nothing for an outdated object: an older generation never overwrites a newer one", async () => {
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
    await expect.poll(() => pointer()).not.toBeNull();
    await expect.poll(() => parentsOf("site")).toHaveLength(1);
    expect(conditionOf(edge(), "Accepted")).toEqual(newer);
  });

  it("notices a newer generation whose event arrives before the response to its own write", async () => {
    let changes = 0;
    server.onWritten = async (path) => {
      if (!path.endsWith("httproutes/site/status") || changes++ > 0) return;
      server.apply("httproutes", routeOf("site", "/other"));
      // The event must arrive before the answer to the write.
      await setTimeout(200);
    };
    start();
    await expect.poll(() => parentsOf("site")[0]?.conditions[0]?.observedGeneration).toBe(2);
  });

  it("writes nothing until every list has been read", async () => {
    server.faults.push(...Array.from({ length: 2 }, () => ({ method: "GET", path: /\/services$/, status: 500 })));
    const controller = start();
    await expect.poll(() => controller.faults.some((fault) => fault.startsWith("Service"))).toBe(true);
    // With the Services unread, the route's status would be BackendNotFound.
    expect(server.writes).toEqual([]);
    await expect
      .poll(() => parentsOf("site")[0]?.conditions.find(({ type }) => type === "ResolvedRefs")?.status)
      .toBe("True");
  });

  it("writes nothing when a list fails between its pages, and reads it again", async () => {
    for (const name of ["b", "c", "d"]) server.apply("httproutes", routeOf(name, `/${name}`));
    server.pageSize = 1;
    // The first page of routes is answered, the second fails.
    server.faults.push({ method: "GET", path: /httproutes$/, query: /continue=1/, status: 500 });
    start();
    await expect.poll(() => server.faults).toEqual([]);
    expect(server.writes).toEqual([]);
    for (const name of ["site", "b", "c", "d"]) await expect.poll(() => parentsOf(name)).toHaveLength(1);
  });

  it("writes correct statuses with a slow API server", async () => {
    server.delayMs = 150;
    start();
    await expect.poll(() => parentsOf("site")).toHaveLength(1);
    server.apply("httproutes", routeOf("site", "/other"));
    server.apply("httproutes", routeOf("late", "/late"));
    await expect.poll(() => parentsOf("site")[0]?.conditions[0]?.observedGeneration).toBe(2);
    await expect.poll(() => parentsOf("late")).toHaveLength(1);
  });

  it("gives up after some conflicts in a row, and writes in a later pass", async () => {
    const conflict = { method: "PUT", path: /httproutes\/site\/status$/, status: 409 };
    server.faults.push(...Array.from({ length: 12 }, () => conflict));
    const controller = start();
    await expect.poll(() => controller.faults.join()).toContain("conflicts in a row");
    await expect.poll(() => parentsOf("site")).toHaveLength(1);
    await expect.poll(() => controller.faults).toEqual([]);
  });

  it("never points to a bundle written in part, and continues after a restart", async () => {
    // The bundle can be written, but not its pointer.
    const inTheWay = dirname(join(directory, pointerKey("shop/edge")));
    await mkdir(dirname(inTheWay));
    await writeFile(inTheWay, "");
    const controller = start();
    await expect.poll(() => controller.faults.join()).toContain("publication failed");
    await expect.poll(() => conditionOf(edge(), "Programmed")).toMatchObject({ status: "False", reason: "Pending" });
    expect(await readdir(join(directory, "bundles"))).toHaveLength(1);
    await running?.stop();
    await rm(inTheWay);
    start();
    await expect.poll(() => pointer()).not.toBeNull();
    const found = await pointer();
    expect(await readdir(join(directory, "bundles"))).toEqual([`${found?.current.bundle}.json`]);
  });

  it("resumes watches that end, and lists again when its version is too old", async () => {
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
    start();
    await expect.poll(() => parentsOf("site")).toHaveLength(1);
    const before = await pointer();
    server.faults.push(...Array.from({ length: 40 }, () => ({ method: "GET", path: /./, status: 503 })));
    server.cutWatches();
    server.apply("httproutes", routeOf("late", "/late"), "silent");
    await expect.poll(() => server.faults.length).toBeLessThan(40);
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

  it("keeps every Gateway's address when it starts again, and does not publish again", async () => {
    server.apply("gateways", gatewayOf("a-new-one"));
    start();
    const pointers = async () => Promise.all([pointer(), pointer("shop/a-new-one")]);
    await expect.poll(() => pointers()).not.toContain(null);
    const before = await pointers();
    await expect.poll(() => conditionOf(edge(), "Programmed")).toBeDefined();
    await running?.stop();
    server.writes.length = 0;
    const controller = start();
    await expect.poll(() => controller.synced).toBe(true);
    server.apply("httproutes", routeOf("another", "/another"));
    await expect.poll(() => parentsOf("another")).toHaveLength(1);
    expect(server.writes.map(({ path }) => path).filter((path) => !path.includes("another"))).toEqual(
      expect.not.arrayContaining([expect.stringContaining("gatewayclasses")]),
    );
    expect((await pointers()).map((each) => each?.addresses)).toEqual(before.map((each) => each?.addresses));
  });

  it("withdraws a deleted Gateway", async () => {
    start();
    await expect.poll(() => pointer()).not.toBeNull();
    server.remove("gateways", "shop", "edge");
    await expect.poll(() => pointer()).toBeNull();
  });

  it("reads a Gateway's ServiceAccount and Service when it or its Service changes, not in every pass", async () => {
    start();
    const service = (): KubeObject | undefined => server.get("services", "shop", "lasthop-edge");
    const asked = (): string[] => server.reads.filter((path) => path.includes("/serviceaccounts/"));
    await expect.poll(() => service()).toBeDefined();
    // After the event of its Service has arrived, a pass no longer asks for the Gateway's objects.
    for (const name of ["one", "two"]) {
      server.apply("httproutes", routeOf(name, `/${name}`));
      await expect.poll(() => parentsOf(name)).toHaveLength(1);
    }
    const before = asked().length;
    server.apply("httproutes", routeOf("three", "/three"));
    await expect.poll(() => parentsOf("three")).toHaveLength(1);
    expect(asked()).toHaveLength(before);
    server.remove("services", "shop", "lasthop-edge");
    await expect.poll(() => service()).toBeDefined();
    server.apply("gateways", gatewayOf("edge", { infrastructure: { labels: { team: "shop" } } }));
    await expect.poll(() => service()?.metadata.labels).toMatchObject({ team: "shop" });
  });

  it("gives a Gateway the address it requests, or sets AddressNotUsable", async () => {
    server.apply("gateways", gatewayOf("static", { addresses: [{ type: "IPAddress", value: "127.2.0.2" }] }));
    server.apply("gateways", gatewayOf("elsewhere", { addresses: [{ type: "IPAddress", value: "192.0.2.1" }] }));
    start();
    await expect.poll(async () => (await pointer("shop/static"))?.addresses).toEqual(["127.2.0.2"]);
    await expect
      .poll(() => conditionOf(server.get("gateways", "shop", "elsewhere"), "Programmed"))
      .toMatchObject({
        status: "False",
        reason: "AddressNotUsable",
      });
  });
});

describe("a controller in the middle of a pass", () => {
  /** A publisher that waits before it publishes. */
  function gated(): { publisher: Publisher; entered: Promise<void>; open: () => void } {
    const inner = directoryPublisher(directory);
    const [entered, gate] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const publish: Publisher["publish"] = async (...args) => {
      entered.resolve();
      await gate.promise;
      return inner.publish(...args);
    };
    return { publisher: { ...inner, publish }, entered: entered.promise, open: () => gate.resolve() };
  }
  function run(signal: AbortSignal, publisher: Publisher): Controller {
    return runController({
      api,
      publisher,
      pool: ["127.2.0.1"],
      compile: {
        allowLoopback: false,
        allowAddressAnnotation: false,
        allowExternalName: false,
        requireBackendTls: false,
      },
      signal,
      now: () => Date.now(),
      log: () => undefined,
    });
  }
  const LEASE = { namespace: "lasthop-system", name: "lead", now: () => Date.now(), onFault: () => undefined };
  const writesOfObjects = () => server.writes.filter(({ path }) => !path.includes("/leases"));

  it("that loses its Lease to another process writes neither pointers nor statuses", async () => {
    const { publisher, entered, open } = gated();
    const stopped = new AbortController();
    let isLost = false;
    const leading = lead({ ...LEASE, api, identity: "one", signal: stopped.signal }, async (lost) => {
      lost.addEventListener("abort", () => (isLost = true));
      await run(lost, publisher).done;
    });
    await entered;
    const lease = server.get("leases", LEASE.namespace, LEASE.name);
    if (lease === undefined) throw new Error("no Lease");
    server.apply("leases", { ...lease, spec: { ...(lease.spec as object), holderIdentity: "two" } });
    // The leader must stop at its next renewal, which shows the other holder, and not only at its renewal deadline.
    await expect.poll(() => isLost).toBe(true);
    open();
    await leading;
    expect(await pointer()).toBeNull();
    expect(writesOfObjects()).toEqual([]);
    expect(server.get("leases", LEASE.namespace, LEASE.name)?.spec).toMatchObject({ holderIdentity: "two" });
  });

  it("that loses the lead while it writes statuses begins no further write", async () => {
    for (let count = 0; count < 30; count++) server.apply("httproutes", routeOf(`r${count}`, `/${count}`));
    const lost = new AbortController();
    server.onWritten = async () => lost.abort();
    await run(lost.signal, directoryPublisher(directory)).done;
    // Only the writes that were in progress when the lead was lost, at most 8, may still be made.
    expect(writesOfObjects().filter(({ path }) => path.endsWith("/status")).length).toBeLessThanOrEqual(8);
  });

  it("withdraws a Gateway that is deleted while its bundle is published", async () => {
    const { publisher, entered, open } = gated();
    const stopped = new AbortController();
    const controller = run(stopped.signal, publisher);
    await entered;
    server.remove("gateways", "shop", "edge");
    await setTimeout(100);
    open();
    await expect.poll(() => parentsOf("site")).toHaveLength(0);
    await expect.poll(() => pointer()).toBeNull();
    await expect.poll(() => conditionOf(server.get("gatewayclasses", undefined, "lasthop"), "Accepted")).toBeDefined();
    expect(controller.faults).toEqual([]);
    expect(server.writes.filter(({ path }) => path.includes("/edge"))).toEqual([]);
    // Infrastructure of a deleted Gateway would have no owner, so that Kubernetes would never delete it.
    expect(server.get("services", "shop", "lasthop-edge")).toBeUndefined();
    stopped.abort();
    await controller.done;
  });
});
