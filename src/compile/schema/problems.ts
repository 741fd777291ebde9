/** Problems from ajv's errors: the field, the code, what was expected, and the remedy. */
import { field, type Kind } from "../kubernetes/kinds.ts";
import type { ErrorObject } from "ajv";
import type { DiagnosticCode } from "../diagnostics/codes.ts";
import { type FieldPath, type Problem, show } from "../diagnostics/diagnostics.ts";

/** The problem that an error of ajv stands for. `kind` decides which code it has, and which values are never shown. */
export function schemaProblem(kind: Kind | null, error: ErrorObject): Problem {
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
