/** A pass of the controller during which the lead is lost or a Gateway is deleted. */
import { expect, it } from "vitest";
import { directoryPublisher } from "../../src/controller/directory.ts";
import { lead } from "../../src/controller/lease.ts";
import type { Publisher } from "../../src/controller/publisher.ts";
import { api, conditionOf, directory, eventReceived, parentsOf, pointer, routeOf, server, start } from "./cluster.ts";

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

const LEASE = { namespace: "lasthop-system", name: "lead", now: () => Date.now(), onFault: () => undefined };
const writesOfObjects = () => server.writes.filter(({ path }) => !path.includes("/leases"));

it("that loses the Lease to another process writes neither pointers nor statuses", async () => {
  const { publisher, entered, open } = gated();
  const stopped = new AbortController();
  let isLost = false;
  const leading = lead({ ...LEASE, api, identity: "one", signal: stopped.signal }, async (lost) => {
    lost.addEventListener("abort", () => (isLost = true));
    await start({ signal: lost, publisher }).done;
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
  const statuses = () => writesOfObjects().filter(({ path }) => path.endsWith("/status"));
  server.onWritten = async (path) => {
    if (path.endsWith("/status")) lost.abort();
  };
  await start({ signal: lost.signal }).done;
  expect(statuses().length).toBeGreaterThan(0);
  // Only the writes that were in progress when the lead was lost, at most 8, may still be made.
  expect(statuses().length).toBeLessThanOrEqual(8);
});

it("during which a Gateway is deleted withdraws it", async () => {
  const { publisher, entered, open } = gated();
  const controller = start({ publisher });
  await entered;
  server.remove("gateways", "shop", "edge");
  await eventReceived("DELETED", ({ metadata }) => metadata.name === "edge");
  open();
  await expect.poll(() => parentsOf("site")).toHaveLength(0);
  await expect.poll(() => pointer()).toBeNull();
  await expect.poll(() => conditionOf(server.get("gatewayclasses", undefined, "lasthop"), "Accepted")).toBeDefined();
  expect(controller.faults).toEqual([]);
  expect(server.writes.filter(({ path }) => path.includes("/edge"))).toEqual([]);
  // Infrastructure of a deleted Gateway would have no owner, so that Kubernetes would never delete it.
  expect(server.get("services", "shop", "lasthop-edge")).toBeUndefined();
});
