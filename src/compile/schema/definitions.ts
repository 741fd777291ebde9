/**
 * CustomResourceDefinitions among the inputs: objects are also checked against their structural schemas and CEL rules. The
 * built-in checks know one release of the Gateway API; a cluster may have another release, and other kinds.
 */
import type { ValidateFunction } from "ajv";
import { canonicalJson } from "../../bundle/codec.ts";
import type { Problem } from "../diagnostics/diagnostics.ts";
import type { RawObject } from "../kubernetes/raw-object.ts";
import { CUSTOM_METADATA } from "./core.ts";
import { type BrokenRule, brokenRules } from "./cel.ts";
import { type Json, jsonSchemaOf } from "./structural.ts";
import { compileSchema, structuralProblems } from "./validate.ts";
import { field } from "../kubernetes/kinds.ts";

interface Definition {
  readonly schema: Json;
  readonly validate: ValidateFunction;
}

/** The definitions among the inputs. */
export interface Definitions {
  /** Problems of an object by the definition of its kind and version; empty when there is none. Does not change the object. */
  check(raw: RawObject): readonly Problem[];
}

/** Whether an object is a CustomResourceDefinition. */
export const isDefinition = ({ group, ref }: RawObject): boolean =>
  group === "apiextensions.k8s.io" && ref.kind === "CustomResourceDefinition";

/** The definitions among `raws`. Calls `report` with each definition that cannot be evaluated. */
export function readDefinitions(
  raws: readonly RawObject[],
  report: (raw: RawObject, problem: Problem) => void,
): Definitions {
  const byKind = new Map<string, Definition | null>();
  const byName = new Map<string, RawObject[]>();
  for (const raw of raws.filter(isDefinition)) byName.set(raw.ref.name, [...(byName.get(raw.ref.name) ?? []), raw]);
  for (const [first, ...others] of byName.values()) {
    if (first === undefined) continue;
    // The API server has one of the copies, and the input does not tell which.
    if (others.some(({ value }) => canonicalJson(value) !== canonicalJson(first.value)))
      for (const raw of [first, ...others]) report(raw, DIFFERENT_COPIES);
    else for (const [key, entry] of versionsOf(first, report)) byKind.set(key, entry);
  }
  return {
    check({ group, version, ref, value }) {
      const entry = byKind.get(versionKey(group, version, ref.kind)) ?? null;
      if (entry === null) return [];
      const copy: unknown = structuredClone(value);
      const code = ref.kind === "BackendTLSPolicy" ? "policy-schema" : "object-schema";
      // ajv checks `oneOf` before it sets defaults, so the check is repeated once the defaults are set.
      entry.validate(copy);
      const structure = structuralProblems(entry.validate, copy);
      if (structure.length > 0) return structure.map((problem) => ({ ...problem, code }));
      return brokenRules(entry.schema, copy).map((rule) => ({ ...ruleProblem(rule), code }));
    },
  };
}

/** A rule of a definition that an object breaks, or that cannot be evaluated, which is only a warning. */
const ruleProblem = ({ path, message, kind }: BrokenRule): Omit<Problem, "code"> =>
  kind === "broken"
    ? { path, message, expected: message, remedy: "correct the field: its CustomResourceDefinition has this rule" }
    : {
        severity: "warning",
        path,
        message: `a rule of its CustomResourceDefinition could not be evaluated: ${message}`,
        remedy: "check the object with kubectl apply --dry-run=server",
      };

/** The versions of one definition, by {@link versionKey}; null: a version without a schema, or one that cannot be evaluated. */
function* versionsOf(
  raw: RawObject,
  report: (raw: RawObject, problem: Problem) => void,
): Generator<[key: string, entry: Definition | null]> {
  const spec = field(raw.value, "spec");
  const [group, kind] = [field(spec, "group"), field(field(spec, "names"), "kind")];
  const versions = field(spec, "versions");
  for (const [index, version] of (Array.isArray(versions) ? (versions as unknown[]) : []).entries()) {
    const fault = (text: string): null => {
      report(raw, unreadableSchema(index, text));
      return null;
    };
    const schema = field(field(version, "schema"), "openAPIV3Schema");
    yield [versionKey(String(group), String(field(version, "name")), String(kind)), definitionOf(schema, fault)];
  }
}

const versionKey = (group: string, version: string, kind: string): string => `${group}/${version}/${kind}`;

function definitionOf(schema: unknown, fault: (text: string) => null): Definition | null {
  if (schema === null || typeof schema !== "object") return null;
  const { properties } = schema as { properties?: { [key: string]: Json } };
  // Kubernetes itself checks the first three, and lasthop does not read `status`.
  const machinery = { apiVersion: {}, kind: {}, metadata: {}, status: {} };
  const own = { ...(schema as { [key: string]: Json }), properties: { ...properties, ...machinery } };
  try {
    const { properties: checked, ...rest } = jsonSchemaOf(own) as { properties: object };
    return { schema: own, validate: compileSchema({ ...rest, properties: { ...checked, metadata: CUSTOM_METADATA } }) };
  } catch (error) {
    return fault(error instanceof Error ? error.message : String(error));
  }
}

const DIFFERENT_COPIES: Problem = {
  code: "object-duplicate",
  path: ["metadata", "name"],
  message: "this definition appears more than once, and the copies differ, so none is evaluated",
  expected: "each object once",
  remedy: "remove all copies but one",
};

function unreadableSchema(index: number, fault: string): Problem {
  return {
    code: "object-schema",
    path: ["spec", "versions", index, "schema", "openAPIV3Schema"],
    message: `the schema cannot be read: ${fault}`,
    expected: "a structural schema",
    remedy: "correct the schema",
  };
}
