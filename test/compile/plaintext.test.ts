/** The list of backends that get plaintext, at the end of what `build` prints. */
import { describe, expect, test } from "vitest";
import { compile, reportText } from "../../src/compile/index.ts";
import { edgeDocuments } from "../support/edge-objects.ts";

const GATEWAY = edgeDocuments("shop");

const serviceOf = (name: string, port: string): string => `apiVersion: v1
kind: Service
metadata: { name: ${name}, namespace: shop }
spec: { ports: [${port}] }
`;
const routeOf = (name: string, service: string): string => `apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: { name: ${name}, namespace: shop }
spec:
  parentRefs: [{ name: edge }]
  rules: [{ backendRefs: [{ name: ${service}, port: 80 }] }]
`;

function listOf(documents: readonly string[]): string[] {
  const { plaintext, skipped } = compile([{ file: "a.yaml", text: [GATEWAY, ...documents].join("---\n") }]);
  return reportText({ diagnostics: [], skipped, plaintext }, false).split("\n");
}

describe("the list", () => {
  test("names each backend, why it gets plaintext, and by which fields, suspicious ones first", () => {
    const services = [
      serviceOf("plain", "{ port: 80, appProtocol: http }"),
      serviceOf("quiet", "{ port: 80 }"),
      serviceOf("sure", "{ name: https, port: 80 }"),
    ];
    const routes = ["plain", "quiet", "sure"].map((name) => routeOf(name, name));
    expect(listOf([...services, ...routes])).toEqual([
      "Plaintext to 3 backends, which no BackendTLSPolicy covers:",
      "  shop/sure:80 (https): nothing says that plaintext is meant, and see the warning; from HTTPRoute shop/sure spec.rules[0].backendRefs[0]",
      "  shop/plain:80: appProtocol http; from HTTPRoute shop/plain spec.rules[0].backendRefs[0]",
      "  shop/quiet:80: nothing says that plaintext is meant; from HTTPRoute shop/quiet spec.rules[0].backendRefs[0]",
      "",
    ]);
  });

  test("is the same whatever the order of the objects", () => {
    const documents = ["b", "a", "c"].flatMap((name) => [serviceOf(name, "{ port: 80 }"), routeOf(`r-${name}`, name)]);
    expect(listOf(documents.toReversed())).toEqual(listOf(documents));
  });

  test("counts backends and fields beyond the first ones", () => {
    const names = Array.from({ length: 60 }, (_, index) => `s${String(index).padStart(2, "0")}`);
    const many = names.flatMap((name) => [serviceOf(name, "{ port: 80 }"), routeOf(name, name)]);
    const lines = listOf(many);
    expect(lines).toHaveLength(53);
    expect(lines[0]).toBe("Plaintext to 60 backends, which no BackendTLSPolicy covers:");
    expect(lines[51]).toBe("  and 10 more: --format json lists them all");
    const users = listOf([serviceOf("one", "{ port: 80 }"), ...names.map((name) => routeOf(name, "one"))]);
    expect(users[1]).toMatch(
      /from HTTPRoute shop\/s00 \S+, HTTPRoute shop\/s01 \S+, HTTPRoute shop\/s02 \S+ and 57 more$/,
    );
  });
});
