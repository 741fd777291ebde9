/**
 * CustomResourceDefinitions among the inputs, evaluated as they stand: what their structural schemas and CEL rules
 * refuse, an API server that has them refuses. Built-in checks know the Gateway API of one release; a cluster may have
 * another, and kinds that lasthop has never heard of.
 */
import type { ValidateFunction } from "ajv";
import type { Problem } from "../diagnostics.ts";
import type { RawObject } from "../document/objects.ts";
import { brokenRules } from "./cel.ts";
import { type Json, jsonSchemaOf } from "./structural.ts";
import { compileSchema, field, structuralProblems } from "./validate.ts";

interface Definition {
  readonly schema: Json;
  readonly validate: ValidateFunction;
}

/** Of one version, or why it cannot be evaluated. */
type Entry = Definition | { readonly fault: string } | null;

export interface Definitions {
  /** What the definition of this object's kind refuses; empty without one. Sets its defaults in a copy. */
  check(raw: RawObject): readonly Problem[];
}

const isDefinition = ({ group, ref }: RawObject): boolean =>
  group === "apiextensions.k8s.io" && ref.kind === "CustomResourceDefinition";

/** The definitions among `raws`; `report` hears of those that cannot be evaluated. */
export function readDefinitions(
  raws: readonly RawObject[],
  report: (raw: RawObject, problem: Problem) => void,
): Definitions {
  const byKind = new Map<string, Entry>();
  for (const raw of raws) {
    if (!isDefinition(raw)) continue;
    const spec = field(raw.value, "spec");
    const [group, kind, versions] = [
      field(spec, "group"),
      field(field(spec, "names"), "kind"),
      field(spec, "versions"),
    ];
    for (const [index, version] of (Array.isArray(versions) ? (versions as unknown[]) : []).entries()) {
      const entry = definitionOf(field(field(version, "schema"), "openAPIV3Schema"));
      byKind.set(keyOf(String(group), String(field(version, "name")), String(kind)), entry);
      if (entry !== null && "fault" in entry) report(raw, unreadable(index, entry.fault));
    }
  }
  return {
    check({ group, version, ref, value }) {
      const entry = byKind.get(keyOf(group, version, ref.kind)) ?? null;
      if (entry === null || "fault" in entry) return [];
      const copy: unknown = structuredClone(value);
      const structure = structuralProblems(entry.validate, copy);
      if (structure.length > 0) return structure;
      return brokenRules(entry.schema, copy).map(({ path, message, kind }): Problem =>
        kind === "broken"
          ? {
              code: "object-schema",
              path,
              message,
              expected: message,
              remedy: "correct the field: its CustomResourceDefinition has this rule",
            }
          : {
              severity: "warning",
              code: "object-schema",
              path,
              message: `a rule of its CustomResourceDefinition could not be evaluated: ${message}`,
              remedy: "check the object with kubectl apply --dry-run=server",
            },
      );
    },
  };
}

const keyOf = (group: string, version: string, kind: string): string => `${group}/${version}/${kind}`;

function definitionOf(schema: unknown): Entry {
  if (schema === null || typeof schema !== "object") return null;
  const { properties } = schema as { properties?: { [key: string]: Json } };
  // metadata is the API machinery's, and nothing of ours reads status.
  const own = { ...(schema as { [key: string]: Json }), properties: { ...properties, metadata: {}, status: {} } };
  try {
    return { schema: own, validate: compileSchema(jsonSchemaOf(own) as object) };
  } catch (error) {
    return { fault: error instanceof Error ? error.message : String(error) };
  }
}

function unreadable(index: number, fault: string): Problem {
  return {
    code: "object-schema",
    path: ["spec", "versions", index, "schema", "openAPIV3Schema"],
    message: `the schema cannot be read: ${fault}`,
    expected: "a structural schema",
    remedy: "correct the schema",
  };
}
