/** The controller's log and metrics when a policy is deleted, and about policies that attach to nothing. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeEach, expect, test } from "vitest";
import type { KubeObject } from "../../src/controller/api.ts";
import { createMetrics } from "../../src/controller/metrics.ts";
import { mintCa } from "../support/pki.ts";
import { directory, pointer, routeOf, server, serviceOf, start, wholePass } from "./cluster.ts";

const policyOf = (namespace: string, service: string): KubeObject => ({
  apiVersion: "gateway.networking.k8s.io/v1",
  kind: "BackendTLSPolicy",
  metadata: { name: "web", namespace },
  spec: {
    targetRefs: [{ group: "", kind: "Service", name: service }],
    validation: { hostname: "web.internal", caCertificateRefs: [{ group: "", kind: "ConfigMap", name: "ca" }] },
  },
});

let log: Readonly<Record<string, unknown>>[];
let health: ReturnType<typeof createMetrics>;

beforeEach(async () => {
  const { certPem } = await mintCa({ name: "controller root" });
  server.apply("services", serviceOf("web", 443));
  const ca = { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "ca", namespace: "shop" } };
  server.apply("configmaps", { ...ca, data: { "ca.crt": certPem } } as KubeObject);
  server.apply("httproutes", routeOf("site", "/", 443));
  log = [];
  health = createMetrics(() => ({ faults: [], leading: true }));
});

function startLogging(requireBackendTls = false): void {
  start({ requireBackendTls, log: (entry) => log.push(entry), onPass: health.onPass });
}

/** The transport to the backend in the published bundle. */
async function transport(): Promise<unknown> {
  const published = await pointer();
  if (published === null) return null;
  const text = await readFile(join(directory, `bundles/${published.current.bundle}.json`), "utf8");
  const { backends } = JSON.parse(text) as { backends: Record<string, { transport: unknown }> };
  return backends["shop/web:443"]?.transport;
}

const metrics = (): Promise<string> => health.registry.metrics();
const warnings = () => log.filter(({ level }) => level !== "info");

test("a deleted policy is logged with its backend, and the metric grows by one", async () => {
  server.apply("backendtlspolicies", policyOf("shop", "web"));
  startLogging();
  await expect.poll(() => transport()).toMatchObject({ kind: "tls" });
  await expect.poll(() => metrics()).toContain('lasthop_controller_plaintext_backends{gateway="shop/edge"} 0');
  expect(log.filter(({ gateway }) => gateway !== undefined)).toEqual([]);
  server.remove("backendtlspolicies", "shop", "web");
  await expect.poll(() => transport()).toEqual({ kind: "plaintext" });
  expect(log).toContainEqual({
    level: "warning",
    message:
      "backend shop/web:443 gets plaintext from now on: BackendTLSPolicy shop/web, which decided about it, covers it no more",
    gateway: "shop/edge",
    backend: "shop/web:443",
    policy: "shop/web",
  });
  expect(log).toContainEqual(expect.objectContaining({ code: "backend-plaintext", object: "Service shop/web" }));
  await expect.poll(() => metrics()).toContain('lasthop_controller_plaintext_backends{gateway="shop/edge"} 1');
});

test("a policy in another namespace is logged once, and counted", async () => {
  server.apply("backendtlspolicies", policyOf("infra", "web"));
  startLogging();
  await expect.poll(() => metrics()).toContain("lasthop_controller_unattached_targets 1");
  const [first, ...more] = warnings().filter(({ code }) => code === "policy-target-not-found");
  expect(first).toMatchObject({ level: "error", object: "BackendTLSPolicy infra/web" });
  expect(first?.["message"]).toContain("Service shop/web may be meant");
  expect(more).toEqual([]);
  expect(log).toContainEqual(expect.objectContaining({ level: "info", backends: ["shop/web:443"] }));
  const before = [...log];
  await wholePass(443);
  expect(log, "another pass logs nothing new").toEqual(before);
  // The policy attaches once it is in the Service's namespace.
  server.remove("backendtlspolicies", "infra", "web");
  server.apply("backendtlspolicies", policyOf("shop", "web"));
  await expect.poll(() => transport()).toMatchObject({ kind: "tls" });
  await expect.poll(() => metrics()).toContain("lasthop_controller_unattached_targets 0");
});

test("under --require-backend-tls a deleted policy closes the backend", async () => {
  server.apply("backendtlspolicies", policyOf("shop", "web"));
  startLogging(true);
  await expect.poll(() => transport()).toMatchObject({ kind: "tls" });
  server.remove("backendtlspolicies", "shop", "web");
  await expect.poll(() => transport()).toBeUndefined();
  await expect
    .poll(() => JSON.stringify(server.get("httproutes", "shop", "site")?.status))
    .toContain("[backend-plaintext-refused]");
  expect(log.some(({ message }) => String(message).includes("gets plaintext"))).toBe(false);
});
