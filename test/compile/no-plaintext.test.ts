/** Plaintext: no fault in a BackendTLSPolicy leads its Service to it. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { compile } from "../../src/compile/index.ts";
import { edgeObjects } from "../support/edge-objects.ts";

const OPTIONS = { gateway: "shop/edge" };

describe("no plaintext", () => {
  const ca = readFileSync(join(import.meta.dirname, "fixtures/ca-a.pem"), "utf8");
  const sound: object[] = [
    ...edgeObjects("shop"),
    {
      apiVersion: "gateway.networking.k8s.io/v1",
      kind: "HTTPRoute",
      metadata: { name: "all", namespace: "shop" },
      spec: { parentRefs: [{ name: "edge" }], rules: [{ backendRefs: [{ name: "web", port: 443 }] }] },
    },
    {
      apiVersion: "v1",
      kind: "Service",
      metadata: { name: "web", namespace: "shop" },
      spec: { ports: [{ name: "https", port: 443 }] },
    },
    { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "ca", namespace: "shop" }, data: { "ca.crt": ca } },
  ];
  const target = { group: "", kind: "Service", name: "web", sectionName: "https" };
  const metadata = { name: "web", namespace: "shop", creationTimestamp: "2026-01-01T00:00:00Z" };
  const caRefs = [{ group: "", kind: "ConfigMap", name: "ca" }];
  const subjectAltNames = [{ type: "Hostname", hostname: "web.example.com" }];
  const options = { "lasthop.dev/alpn": "h2" };
  const policies: [string, object][] = [
    [
      "v1",
      {
        targetRefs: [target],
        validation: { hostname: "web.example.com", caCertificateRefs: caRefs, subjectAltNames },
        options,
      },
    ],
    ["v1alpha2", { targetRef: target, tls: { hostname: "web.example.com", caCertRefs: caRefs } }],
  ];
  const junk: readonly unknown[] = [undefined, null, "", "x", "X y", 0, 1.5, true, [], {}, [null], [{}]];
  /** Whether a change makes the policy one for another Service. */
  const moves = (path: string, value: unknown): boolean =>
    path === "metadata.namespace"
      ? value === undefined || value === null || typeof value === "string"
      : /^spec\.targetRefs?(\.0)?\.(name|kind)$/.test(path) && typeof value === "string" && value !== "";

  const fields = policies.flatMap(([version, spec]) => {
    const policy = { apiVersion: `gateway.networking.k8s.io/${version}`, kind: "BackendTLSPolicy", metadata, spec };
    return pathsOf(policy).map((path) => ({ version, path, name: path.join(".") || "the policy", policy }));
  });

  test.each(fields)(
    "whatever stands in $name of a $version policy, its Service is never plaintext",
    ({ path, policy }) => {
      const leaks = junk.filter((value) => {
        if (moves(path.join("."), value)) return false;
        // Without any value there is no policy.
        if (path.length === 0 && (value === null || value === undefined)) return false;
        const changed = withReplaced(policy, path, value);
        const objects = [...sound, ...(changed === undefined ? [] : [changed])];
        const text = objects.map((object) => JSON.stringify(object)).join("\n---\n");
        const { bundle, fatal } = compile([{ file: "a.yaml", text }], OPTIONS);
        return !fatal && Object.values(bundle?.backends ?? {}).some(({ transport }) => transport.kind === "plaintext");
      });
      expect(leaks).toEqual([]);
    },
  );

  test("every Service without a policy is plaintext, so that the tests above can fail", () => {
    const text = sound.map((object) => JSON.stringify(object)).join("\n---\n");
    const { bundle } = compile([{ file: "a.yaml", text }], OPTIONS);
    expect(bundle?.backends["shop/web:443"]?.transport.kind).toBe("plaintext");
  });

  test("copies of a policy that differ close what any of them names, however many there are", () => {
    const validation = { hostname: "web.example.com", caCertificateRefs: caRefs };
    const copies = Array.from({ length: 1_100 }, (_, number) => ({
      apiVersion: "gateway.networking.k8s.io/v1",
      kind: "BackendTLSPolicy",
      metadata,
      spec: { targetRefs: [{ ...target, name: number === 0 ? "web" : `other-${number}` }], validation },
    }));
    const text = [...sound, ...copies].map((object) => JSON.stringify(object)).join("\n---\n");
    const { bundle } = compile([{ file: "a.yaml", text }], OPTIONS);
    expect(bundle?.backends["shop/web:443"]?.transport.kind).toBe("refused");
  });

  function pathsOf(value: unknown): string[][] {
    if (value === null || typeof value !== "object") return [[]];
    return [[], ...Object.entries(value).flatMap(([key, child]) => pathsOf(child).map((path) => [key, ...path]))];
  }

  function withReplaced(value: unknown, [step, ...rest]: readonly string[], by: unknown): unknown {
    if (step === undefined) return by;
    const copy: Record<string, unknown> | unknown[] = Array.isArray(value)
      ? [...(value as unknown[])]
      : { ...(value as object) };
    Reflect.set(copy, step, withReplaced(Reflect.get(copy, step), rest, by));
    return copy;
  }
});
