/** Objects with odd `metadata`, which the API machinery checks: no CRD has a schema of it. */
import type { Json } from "../../../src/compile/schema/structural.ts";
import { type AdmissionCase, object, type Object_ } from "./parts.ts";

const NAMES: readonly Json[] = [
  "a.b",
  "a-b",
  "1",
  "a".repeat(253),
  "a".repeat(254),
  "A",
  "a_b",
  "a..b",
  "a.-b",
  "-a",
  "a-",
  ".a",
  "a.",
  "a:b",
  "a b",
  "a\n",
  "a/b",
  "é",
  1,
  { a: "b" },
];
const KEYS = ["a", "a.b/c", "A.b/c", "a/b/c", "/a", "a/", "a b", "-a", "a_b", "", "a".repeat(63), "a".repeat(64)];
const VALUES: readonly Json[] = [
  "",
  "a",
  "A.b-c_d",
  "-a",
  "a b",
  "a/b",
  "a".repeat(63),
  "a".repeat(64),
  "é",
  1,
  true,
  null,
];

const METADATA: Readonly<Record<string, readonly Object_[]>> = {
  name: NAMES.map((name) => ({ name })),
  labels: [
    ...KEYS.map((key) => ({ labels: { [key]: "a" } })),
    ...VALUES.map((value) => ({ labels: { a: value } })),
    { labels: [] },
    { labels: "a" },
    { labels: null },
  ],
  annotations: [
    ...KEYS.map((key) => ({ annotations: { [key]: "a" } })),
    ...VALUES.map((value) => ({ annotations: { a: value } })),
    { annotations: { "A.b/c": "a", a: "b".repeat(262_144) } },
    { annotations: { a: "b".repeat(262_145) } },
    { annotations: [] },
  ],
  others: [
    { unknown: "a" },
    { generation: 1 },
    { generation: "1" },
    { creationTimestamp: "2026-01-01T00:00:00Z" },
    { creationTimestamp: null },
    { creationTimestamp: "today" },
    { creationTimestamp: 1 },
    { finalizers: ["example.com/a"] },
    { finalizers: ["a"] },
    { ownerReferences: [{ apiVersion: "v1", kind: "ConfigMap", name: "a", uid: "b" }] },
    { ownerReferences: [{ kind: "ConfigMap" }] },
    { managedFields: [] },
    { uid: "a", selfLink: "/a" },
    { generateName: "a-" },
  ],
};

/** A case for each odd value. */
export function metadataCases(): AdmissionCase[] {
  return Object.entries(METADATA).flatMap(([field, all]) =>
    all.map((metadata, index) => {
      const good = object("HTTPRoute", "metadata", "{}");
      return {
        name: `HTTPRoute v1 metadata ${field} ${index}`,
        object: { ...good, metadata: { ...good.metadata, ...metadata } },
      };
    }),
  );
}
