/**
 * `build` refuses what the v1.7.0 CRDs refuse, with the field: its verdicts on the table of admission/ against those of
 * a real API server. `npm run conformance:admission` compares with a live one.
 */
import { describe, expect, it } from "vitest";
import type { Json } from "../../src/compile/schema/structural.ts";
import { admissionCases, readDefinitions } from "./admission/cases.ts";
import { OWN_DEFINITION, ownCases } from "./admission/own.ts";
import type { Object_ } from "./admission/parts.ts";
import {
  brokenRulesOf,
  buildVerdicts,
  definitionVerdicts,
  DEFINITION_EXCEPTIONS,
  differing,
  EXCEPTIONS,
  recordedVerdicts,
} from "./admission/verdicts.ts";

const definitions = readDefinitions();
const cases = admissionCases(definitions);
const own = ownCases();
const server = recordedVerdicts();
/** The time for a few thousand objects, several times. */
const SLOW_MS = 120_000;

describe("admission: the table", () => {
  it("has a verdict of a real API server for each case, and no other", () => {
    expect([...server.keys()].sort()).toEqual([...cases, ...own].map(({ name }) => name).sort());
  });
  it.each(definitions.map(({ spec }) => [spec.names.kind, spec.versions] as const))(
    "needs one version of %s, since all have one schema",
    (_kind, versions) => {
      const [first] = versions;
      expect(versions.map(({ schema }) => schema)).toEqual(versions.map(() => first?.schema));
    },
  );
  it("changes every field of the CRDs", () => {
    const changed = new Set(
      cases.map(({ name }) => name.split(" ")).map(([kind, , , path = ""]) => place(kind, path.split("."))),
    );
    const fields = definitions.flatMap(({ spec }) =>
      schemas(spec.versions[0]?.schema.openAPIV3Schema ?? {}).map(([path]) => place(spec.names.kind, path)),
    );
    expect(fields.filter((field) => !changed.has(field) && / spec\../.test(field))).toEqual([]);
  });
  it(
    "breaks every CEL rule of the CRDs",
    () => {
      const found = brokenRulesOf(cases, definitions);
      const broken = new Set(
        found.map(({ kind, path, message }) => `${place(kind, path)}: ${message.split(" (field", 1)[0]}`),
      );
      const rules = definitions.flatMap(({ spec }) =>
        schemas(spec.versions[0]?.schema.openAPIV3Schema ?? {}).flatMap(([path, schema]) =>
          ((schema["x-kubernetes-validations"] ?? []) as { rule: string; message: string }[])
            // A dry run of a new object breaks no rule about a change.
            .filter(({ rule }) => !rule.includes("oldSelf"))
            .map(({ message }) => `${place(spec.names.kind, path)}: ${message}`),
        ),
      );
      expect(rules.length).toBeGreaterThan(150);
      expect(rules.filter((rule) => !broken.has(rule))).toEqual(UNBREAKABLE);
    },
    SLOW_MS,
  );
});

describe("admission: the verdicts of a real API server are those", () => {
  it(
    "of build",
    () => {
      expect(differing(server, buildVerdicts(cases), EXCEPTIONS)).toEqual([]);
    },
    SLOW_MS,
  );
  it(
    "of the CRDs among the inputs",
    () => {
      const ours = definitionVerdicts([...cases, ...own], [...definitions, OWN_DEFINITION]);
      expect(differing(server, ours, DEFINITION_EXCEPTIONS)).toEqual([]);
    },
    SLOW_MS,
  );
});

/** Rules that no object can break, since the structure refuses it before: keys of lists, an enum. */
const UNBREAKABLE = [
  "Gateway spec.listeners: Listener name must be unique within the Gateway",
  "Gateway spec.tls.frontend.perPort: Port for TLS configuration must be unique within the Gateway",
  "ListenerSet spec.listeners: Listener name must be unique within the Gateway",
  "HTTPRoute spec.rules.matches.path: type must be one of ['Exact', 'PathPrefix', 'RegularExpression']",
];

/** The place of a field, without the numbers of items and the keys of maps. */
const place = (kind = "", path: readonly (string | number)[]): string =>
  `${kind} ${path.filter((step) => !/^\d*$/.test(String(step))).join(".")}`;

/** Every schema within one, with the names that lead to it. */
function schemas(schema: Object_, at: readonly string[] = []): (readonly [path: readonly string[], schema: Object_])[] {
  const properties = Object.entries((schema["properties"] ?? {}) as { [key: string]: Object_ });
  const items = schema["items"] as Object_ | undefined;
  return [
    [at, schema] as const,
    ...properties.flatMap(([name, own]) => schemas(own, [...at, name])),
    ...(isSchema(items) ? schemas(items, at) : []),
  ];
}

const isSchema = (value: Json | undefined): value is Object_ => typeof value === "object" && !Array.isArray(value);
