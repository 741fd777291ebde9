/** What the controller publishes for each Gateway, and what the host's acknowledgement makes of its status. */
import { mkdir, readdir, rm, stat, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { expect, it } from "vitest";
import { type Pointer, pointerKey } from "../../src/bundle/publication.ts";
import {
  acknowledge,
  conditionOf,
  directory,
  edge,
  gatewayOf,
  parentsOf,
  pointer,
  routeOf,
  server,
  start,
  stopControllers,
  wholePass,
} from "./cluster.ts";

it("sets Programmed only once the host has acknowledged this bundle on these addresses", async () => {
  start();
  await expect.poll(() => pointer()).not.toBeNull();
  await expect.poll(() => conditionOf(edge(), "Programmed")).toMatchObject({ status: "False", reason: "Pending" });
  await acknowledge("0".repeat(64), ["127.2.0.1"]);
  await wholePass();
  expect(conditionOf(edge(), "Programmed")).toMatchObject({ status: "False", reason: "Pending" });
  const { current, addresses } = (await pointer()) as Pointer;
  expect(addresses).toEqual(["127.2.0.1"]);
  await acknowledge(current.bundle, addresses);
  await expect.poll(() => conditionOf(edge(), "Programmed")).toMatchObject({ status: "True", observedGeneration: 1 });
  expect(edge()?.status).toHaveProperty("addresses", [{ type: "IPAddress", value: "127.2.0.1" }]);
  await acknowledge(current.bundle, addresses, ["port 80: EADDRNOTAVAIL"]);
  const broken = { status: "False", reason: "Pending", message: expect.stringContaining("port 80: EADDRNOTAVAIL") };
  await expect.poll(() => conditionOf(edge(), "Programmed")).toMatchObject(broken);
  await acknowledge(current.bundle, []);
  const unbound = { status: "False", reason: "AddressNotUsable" };
  await expect.poll(() => conditionOf(edge(), "Programmed")).toMatchObject(unbound);
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
  await stopControllers();
  await rm(inTheWay);
  start();
  await expect.poll(() => pointer()).not.toBeNull();
  const found = await pointer();
  expect(await readdir(join(directory, "bundles"))).toEqual([`${found?.current.bundle}.json`]);
});

it("keeps every Gateway's address when it starts again, and publishes nothing that has not changed", async () => {
  server.apply("gateways", gatewayOf("a-new-one"));
  start();
  const pointers = async () => Promise.all([pointer(), pointer("shop/a-new-one")]);
  await expect.poll(() => pointers()).not.toContain(null);
  await expect.poll(() => conditionOf(edge(), "Programmed")).toBeDefined();
  await stopControllers();
  const before = await pointers();
  const written = (gateway: string) => stat(join(directory, pointerKey(gateway))).then(({ mtimeMs }) => mtimeMs);
  const [edgeMs, otherMs] = [await written("shop/edge"), await written("shop/a-new-one")];
  server.writes.length = 0;
  start();
  server.apply("httproutes", routeOf("another", "/another"));
  await expect.poll(() => parentsOf("another")).toHaveLength(1);
  expect((await pointers()).map((each) => each?.addresses)).toEqual(before.map((each) => each?.addresses));
  expect(await written("shop/edge"), "the Gateway of the new route").toBeGreaterThan(edgeMs);
  expect(await written("shop/a-new-one")).toBe(otherMs);
  expect(server.writes.filter(({ path }) => path.includes("gatewayclasses"))).toEqual([]);
});

it("withdraws a deleted Gateway", async () => {
  start();
  await expect.poll(() => pointer()).not.toBeNull();
  server.remove("gateways", "shop", "edge");
  await expect.poll(() => pointer()).toBeNull();
});

it("gives a Gateway the address it requests, or sets AddressNotUsable", async () => {
  server.apply("gateways", gatewayOf("static", { addresses: [{ type: "IPAddress", value: "127.2.0.2" }] }));
  server.apply("gateways", gatewayOf("elsewhere", { addresses: [{ type: "IPAddress", value: "192.0.2.1" }] }));
  start();
  await expect.poll(async () => (await pointer("shop/static"))?.addresses).toEqual(["127.2.0.2"]);
  await expect
    .poll(() => conditionOf(server.get("gateways", "shop", "elsewhere"), "Programmed"))
    .toMatchObject({ status: "False", reason: "AddressNotUsable" });
});
