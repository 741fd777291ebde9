/** Defaults of schemas: set as ajv sets them, in a copy. */
import { Ajv } from "ajv";
import { expect, it } from "vitest";
import { readObjects } from "../../src/compile/document/objects.ts";
import { Diagnostics } from "../../src/compile/diagnostics/diagnostics.ts";
import { load } from "../../src/compile/load/load.ts";
import { Memory } from "../../src/compile/memory/memory.ts";
import { defaultsOf } from "../../src/compile/schema/defaults.ts";
import { readFileSync } from "node:fs";

const SCHEMA = {
  type: "object",
  properties: {
    weight: { type: "integer", default: 1 },
    matches: {
      type: "array",
      default: [{ path: {} }],
      items: {
        type: "object",
        properties: {
          path: { type: "object", properties: { type: { default: "PathPrefix" }, value: { default: "/" } } },
        },
      },
    },
    labels: { type: "object", additionalProperties: { type: "object", properties: { on: { default: true } } } },
    nested: { type: "object", default: {}, properties: { deep: { default: null }, plain: {} } },
  },
};

it.each([
  ["an empty object", {}],
  ["values that are there, falsy ones too", { weight: 0, nested: { deep: false } }],
  ["items of a list", { matches: [{ path: { value: "/a" } }, {}, "no object"] }],
  ["further properties", { labels: { a: {}, b: { on: false }, c: 1 } }],
  ["values of the wrong type", { matches: {}, labels: [], nested: "text" }],
  ["null", { weight: null, nested: null }],
  ["a list in place of the object", [{}]],
  ["text in place of the object", "text"],
])("are those of ajv, and the value stays as it was: %s", (_what, value) => {
  const before = structuredClone(value);
  const ajv: unknown = structuredClone(value);
  new Ajv({ useDefaults: true, strict: false, allErrors: true }).compile(SCHEMA)(ajv);
  expect(defaultsOf(SCHEMA)?.(value)).toStrictEqual(ajv);
  expect(value).toStrictEqual(before);
});

it("give the value itself where nothing is missing", () => {
  const value = { weight: 2, matches: [], nested: { deep: 1 } };
  expect(defaultsOf(SCHEMA)?.(value)).toBe(value);
  expect(defaultsOf({ type: "object", properties: { name: { type: "string" } } })).toBeNull();
});

it("leave every object that is loaded as it was", () => {
  const file = "golden/route-filters.in.yaml";
  const text = readFileSync(new URL(file, import.meta.url), "utf8");
  const { objects } = readObjects([{ file, text }], new Diagnostics());
  const before = structuredClone(objects.map(({ value }) => value));
  const { cluster } = load(objects, "inputs", new Memory(), new Diagnostics());
  expect(objects.map(({ value }) => value)).toStrictEqual(before);
  const [route] = [...cluster.HTTPRoute.values()];
  expect(route?.object.value).not.toStrictEqual(objects.find(({ ref }) => ref.kind === "HTTPRoute")?.value);
});
