/**
 * CustomResourceDefinitions among the inputs, evaluated as they stand: what their structural schemas and CEL rules
 * refuse, an API server that has them refuses. Built-in checks know the Gateway API of one release; a cluster may have
 * another, and kinds that lasthop has never heard of.
 */
import type { ValidateFunction } from "ajv";
import { canonicalJson } from "../../bundle/codec.ts";
import type { Problem } from "../diagnostics/diagnostics.ts";
import type { RawObject } from "../kubernetes/raw-object.ts";
import { CUSTOM_METADATA } from "./core.ts";
import { brokenRules } from "./cel.ts";
import { type Json, jsonSchemaOf } from "./structural.ts";
import { compileSchema, structuralProblems } from "./validate.ts";
import { field } from "../kubernetes/kinds.ts";

interface Definition {
  readonly schema: Json;
  readonly validate: ValidateFunction;
}

/** Of one version; null: it has no schema, or one that cannot be evaluated. */
type Entry = Definition | null;

export interface Definitions {
  /** What the definition of this object's kind refuses; empty without one. Leaves the object as it is. */
  check(raw: RawObject): readonly Problem[];
}

export const isDefinition = ({ group, ref }: RawObject): boolean =>
  group === "apiextensions.k8s.io" && ref.kind === "CustomResourceDefinition";

/** The definitions among `raws`; `report` hears of those that cannot be evaluated. */
export function readDefinitions(
  raws: readonly RawObject[],
  report: (raw: RawObject, problem: Problem) => void,
): Definitions {
  const byKind = new Map<string, Entry>();
  const byName = new Map<string, RawObject[]>();
  for (const raw of raws.filter(isDefinition)) byName.set(raw.ref.name, [...(byName.get(raw.ref.name) ?? []), raw]);
  for (const [first, ...others] of byName.values()) {
    if (first === undefined) continue;
    // Nobody knows which of them the API server has.
    if (others.some(({ value }) => canonicalJson(value) !== canonicalJson(first.value)))
      for (const raw of [first, ...others]) report(raw, DIFFERING);
    else for (const [key, entry] of versionsOf(first, report)) byKind.set(key, entry);
  }
  return {
    check({ group, version, ref, value }) {
      const entry = byKind.get(keyOf(group, version, ref.kind)) ?? null;
      if (entry === null) return [];
      const copy: unknown = structuredClone(value);
      const code = ref.kind === "BackendTLSPolicy" ? "policy-schema" : "object-schema";
      // ajv looks at `oneOf` before it sets defaults; the second time they are there.
      entry.validate(copy);
      const structure = structuralProblems(entry.validate, copy);
      if (structure.length > 0) return structure.map((problem) => ({ ...problem, code }));
      return brokenRules(entry.schema, copy).map(({ path, message, kind }): Problem =>
        kind === "broken"
          ? {
              code,
              path,
              message,
              expected: message,
              remedy: "correct the field: its CustomResourceDefinition has this rule",
            }
          : {
              severity: "warning",
              code,
              path,
              message: `a rule of its CustomResourceDefinition could not be evaluated: ${message}`,
              remedy: "check the object with kubectl apply --dry-run=server",
            },
      );
    },
  };
}

function* versionsOf(
  raw: RawObject,
  report: (raw: RawObject, problem: Problem) => void,
): Generator<[key: string, entry: Entry]> {
  const spec = field(raw.value, "spec");
  const [group, kind] = [field(spec, "group"), field(field(spec, "names"), "kind")];
  const versions = field(spec, "versions");
  for (const [index, version] of (Array.isArray(versions) ? (versions as unknown[]) : []).entries()) {
    const fault = (text: string): null => {
      report(raw, unreadable(index, text));
      return null;
    };
    const schema = field(field(version, "schema"), "openAPIV3Schema");
    yield [keyOf(String(group), String(field(version, "name")), String(kind)), definitionOf(schema, fault)];
  }
}

const keyOf = (group: string, version: string, kind: string): string => `${group}/${version}/${kind}`;

function definitionOf(schema: unknown, fault: (text: string) => null): Entry {
  if (schema === null || typeof schema !== "object") return null;
  const { properties } = schema as { properties?: { [key: string]: Json } };
  // These are the API machinery's own, and nothing of ours reads status.
  const machinery = { apiVersion: {}, kind: {}, metadata: {}, status: {} };
  const own = { ...(schema as { [key: string]: Json }), properties: { ...properties, ...machinery } };
  try {
    const { properties: checked, ...rest } = jsonSchemaOf(own) as { properties: object };
    return { schema: own, validate: compileSchema({ ...rest, properties: { ...checked, metadata: CUSTOM_METADATA } }) };
  } catch (error) {
    return fault(error instanceof Error ? error.message : String(error));
  }
}

const DIFFERING: Problem = {
  code: "object-duplicate",
  path: ["metadata", "name"],
  message: "this definition appears more than once, and the copies differ, so none is evaluated",
  expected: "each object once",
  remedy: "remove all copies but one",
};

function unreadable(index: number, fault: string): Problem {
  return {
    code: "object-schema",
    path: ["spec", "versions", index, "schema", "openAPIV3Schema"],
    message: `the schema cannot be read: ${fault}`,
    expected: "a structural schema",
    remedy: "correct the schema",
  };
}
