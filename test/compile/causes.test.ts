/** Diagnostics by their cause: in text those that follow from a cause are counted, in JSON they come after it. */
import { expect, test } from "vitest";
import { groupByCause } from "../../src/compile/report/causes.ts";
import type { Cause, Diagnostic } from "../../src/compile/diagnostics/diagnostics.ts";
import { compile, reportJson, reportText } from "../../src/compile/index.ts";
import { edgeDocuments } from "../support/edge-objects.ts";

const HEAD = edgeDocuments("shop");
const route = (name: string, parent = "edge"): string => `---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: { name: ${name}, namespace: shop }
spec: { parentRefs: [{ name: ${parent} }], rules: [{ backendRefs: [{ name: web, port: 443 }] }] }
`;
const SERVICE = `---
apiVersion: v1
kind: Service
metadata: { name: web, namespace: shop }
spec: { ports: [{ port: 443, targetPort: 8443 }] }
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: { name: web-1, namespace: shop, labels: { kubernetes.io/service-name: web } }
addressType: IPv4
endpoints: [{ addresses: [203.0.113.7] }]
ports: [{ port: 8443 }]
`;
const policy = (ca: string): string => `---
apiVersion: gateway.networking.k8s.io/v1
kind: BackendTLSPolicy
metadata: { name: web, namespace: shop }
spec:
  targetRefs: [{ group: "", kind: Service, name: web }]
  validation: { hostname: web.example.com, caCertificateRefs: [{ group: "", kind: ConfigMap, name: ${ca} }] }
`;

const report = (text: string): string => reportText(compile([{ file: "a.yaml", text }]), false);

test("routes to what a policy closes follow from the policy's fault, also where they stand before it", () => {
  const text = report(`${HEAD}${route("a")}${route("b")}${SERVICE}${policy("nowhere")}`);
  expect(text.match(/✘ error/g)).toHaveLength(1);
  expect(text).toContain("✘ error ConfigMap shop/nowhere is not among the inputs [policy-ca-ref]");
  expect(text).toContain("and 2 errors that follow from it: HTTPRoute shop/a, HTTPRoute shop/b\n");
  expect(text).toMatch(/\n3 errors, 0 warnings\n/);
});

test("the first diagnostic of a chain is the cause of the others, and comes first in JSON", () => {
  const broken = `---\napiVersion: v1\nkind: ConfigMap\nmetadata: { name: ca, namespace: shop }\ndata: { ca.crt: 1 }\n`;
  const result = compile([{ file: "a.yaml", text: `${HEAD}${route("a")}${SERVICE}${policy("ca")}${broken}` }]);
  expect(reportText(result, false)).toContain(
    "and 2 errors that follow from it: HTTPRoute shop/a, BackendTLSPolicy shop/web\n",
  );
  const { diagnostics } = JSON.parse(reportJson(result)) as { diagnostics: Diagnostic[] };
  expect(diagnostics.map(({ object, causedBy }) => [object?.kind, causedBy?.kind])).toEqual([
    ["ConfigMap", undefined],
    ["HTTPRoute", "BackendTLSPolicy"],
    ["BackendTLSPolicy", "ConfigMap"],
  ]);
});

test("of diagnostics about one missing object, the first counts as the cause", () => {
  const names = ["a", "b", "c", "d", "e"];
  const text = report(`${HEAD}${names.map((name) => route(name, "egde")).join("")}${SERVICE}`);
  expect(text.match(/✘ error/g)).toHaveLength(1);
  expect(text).toContain("and 4 errors that follow from it: HTTPRoute shop/b, HTTPRoute shop/c, HTTPRoute shop/d, …\n");
});

const diagnosticOf = (name: string, causedBy?: string): Diagnostic => ({
  severity: "error",
  code: "object-schema",
  message: "",
  location: null,
  object: { apiVersion: "v1", kind: "K", namespace: null, name },
  path: null,
  expected: null,
  found: null,
  remedy: "",
  note: null,
  ...(causedBy === undefined ? {} : { causedBy: { kind: "K", namespace: null, name: causedBy } satisfies Cause }),
});

test.for([
  [[diagnosticOf("a", "b"), diagnosticOf("b", "a")]],
  [[diagnosticOf("a", "a"), diagnosticOf("a", "a")]],
  [[diagnosticOf("a", "b"), diagnosticOf("b", "c"), diagnosticOf("c", "b"), diagnosticOf("d", "a")]],
] as const)("no diagnostic is lost when objects refer to each other in a circle: %#", ([diagnostics]) => {
  const groups = groupByCause(diagnostics);
  const all = groups.flatMap(({ cause, consequences }) => [cause, ...consequences]);
  expect(new Set(all)).toEqual(new Set(diagnostics));
  expect(all).toHaveLength(diagnostics.length);
});

test("a text that could not be read is the cause of what is missing", () => {
  const unread: Diagnostic = { ...diagnosticOf("x"), code: "input-unreadable", object: null };
  const absent = [diagnosticOf("a", "gone"), diagnosticOf("b", "lost")];
  expect(groupByCause([unread, ...absent])).toEqual([{ cause: unread, consequences: absent }]);
});

test("many warnings with one code are counted; errors, and JSON, are complete", () => {
  const like = (severity: Diagnostic["severity"], index: number): Diagnostic => ({
    severity,
    code: "backend-plaintext",
    message: `${severity} ${index}`,
    location: null,
    object: null,
    path: null,
    expected: null,
    found: null,
    remedy: "",
    note: null,
  });
  const many = Array.from({ length: 60 }, (_, index) => like(index % 2 === 0 ? "warning" : "error", index));
  const rest = { skipped: [], plaintext: [] };
  const text = reportText({ diagnostics: many, ...rest }, false);
  expect(text.match(/▲ warning /g)).toHaveLength(20);
  expect(text.match(/✘ error /g)).toHaveLength(30);
  expect(text).toContain("and 10 more warnings [backend-plaintext]: --format json lists all\n");
  expect(text).toContain("30 errors, 30 warnings\n");
  expect(JSON.parse(reportJson({ diagnostics: many, ...rest }))).toMatchObject({ diagnostics: { length: 60 } });
});
