/** Structural validation: what the API server's schemas refuse is refused here, with the field. Sets defaults too. */
import { field, type Kind } from "../kubernetes/kinds.ts";
import { Ajv, type ErrorObject, type ValidateFunction } from "ajv";
import { RE2JS } from "re2js";
import {
  compareStrings,
  type DiagnosticCode,
  type FieldPath,
  formatPath,
  type Problem,
  show,
} from "../diagnostics/diagnostics.ts";
import { CORE_SCHEMAS, type CoreSchema, CUSTOM_METADATA, METADATA } from "./core.ts";
import { isLabelValue, isQualifiedName } from "./formats.ts";
import { isFormatIpv4, isFormatIpv6 } from "./ip.ts";
import gatewayApi from "./gateway-api.json" with { type: "json" };

/** Above this length a pattern runs in linear time, since several of the CRDs' backtrack. */
const MAX_BACKTRACKING_LENGTH = 512;
/** No field with a pattern may be as long. */
const MAX_LENGTH = 8192;

const regExp = Object.assign(
  (source: string, flags: string) => {
    const native = new RegExp(source, flags);
    let linear: RE2JS | null = null;
    return {
      test: (text: string): boolean => {
        if (text.length > MAX_LENGTH) return false;
        if (text.length <= MAX_BACKTRACKING_LENGTH) return native.test(text);
        return (linear ??= RE2JS.compile(source)).matcher(text).find();
      },
      // ajv keys its patterns by this.
      toString: () => `/${source}/${flags}`,
    };
  },
  { code: "regExp" },
);

const ajv = new Ajv({
  allErrors: true,
  strict: false,
  useDefaults: true,
  unicodeRegExp: false,
  formats: {
    ipv4: isFormatIpv4,
    ipv6: isFormatIpv6,
    "label-key": isQualifiedName,
    "label-value": isLabelValue,
    // `ValidateAnnotations` looks at them in lower case.
    "annotation-key": (text: string) => isQualifiedName(text.toLowerCase()),
  },
  verbose: true,
  code: { regExp, optimize: false },
});
ajv.addKeyword({
  keyword: "uniqueKeys",
  type: "array",
  schemaType: "array",
  validate: (keys: readonly string[], items: readonly unknown[]) => {
    const seen = new Set(items.map((item) => JSON.stringify(keys.map((key) => field(item, key)))));
    return seen.size === items.length;
  },
  error: { message: ({ schema }: { schema: readonly string[] }) => `must not repeat ${schema.join(", ")}` },
});

ajv.addKeyword({
  keyword: "base64",
  type: "string",
  // Go's decoder passes over line ends, and over nothing else.
  validate: (_: boolean, text: string) => {
    const data = text.replaceAll(/[\r\n]/g, "");
    return data.length % 4 === 0 && /^[A-Za-z0-9+/]*={0,2}$/.test(data);
  },
  error: { message: "must be base64; the text itself goes under data of a ConfigMap, or stringData of a Secret" },
});

ajv.addKeyword({
  keyword: "maxBytes",
  type: "object",
  schemaType: "number",
  validate: (limit: number, map: Readonly<Record<string, unknown>>) =>
    Object.entries(map).reduce((sum, [key, value]) => sum + Buffer.byteLength(`${key}${String(value)}`), 0) <= limit,
  error: { message: ({ schema }: { schema: number }) => `must not have more than ${schema} bytes in all` },
});

const compiled = new Map<Kind, ValidateFunction>();

function validator(kind: Kind): ValidateFunction {
  let validate = compiled.get(kind);
  if (validate === undefined) {
    validate = ajv.compile(schemaOf(kind));
    compiled.set(kind, validate);
  }
  return validate;
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
 * The structural faults of an object, ordered by field; sets the schema's defaults in place.
 * Values of Secrets and ConfigMaps are never shown.
 */
export function validateStructure(kind: Kind, value: unknown): Problem[] {
  return structuralProblems(validator(kind), value, kind);
}

/** A validator for a schema of the inputs' own. Throws on one that is no schema. */
export const compileSchema = (schema: object): ValidateFunction => ajv.compile(schema);

/** The same by a validator of one's own; `kind` says which code a fault has, and what of it is never shown. */
export function structuralProblems(validate: ValidateFunction, value: unknown, kind: Kind | null = null): Problem[] {
  if (validate(value)) return [];
  const problems = (validate.errors ?? []).slice(0, MAX_ERRORS).map((error) => problemOf(kind, error));
  const unique = new Map(problems.map((problem) => [`${formatPath(problem.path)} ${problem.message}`, problem]));
  return [...unique].sort(([a], [b]) => compareStrings(a, b)).map(([, problem]) => problem);
}

/** Nobody reads more about one object, and a long list may have a fault in every item. */
const MAX_ERRORS = 1_000;

function problemOf(kind: Kind | null, error: ErrorObject): Problem {
  const path = pathOf(error);
  const redacted =
    kind === "Secret" ? path[1] !== "name" && path[1] !== "namespace" : kind === "ConfigMap" && path[0] !== "metadata";
  const value: unknown =
    error.keyword === "additionalProperties"
      ? field(error.data, String(error.params["additionalProperty"]))
      : error.data;
  const found = redacted ? "[redacted]" : show(value);
  const code = codeOf(kind, error, path);
  const fault = code === "policy-hostname" && error.keyword === "pattern" ? NO_HOSTNAME : faultOf(error);
  return { code, path, ...(error.keyword === "required" ? {} : { found }), ...fault };
}

/** PreciseHostname. */
const NO_HOSTNAME = {
  message: "is no precise hostname",
  expected: "a DNS name in lower case, without wildcard",
  remedy: "use the DNS name in the backend's certificate",
};

/** Faults of a policy carry the code its ports answer with. */
function codeOf(kind: Kind | null, error: ErrorObject, path: FieldPath): DiagnosticCode {
  if (kind === "BackendTLSPolicy") {
    if (path[2] === "hostname") return "policy-hostname";
    if (path[2] === "wellKnownCACertificates") return "policy-well-known-ca";
    if (path[1] === "options") return "policy-option";
    return "policy-schema";
  }
  return error.keyword === "additionalProperties" ? "object-unknown-field" : "object-schema";
}

function pathOf(error: ErrorObject): FieldPath {
  const steps: (string | number)[] = error.instancePath
    .split("/")
    .slice(1)
    .map((step) => (/^\d+$/.test(step) ? Number(step) : step.replaceAll("~1", "/").replaceAll("~0", "~")));
  if (error.keyword === "additionalProperties") steps.push(String(error.params["additionalProperty"]));
  return steps;
}

function faultOf(error: ErrorObject): { message: string; expected: string; remedy: string } {
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
