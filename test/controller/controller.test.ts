/** The controller against the tests' API server, with the faults of real servers. */
import { readdir, readFile, rm, writeFile, mkdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
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
const WAIT = { timeout: 10_000, interval: 20 };

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
    const { current, addresses } = await vi.waitFor(
      async () => (await pointer()) ?? Promise.reject(new Error("none")),
      WAIT,
    );
    expect(addresses).toEqual(["127.2.0.1"]);
    await vi.waitFor(
      () => expect(conditionOf(edge(), "Programmed")).toMatchObject({ status: "False", reason: "Pending" }),
      WAIT,
    );
    await acknowledge("shop/edge", "0".repeat(64), addresses);
    await vi.waitFor(() => expect(server.writes.length).toBeGreaterThan(0), WAIT);
    expect(conditionOf(edge(), "Programmed")?.status).toBe("False");
    await acknowledge("shop/edge", current.bundle, addresses);
    await vi.waitFor(
      () => expect(conditionOf(edge(), "Programmed")).toMatchObject({ status: "True", observedGeneration: 1 }),
      WAIT,
    );
    expect(edge()?.status).toHaveProperty("addresses", [{ type: "IPAddress", value: "127.2.0.1" }]);
    await acknowledge("shop/edge", current.bundle, [], ["port 80: EADDRNOTAVAIL"]);
    await vi.waitFor(() => expect(conditionOf(edge(), "Programmed")).toMatchObject({ status: "False" }), WAIT);
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
    await vi.waitFor(() => expect(parentsOf("site")).toHaveLength(2), WAIT);
    expect(parentsOf("site")[0]).toEqual(foreign);
    await vi.waitFor(() => expect(conditionOf(edge(), "Accepted")?.status).toBe("True"), WAIT);
    expect(conditionOf(edge(), "example.com/Mine")).toEqual(own);
    const before = parentsOf("site")[1]?.conditions[0];
    server.apply("httproutes", { ...routeOf("site", "/other"), status: { parents: parentsOf("site") } });
    await vi.waitFor(() => expect(parentsOf("site")[1]?.conditions[0]?.observedGeneration).toBe(2), WAIT);
    expect(parentsOf("site")[1]?.conditions[0]?.lastTransitionTime).toBe(before?.lastTransitionTime);
  });

  it("removes its entry from a route that no longer names a Gateway of ours", async () => {
    start();
    await vi.waitFor(() => expect(parentsOf("site")).toHaveLength(1), WAIT);
    const away = routeOf("site", "/");
    server.apply("httproutes", { ...away, spec: { ...(away.spec as object), parentRefs: [] } });
    await vi.waitFor(() => expect(parentsOf("site")).toHaveLength(0), WAIT);
  });

  it("writes again after a conflict, over the current object", async () => {
    server.faults.push({ method: "PUT", path: /httproutes\/site\/status$/, status: 409 });
    start();
    await vi.waitFor(() => expect(parentsOf("site")).toHaveLength(1), WAIT);
  });

  it("repeats a write that the API server refused", async () => {
    for (const status of [500, 503, 429])
      server.faults.push({ method: "PUT", path: /gateways\/edge\/status$/, status });
    start();
    await vi.waitFor(() => expect(conditionOf(edge(), "Accepted")?.status).toBe("True"), WAIT);
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
    await vi.waitFor(async () => expect(await pointer()).not.toBeNull(), WAIT);
    await vi.waitFor(() => expect(parentsOf("site")).toHaveLength(1), WAIT);
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
    await vi.waitFor(() => expect(parentsOf("site")[0]?.conditions[0]?.observedGeneration).toBe(2), WAIT);
  });

  it("writes nothing until every list has been read", async () => {
    server.faults.push(...Array.from({ length: 2 }, () => ({ method: "GET", path: /\/services$/, status: 500 })));
    const controller = start();
    await vi.waitFor(() => expect(controller.faults.some((fault) => fault.startsWith("Service"))).toBe(true), WAIT);
    // With the Services unread, the route's status would be BackendNotFound.
    expect(server.writes).toEqual([]);
    await vi.waitFor(
      () => expect(parentsOf("site")[0]?.conditions.find(({ type }) => type === "ResolvedRefs")?.status).toBe("True"),
      WAIT,
    );
  });

  it("writes nothing when a list fails between its pages, and reads it again", async () => {
    for (const name of ["b", "c", "d"]) server.apply("httproutes", routeOf(name, `/${name}`));
    server.pageSize = 1;
    // The first page of routes is answered, the second fails.
    server.faults.push({ method: "GET", path: /httproutes$/, query: /continue=1/, status: 500 });
    start();
    await vi.waitFor(() => expect(server.faults).toEqual([]), WAIT);
    expect(server.writes).toEqual([]);
    for (const name of ["site", "b", "c", "d"]) await vi.waitFor(() => expect(parentsOf(name)).toHaveLength(1), WAIT);
  });

  it("writes correct statuses with a slow API server", async () => {
    server.delayMs = 150;
    start();
    await vi.waitFor(() => expect(parentsOf("site")).toHaveLength(1), WAIT);
    server.apply("httproutes", routeOf("site", "/other"));
    server.apply("httproutes", routeOf("late", "/late"));
    await vi.waitFor(() => expect(parentsOf("site")[0]?.conditions[0]?.observedGeneration).toBe(2), WAIT);
    await vi.waitFor(() => expect(parentsOf("late")).toHaveLength(1), WAIT);
  });

  it("gives up after some conflicts in a row, and writes in a later pass", async () => {
    const conflict = { method: "PUT", path: /httproutes\/site\/status$/, status: 409 };
    server.faults.push(...Array.from({ length: 12 }, () => conflict));
    const controller = start();
    await vi.waitFor(() => expect(controller.faults.join()).toContain("conflicts in a row"), WAIT);
    await vi.waitFor(() => expect(parentsOf("site")).toHaveLength(1), WAIT);
    await vi.waitFor(() => expect(controller.faults).toEqual([]), WAIT);
  });

  it("never points to a bundle written in part, and continues after a restart", async () => {
    // The bundle can be written, but not its pointer.
    const inTheWay = dirname(join(directory, pointerKey("shop/edge")));
    await mkdir(dirname(inTheWay));
    await writeFile(inTheWay, "");
    const controller = start();
    await vi.waitFor(() => expect(controller.faults.join()).toContain("publication failed"), WAIT);
    await vi.waitFor(
      () => expect(conditionOf(edge(), "Programmed")).toMatchObject({ status: "False", reason: "Pending" }),
      WAIT,
    );
    expect(await readdir(join(directory, "bundles"))).toHaveLength(1);
    await running?.stop();
    await rm(inTheWay);
    start();
    await vi.waitFor(async () => expect(await pointer()).not.toBeNull(), WAIT);
    const found = await pointer();
    expect(await readdir(join(directory, "bundles"))).toEqual([`${found?.current.bundle}.json`]);
  });

  it("resumes watches that end, and lists again when its version is too old", async () => {
    start();
    await vi.waitFor(() => expect(parentsOf("site")).toHaveLength(1), WAIT);
    const before = (await pointer())?.current.bundle;
    server.oldest = 1_000_000;
    server.cutWatches();
    server.apply("httproutes", routeOf("second", "/second"), "silent");
    server.remove("httproutes", "shop", "site");
    await vi.waitFor(() => expect(parentsOf("second")).toHaveLength(1), WAIT);
    server.oldest = 0;
    await vi.waitFor(async () => expect((await pointer())?.current.bundle).not.toBe(before), WAIT);
  });

  it("keeps what it has read while the API server is down, and catches up later", async () => {
    start();
    await vi.waitFor(() => expect(parentsOf("site")).toHaveLength(1), WAIT);
    const before = await pointer();
    server.faults.push(...Array.from({ length: 40 }, () => ({ method: "GET", path: /./, status: 503 })));
    server.cutWatches();
    server.apply("httproutes", routeOf("late", "/late"), "silent");
    await vi.waitFor(() => expect(server.faults.length).toBeLessThan(40), WAIT);
    expect(await pointer()).toEqual(before);
    server.faults.length = 0;
    await vi.waitFor(() => expect(parentsOf("late")).toHaveLength(1), { ...WAIT, timeout: 20_000 });
  });

  it("publishes nothing when a CustomResourceDefinition is deleted with its objects", async () => {
    const controller = start();
    await vi.waitFor(() => expect(parentsOf("site")).toHaveLength(1), WAIT);
    const before = await pointer();
    server.remove("customresourcedefinitions", undefined, "httproutes.gateway.networking.k8s.io");
    server.remove("httproutes", "shop", "site");
    await vi.waitFor(() => expect(controller.faults.join()).toContain("CustomResourceDefinition httproutes"), WAIT);
    expect(await pointer()).toEqual(before);
  });

  it("keeps every Gateway's address when it starts again, and does not publish again", async () => {
    server.apply("gateways", gatewayOf("a-new-one"));
    start();
    const pointers = async () => Promise.all([pointer(), pointer("shop/a-new-one")]);
    await vi.waitFor(async () => expect(await pointers()).not.toContain(null), WAIT);
    const before = await pointers();
    await vi.waitFor(() => expect(conditionOf(edge(), "Programmed")).toBeDefined(), WAIT);
    await running?.stop();
    server.writes.length = 0;
    const controller = start();
    await vi.waitFor(() => expect(controller.synced).toBe(true), WAIT);
    server.apply("httproutes", routeOf("another", "/another"));
    await vi.waitFor(() => expect(parentsOf("another")).toHaveLength(1), WAIT);
    expect(server.writes.map(({ path }) => path).filter((path) => !path.includes("another"))).toEqual(
      expect.not.arrayContaining([expect.stringContaining("gatewayclasses")]),
    );
    expect((await pointers()).map((each) => each?.addresses)).toEqual(before.map((each) => each?.addresses));
  });

  it("withdraws a deleted Gateway", async () => {
    start();
    await vi.waitFor(async () => expect(await pointer()).not.toBeNull(), WAIT);
    server.remove("gateways", "shop", "edge");
    await vi.waitFor(async () => expect(await pointer()).toBeNull(), WAIT);
  });

  it("reads a Gateway's ServiceAccount and Service when it or its Service changes, not in every pass", async () => {
    start();
    const service = (): KubeObject | undefined => server.get("services", "shop", "lasthop-edge");
    const asked = (): string[] => server.reads.filter((path) => path.includes("/serviceaccounts/"));
    await vi.waitFor(() => expect(service()).toBeDefined(), WAIT);
    // After the event of its Service has arrived, a pass no longer asks for the Gateway's objects.
    for (const name of ["one", "two"]) {
      server.apply("httproutes", routeOf(name, `/${name}`));
      await vi.waitFor(() => expect(parentsOf(name)).toHaveLength(1), WAIT);
    }
    const before = asked().length;
    server.apply("httproutes", routeOf("three", "/three"));
    await vi.waitFor(() => expect(parentsOf("three")).toHaveLength(1), WAIT);
    expect(asked()).toHaveLength(before);
    server.remove("services", "shop", "lasthop-edge");
    await vi.waitFor(() => expect(service()).toBeDefined(), WAIT);
    server.apply("gateways", gatewayOf("edge", { infrastructure: { labels: { team: "shop" } } }));
    await vi.waitFor(() => expect(service()?.metadata.labels).toMatchObject({ team: "shop" }), WAIT);
  });

  it("gives a Gateway the address it requests, or sets AddressNotUsable", async () => {
    server.apply("gateways", gatewayOf("static", { addresses: [{ type: "IPAddress", value: "127.2.0.2" }] }));
    server.apply("gateways", gatewayOf("elsewhere", { addresses: [{ type: "IPAddress", value: "192.0.2.1" }] }));
    start();
    await vi.waitFor(async () => expect((await pointer("shop/static"))?.addresses).toEqual(["127.2.0.2"]), WAIT);
    await vi.waitFor(
      () =>
        expect(conditionOf(server.get("gateways", "shop", "elsewhere"), "Programmed")).toMatchObject({
          status: "False",
          reason: "AddressNotUsable",
        }),
      WAIT,
    );
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
    await vi.waitFor(() => expect(isLost).toBe(true), { timeout: 5_000, interval: 20 });
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
    await vi.waitFor(() => expect(parentsOf("site")).toHaveLength(0), WAIT);
    await vi.waitFor(async () => expect(await pointer()).toBeNull(), WAIT);
    await vi.waitFor(
      () => expect(conditionOf(server.get("gatewayclasses", undefined, "lasthop"), "Accepted")).toBeDefined(),
      WAIT,
    );
    expect(controller.faults).toEqual([]);
    expect(server.writes.filter(({ path }) => path.includes("/edge"))).toEqual([]);
    // Infrastructure of a deleted Gateway would have no owner, so that Kubernetes would never delete it.
    expect(server.get("services", "shop", "lasthop-edge")).toBeUndefined();
    stopped.abort();
    await controller.done;
  });
});
