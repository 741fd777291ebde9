/** Structural validation: what the schemas of the API server refuse is refused here, by field; and the defaults of the schemas. */
import { field, type Kind } from "../kubernetes/kinds.ts";
import type { Ajv, ErrorObject, ValidateFunction } from "ajv";
import {
  compareStrings,
  type DiagnosticCode,
  type FieldPath,
  formatPath,
  type Problem,
  show,
} from "../diagnostics/diagnostics.ts";
import { CORE_SCHEMAS, type CoreSchema, CUSTOM_METADATA, METADATA } from "./core.ts";
import { createAjv } from "./ajv.ts";
import { defaultsOf } from "./defaults.ts";
import gatewayApi from "./gateway-api.json" with { type: "json" };

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

/** Errors of one object that are looked at: a long list may have one in every item, and nobody reads so many. */
const MAX_ERRORS = 1_000;

function schemaProblem(kind: Kind | null, error: ErrorObject): Problem {
  const path = schemaPath(error);
  const redacted =
    kind === "Secret" ? path[1] !== "name" && path[1] !== "namespace" : kind === "ConfigMap" && path[0] !== "metadata";
  const value: unknown =
    error.keyword === "additionalProperties"
      ? field(error.data, String(error.params["additionalProperty"]))
      : error.data;
  const found = redacted ? "[redacted]" : show(value);
  const code = schemaCode(kind, error, path);
  const fault = code === "policy-hostname" && error.keyword === "pattern" ? NO_HOSTNAME : explainError(error);
  return { code, path, ...(error.keyword === "required" ? {} : { found }), ...fault };
}

/** What `PreciseHostname` asks of a hostname. */
const NO_HOSTNAME = {
  message: "is no precise hostname",
  expected: "a DNS name in lower case, without wildcard",
  remedy: "use the DNS name in the backend's certificate",
};

/** The code of a problem; for a policy, the code with which requests to its ports are answered. */
function schemaCode(kind: Kind | null, error: ErrorObject, path: FieldPath): DiagnosticCode {
  if (kind === "BackendTLSPolicy") {
    if (path[2] === "hostname") return "policy-hostname";
    if (path[2] === "wellKnownCACertificates") return "policy-well-known-ca";
    if (path[1] === "options") return "policy-option";
    return "policy-schema";
  }
  return error.keyword === "additionalProperties" ? "object-unknown-field" : "object-schema";
}

function schemaPath(error: ErrorObject): FieldPath {
  const steps: (string | number)[] = error.instancePath
    .split("/")
    .slice(1)
    .map((step) => (/^\d+$/.test(step) ? Number(step) : step.replaceAll("~1", "/").replaceAll("~0", "~")));
  if (error.keyword === "additionalProperties") steps.push(String(error.params["additionalProperty"]));
  return steps;
}

function explainError(error: ErrorObject): { message: string; expected: string; remedy: string } {
  const { keyword, params } = error;
  switch (keyword) {
    case "required": {
      const name = String(params["missingProperty"]);
      return { message: `${name} is missing`, expected: `a field ${name}`, remedy: `add ${name}` };
    }
    case "additionalProperties": {
      const name = String(params["additionalProperty"]);
      if (name === "namespace" && field(error.data, "name") !== undefined)
        return {
          message: "a reference of this kind reaches the object's own namespace only, and has no field namespace",
          expected: knownFields(error),
          remedy: "leave the field out, and put both objects into one namespace",
        };
      return {
        message: `unknown field ${name}`,
        expected: knownFields(error),
        remedy: "correct the name, or remove the field: the API server would drop it",
      };
    }
    case "type":
      return {
        message: `must be of type ${String(params["type"])}`,
        expected: String(params["type"]),
        remedy:
          error.data !== null && typeof error.data !== "object" && params["type"] === "string"
            ? "quote the value"
            : "write a value of that type",
      };
    case "enum": {
      const allowed = (params["allowedValues"] as unknown[]).map((value) => show(value)).join(", ");
      return {
        message: "is not one of the allowed values",
        expected: `one of ${allowed}`,
        remedy: "use one of the allowed values",
      };
    }
    case "pattern":
      return {
        message: "has a form the API does not allow",
        expected: `a match of ${String(params["pattern"])}`,
        remedy: "correct the value",
      };
    case "maxLength":
    case "maxItems":
    case "maxProperties":
    case "maximum":
      return {
        message: error.message ?? keyword,
        expected: `at most ${String(params["limit"])}`,
        remedy: "use fewer, or a smaller value",
      };
    case "minLength":
    case "minItems":
    case "minProperties":
    case "minimum":
      return {
        message: error.message ?? keyword,
        expected: `at least ${String(params["limit"])}`,
        remedy: "add what is missing, or use a larger value",
      };
    case "uniqueKeys": {
      const keys = (error.schema as readonly string[]).join(", ");
      return {
        message: `two items have the same ${keys}`,
        expected: `items that differ in ${keys}`,
        remedy: "remove one, or change it",
      };
    }
    default:
      return { message: error.message ?? keyword, expected: error.message ?? keyword, remedy: "correct the value" };
  }
}

function knownFields(error: ErrorObject): string {
  const properties: unknown = error.parentSchema?.["properties"];
  return properties !== null && typeof properties === "object"
    ? `one of ${Object.keys(properties).join(", ")}`
    : "a known field";
}
