/**
 * Writes gateway-api.json: the structural schemas of the Gateway API CRDs, as JSON Schema for ajv.
 *
 *     node src/compile/schema/generate.ts …/sigs.k8s.io/gateway-api@v1.7.0/config/crd/experimental && npm run format
 *
 * The experimental channel is a superset of the standard one: a field lasthop does not do is then refused by name,
 * in status, rather than as unknown. `status` is left open: it is read, never validated.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { load } from "js-yaml";

const PLURALS = ["backendtlspolicies", "gatewayclasses", "gateways", "httproutes", "referencegrants"];

type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
interface Crd {
  spec: { names: { kind: string }; versions: { name: string; schema: { openAPIV3Schema: { [key: string]: Json } } }[] };
}

const directory = process.argv[2];
if (directory === undefined) throw new Error("usage: node src/compile/schema/generate.ts CRD-DIRECTORY");
const schemas: Record<string, Json> = {};
for (const plural of PLURALS) {
  const crd = load(readFileSync(join(directory, `gateway.networking.k8s.io_${plural}.yaml`), "utf8")) as Crd;
  const version = crd.spec.versions.find(({ name }) => name === "v1");
  if (version === undefined) throw new Error(`${plural}: no version v1`);
  const properties = version.schema.openAPIV3Schema["properties"] as { [key: string]: Json };
  schemas[crd.spec.names.kind] = convert(properties["spec"] ?? {});
}
// "If CACertificateRefs is empty or unspecified": the standard channel takes the empty list, the experimental one not.
const policy = schemas["BackendTLSPolicy"] as {
  properties: { validation: { properties: { caCertificateRefs: { minItems?: number } } } };
};
delete policy.properties.validation.properties.caCertificateRefs.minItems;
writeFileSync(new URL("gateway-api.json", import.meta.url), `${JSON.stringify(schemas, null, 1)}\n`);

/** OpenAPI v3 structural schema to JSON Schema. Unknown fields are refused, as `kubectl apply` does by default. */
function convert(schema: Json): Json {
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
        break;
      case "x-kubernetes-list-type":
        if (value === "set") out["uniqueItems"] = true;
        break;
      case "x-kubernetes-list-map-keys":
        out["uniqueKeys"] = value;
        break;
      case "properties":
        out["properties"] = Object.fromEntries(
          Object.entries(value as { [key: string]: Json }).map(([name, property]) => [name, convert(property)]),
        );
        if (schema["x-kubernetes-preserve-unknown-fields"] !== true) out["additionalProperties"] = false;
        break;
      case "items":
      case "additionalProperties":
        out[key] = convert(value);
        break;
      case "oneOf":
      case "anyOf":
      case "allOf":
        // Structural schemas repeat only constraints in here, never structure.
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
