/**
 * Writes src/compile/schema/gateway-api.json: the structural schemas of the Gateway API CRDs, as JSON Schema for ajv.
 *
 *     node scripts/generate-schema.ts …/sigs.k8s.io/gateway-api@v1.7.0/config/crd/experimental && npm run format
 *
 * The experimental channel is a superset of the standard one, so a field that lasthop does not support is refused as such
 * and not as unknown. The schemas do not cover `status`, which is read without validation.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { load } from "js-yaml";
import { type Json, jsonSchemaOf } from "../src/compile/schema/structural.ts";

const PLURALS = ["backendtlspolicies", "gatewayclasses", "gateways", "httproutes", "listenersets", "referencegrants"];

interface Crd {
  spec: { names: { kind: string }; versions: { name: string; schema: { openAPIV3Schema: { [key: string]: Json } } }[] };
}

const directory = process.argv[2];
if (directory === undefined) throw new Error("usage: node scripts/generate-schema.ts CRD-DIRECTORY");
const schemas: Record<string, Json> = {};
for (const plural of PLURALS) {
  const crd = load(readFileSync(join(directory, `gateway.networking.k8s.io_${plural}.yaml`), "utf8")) as Crd;
  const version = crd.spec.versions.find(({ name }) => name === "v1");
  if (version === undefined) throw new Error(`${plural}: no version v1`);
  const properties = version.schema.openAPIV3Schema["properties"] as { [key: string]: Json };
  schemas[crd.spec.names.kind] = jsonSchemaOf(properties["spec"] ?? {});
}
// "If CACertificateRefs is empty or unspecified": the standard channel allows an empty list, the experimental one does not.
const policy = schemas["BackendTLSPolicy"] as {
  properties: { validation: { properties: { caCertificateRefs: { minItems?: number } } } };
};
delete policy.properties.validation.properties.caCertificateRefs.minItems;
// schema/gateway-rules.ts names the fault of an address, where `oneOf` would only say that the address is wrong.
const gateway = schemas["Gateway"] as { properties: { addresses: { items: { oneOf?: Json } } } };
delete gateway.properties.addresses.items.oneOf;
writeFileSync(
  new URL("../src/compile/schema/gateway-api.json", import.meta.url),
  `${JSON.stringify(schemas, null, 1)}\n`,
);
