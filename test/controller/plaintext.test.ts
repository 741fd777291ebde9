/** The controller's log and metrics when a policy is deleted, and about policies that attach to nothing. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { decodePointer, pointerKey } from "../../src/bundle/publication.ts";
import type { KubeApi, KubeObject } from "../../src/controller/api.ts";
import { runController } from "../../src/controller/controller.ts";
import { directoryPublisher } from "../../src/controller/directory.ts";
import { createMetrics } from "../../src/controller/metrics.ts";
import { mintCa } from "../support/pki.ts";
import { ApiServer } from "./api-server.ts";
import { temporaryDirectory } from "../support/temporary-directory.ts";

const GROUP = "gateway.networking.k8s.io/v1";

const objectOf = (apiVersion: string, kind: string, name: string, rest: object): KubeObject => ({
  apiVersion,
  kind,
  metadata: { name, namespace: "shop" },
  ...rest,
});
const policyOf = (namespace: string, service: string): KubeObject => ({
  apiVersion: GROUP,
  kind: "BackendTLSPolicy",
  metadata: { name: "web", namespace },
  spec: {
    targetRefs: [{ group: "", kind: "Service", name: service }],
    validation: { hostname: "web.internal", caCertificateRefs: [{ group: "", kind: "ConfigMap", name: "ca" }] },
  },
});

let server: ApiServer;
let api: KubeApi;
let directory: string;
let stop: () => Promise<void>;
let log: Readonly<Record<string, unknown>>[];
let health: ReturnType<typeof createMetrics>;

beforeEach(async () => {
  server = new ApiServer();
  api = await server.start();
  directory = await temporaryDirectory();
  const { certPem } = await mintCa({ name: "controller root" });
  server.apply("gatewayclasses", {
    apiVersion: GROUP,
    kind: "GatewayClass",
    metadata: { name: "lasthop" },
    spec: { controllerName: "lasthop.dev/gateway-controller" },
  });
  const listeners = [{ name: "http", port: 80, protocol: "HTTP", allowedRoutes: { namespaces: { from: "Same" } } }];
  server.apply("gateways", objectOf(GROUP, "Gateway", "edge", { spec: { gatewayClassName: "lasthop", listeners } }));
  const ports = [{ name: "https", protocol: "TCP", port: 443 }];
  server.apply("services", objectOf("v1", "Service", "web", { spec: { type: "ClusterIP", ports } }));
  server.apply("configmaps", objectOf("v1", "ConfigMap", "ca", { data: { "ca.crt": certPem } }));
  server.apply(
    "httproutes",
    objectOf(GROUP, "HTTPRoute", "site", {
      spec: {
        parentRefs: [{ group: "gateway.networking.k8s.io", kind: "Gateway", name: "edge" }],
        rules: [
          {
            matches: [{ path: { type: "PathPrefix", value: "/" } }],
            backendRefs: [{ group: "", kind: "Service", name: "web", port: 443, weight: 1 }],
          },
        ],
      },
    }),
  );
  log = [];
  health = createMetrics(() => ({ faults: [], leading: true }));
});

afterEach(async () => {
  await stop();
  await server.stop();
});

function start(requireBackendTls = false): void {
  const stopped = new AbortController();
  const { done } = runController({
    api,
    publisher: directoryPublisher(directory),
    pool: ["127.2.0.1"],
    compile: { allowLoopback: false, allowAddressAnnotation: false, allowExternalName: false, requireBackendTls },
    signal: stopped.signal,
    now: () => Date.now(),
    log: (entry) => log.push(entry),
    onPass: health.onPass,
  });
  stop = async () => {
    stopped.abort();
    await done;
  };
}

/** The transport to the backend in the published bundle. */
async function transport(): Promise<unknown> {
  const { current } = decodePointer(await readFile(join(directory, pointerKey("shop/edge")), "utf8"));
  const text = await readFile(join(directory, `bundles/${current.bundle}.json`), "utf8");
  const { backends } = JSON.parse(text) as { backends: Record<string, { transport: unknown }> };
  return backends["shop/web:443"]?.transport;
}

const metrics = (): Promise<string> => health.registry.metrics();
const warnings = () => log.filter(({ level }) => level !== "info");

test("a deleted policy is logged with its backend, and the metric grows by one", async () => {
  server.apply("backendtlspolicies", policyOf("shop", "web"));
  start();
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
  start();
  await expect.poll(() => metrics()).toContain("lasthop_controller_unattached_targets 1");
  const [first, ...more] = warnings().filter(({ code }) => code === "policy-target-not-found");
  expect(first).toMatchObject({ level: "error", object: "BackendTLSPolicy infra/web" });
  expect(first?.["message"]).toContain("Service shop/web may be meant");
  expect(log).toContainEqual(expect.objectContaining({ level: "info", backends: ["shop/web:443"] }));
  // Another pass logs nothing new.
  const before = log.length;
  server.apply(
    "services",
    objectOf("v1", "Service", "other", {
      spec: { type: "ClusterIP", ports: [{ name: "a", protocol: "TCP", port: 80 }] },
    }),
  );
  await expect.poll(() => metrics()).toMatch(/lasthop_controller_passes_total [2-9]/);
  expect(more).toEqual([]);
  expect(log).toHaveLength(before);
  // The policy attaches once it is in the Service's namespace.
  server.remove("backendtlspolicies", "infra", "web");
  server.apply("backendtlspolicies", policyOf("shop", "web"));
  await expect.poll(() => transport()).toMatchObject({ kind: "tls" });
  await expect.poll(() => metrics()).toContain("lasthop_controller_unattached_targets 0");
});

test("under --require-backend-tls a deleted policy closes the backend", async () => {
  server.apply("backendtlspolicies", policyOf("shop", "web"));
  start(true);
  await expect.poll(() => transport()).toMatchObject({ kind: "tls" });
  server.remove("backendtlspolicies", "shop", "web");
  await expect.poll(() => transport()).toBeUndefined();
  await expect
    .poll(() => JSON.stringify(server.get("httproutes", "shop", "site")?.status))
    .toContain("[backend-plaintext-refused]");
  expect(log.some(({ message }) => String(message).includes("gets plaintext"))).toBe(false);
});
