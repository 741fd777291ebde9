/** The structural schema of a CustomResourceDefinition (OpenAPI v3) as JSON Schema for ajv. */

/** Any JSON value. */
export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

/**
 * The JSON Schema of a structural schema. The JSON Schema refuses unknown fields, as `kubectl apply` does by default.
 */
export function jsonSchemaOf(schema: Json): Json {
  if (schema === null || typeof schema !== "object" || Array.isArray(schema)) return schema;
  const out: { [key: string]: Json } = {};
  for (const [key, value] of Object.entries(schema)) {
    switch (key) {
      case "description":
      case "nullable":
      case "x-kubernetes-validations":
      case "x-kubernetes-map-type":
        break;
      case "format":
        if (value === "int32") Object.assign(out, { minimum: -(2 ** 31), maximum: 2 ** 31 - 1, ...bounds(schema) });
        if (value === "ipv4" || value === "ipv6") out["format"] = value;
        break;
      case "x-kubernetes-int-or-string":
        if (value === true) out["type"] = ["integer", "string"];
        break;
      case "x-kubernetes-list-type":
        if (value === "set") out["uniqueItems"] = true;
        break;
      case "x-kubernetes-list-map-keys":
        out["uniqueKeys"] = value;
        break;
      case "properties":
        out["properties"] = Object.fromEntries(
          Object.entries(value as { [key: string]: Json }).map(([name, property]) => [name, jsonSchemaOf(property)]),
        );
        if (schema["x-kubernetes-preserve-unknown-fields"] !== true) out["additionalProperties"] = false;
        break;
      case "items":
      case "additionalProperties":
        out[key] = jsonSchemaOf(value);
        break;
      case "oneOf":
      case "anyOf":
      case "allOf":
        // A structural schema has only constraints in these, and no structure.
        out[key] = value;
        break;
      default:
        if (!key.startsWith("x-")) out[key] = value;
    }
  }
  return out;
}

function bounds(schema: { [key: string]: Json }): { [key: string]: Json } {
  const found: { [key: string]: Json } = {};
  if (schema["minimum"] !== undefined) found["minimum"] = schema["minimum"];
  if (schema["maximum"] !== undefined) found["maximum"] = schema["maximum"];
  return found;
}
