/** The ServiceAccount and the Service of a Gateway. */
import { expect, it } from "vitest";
import type { KubeObject } from "../../src/controller/api.ts";
import { gatewayOf, server, start, wholePass } from "./cluster.ts";

const service = (): KubeObject | undefined => server.get("services", "shop", "lasthop-edge");
const reads = (): number => server.reads.filter((path) => path.includes("/serviceaccounts/")).length;

it("are read when the Gateway or its Service changes, not in every pass", async () => {
  start();
  await expect.poll(() => service()).toBeDefined();
  // The event of the Service may come in the pass after the one that creates it.
  await wholePass();
  await wholePass();
  const before = reads();
  expect(before).toBeGreaterThan(0);
  await wholePass();
  expect(reads()).toBe(before);
  server.remove("services", "shop", "lasthop-edge");
  await expect.poll(() => service()).toBeDefined();
  server.apply("gateways", gatewayOf("edge", { infrastructure: { labels: { team: "shop" } } }));
  await expect.poll(() => service()?.metadata.labels).toMatchObject({ team: "shop" });
});
