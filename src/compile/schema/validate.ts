/** Structural validation: what the schemas of the API server refuse is refused here, by field; and the defaults of the schemas. */
import type { Kind } from "../kubernetes/kinds.ts";
import type { Ajv, ValidateFunction } from "ajv";
import { compareStrings, formatPath, type Problem } from "../diagnostics/diagnostics.ts";
import { CORE_SCHEMAS, type CoreSchema, CUSTOM_METADATA, METADATA } from "./core.ts";
import { createAjv } from "./ajv.ts";
import { defaultsOf } from "./defaults.ts";
import gatewayApi from "./gateway-api.json" with { type: "json" };
import { schemaProblem } from "./problems.ts";

const checker = createAjv({ useDefaults: false, validateSchema: false });
let definitionAjv: Ajv | null = null;

interface Validator {
  readonly validate: ValidateFunction;
  /** Sets defaults; null: the schema has none. */
  readonly fill: ReturnType<typeof defaultsOf>;
}

const validators = new Map<Kind, Validator>();

function validatorOf(kind: Kind): Validator {
  let known = validators.get(kind);
  if (known === undefined) {
    const schema = schemaOf(kind);
    known = { validate: checker.compile(schema), fill: defaultsOf(schema) };
    validators.set(kind, known);
  }
  return known;
}

function schemaOf(kind: Kind): object {
  if (Object.hasOwn(CORE_SCHEMAS, kind)) {
    const schema: CoreSchema = CORE_SCHEMAS[kind as keyof typeof CORE_SCHEMAS];
    return {
      ...schema,
      required: ["metadata", ...(schema.required ?? [])],
      properties: { ...schema.properties, metadata: METADATA },
    };
  }
  return {
    type: "object",
    required: ["metadata", "spec"],
    properties: {
      apiVersion: {},
      kind: {},
      metadata: CUSTOM_METADATA,
      spec: gatewayApi[kind as keyof typeof gatewayApi],
      status: {},
    },
    additionalProperties: false,
  };
}

/**
 * An object with the defaults of its schema, which leaves `given` as it is, and its structural problems, ordered by field.
 * Values of Secrets and ConfigMaps are never shown.
 */
export function validateStructure(kind: Kind, given: unknown): { value: unknown; problems: Problem[] } {
  const { fill, validate } = validatorOf(kind);
  const value = fill === null ? given : fill(given);
  return { value, problems: structuralProblems(validate, value, kind) };
}

/** A validator for a schema that is among the inputs; it sets defaults in the value. Throws on a value that is no schema. */
export function compileSchema(schema: object): ValidateFunction {
  definitionAjv ??= createAjv({ useDefaults: true, validateSchema: true });
  return definitionAjv.compile(schema);
}

/**
 * The structural problems that a validator finds, ordered by field. `kind` decides which codes they have, and which values are
 * never shown.
 */
export function structuralProblems(validate: ValidateFunction, value: unknown, kind: Kind | null = null): Problem[] {
  if (validate(value)) return [];
  const problems = (validate.errors ?? []).slice(0, MAX_ERRORS).map((error) => schemaProblem(kind, error));
  const unique = new Map(problems.map((problem) => [`${formatPath(problem.path)} ${problem.message}`, problem]));
  return [...unique].sort(([a], [b]) => compareStrings(a, b)).map(([, problem]) => problem);
}

/** Errors of one object that are looked at: a long list may have an error in every item, more than a reader needs. */
const MAX_ERRORS = 1_000;
