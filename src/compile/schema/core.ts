/**
 * JSON Schemas of the kinds that are not of the Gateway API: the fields that lasthop reads, with the types and bounds of the
 * API server. Other fields are not checked. The file is long because it is one list, in which each kind is looked up by its
 * name.
 */

const NAME = { type: "string", minLength: 1, maxLength: 253 };
const STRINGS = { type: "object", additionalProperties: { type: "string" } };
const PORT = { type: "integer", minimum: 1, maximum: 65_535 };
const PROTOCOL = { type: "string", enum: ["TCP", "UDP", "SCTP"], default: "TCP" };
const BASE64 = { type: "string", base64: true };

const OWNER = {
  type: "object",
  required: ["apiVersion", "kind", "name", "uid"],
  properties: {
    apiVersion: { type: "string" },
    kind: { type: "string" },
    name: { type: "string" },
    uid: { type: "string" },
  },
};

/** `ObjectMeta`, as `ValidateObjectMeta` checks it. Unknown fields pass, since a later Kubernetes may have more. */
export const METADATA = {
  type: "object",
  required: ["name"],
  properties: {
    name: { ...NAME, pattern: "^[a-z0-9]([-a-z0-9.:]*[a-z0-9])?$" },
    // An empty namespace counts as an absent one.
    namespace: { type: "string", maxLength: 63, pattern: "^([a-z0-9]([-a-z0-9]*[a-z0-9])?)?$" },
    generation: { type: "integer", minimum: 0 },
    creationTimestamp: {
      type: "string",
      pattern: "^\\d{4}-\\d{2}-\\d{2}T\\d{2}:\\d{2}:\\d{2}(\\.\\d{1,9})?(Z|[+-]\\d{2}:\\d{2})$",
    },
    labels: {
      type: "object",
      propertyNames: { format: "label-key" },
      additionalProperties: { type: "string", format: "label-value" },
    },
    annotations: { ...STRINGS, propertyNames: { format: "annotation-key" }, maxBytes: 262_144 },
    finalizers: { type: "array", items: { type: "string" } },
    ownerReferences: { type: "array", items: OWNER },
  },
} as const;

/** `ObjectMeta` of kinds that a CustomResourceDefinition defines: their names are DNS subdomains. */
export const CUSTOM_METADATA = {
  ...METADATA,
  properties: {
    ...METADATA.properties,
    name: { ...NAME, pattern: "^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$" },
  },
} as const;

const servicePort = {
  type: "object",
  required: ["port"],
  properties: {
    name: { type: "string", default: "" },
    protocol: PROTOCOL,
    port: PORT,
    appProtocol: { type: "string" },
  },
};

const service = {
  type: "object",
  properties: {
    type: { enum: ["ClusterIP", "NodePort", "LoadBalancer", "ExternalName"], default: "ClusterIP" },
    externalName: { type: "string" },
    ports: { type: "array", items: servicePort, default: [] },
  },
};

const endpoint = {
  type: "object",
  required: ["addresses"],
  properties: {
    addresses: { type: "array", minItems: 1, maxItems: 100, items: { type: "string" } },
    conditions: {
      type: "object",
      default: {},
      properties: { ready: { type: "boolean" }, serving: { type: "boolean" }, terminating: { type: "boolean" } },
    },
  },
};

const endpointSlice = {
  type: "object",
  required: ["addressType"],
  properties: {
    addressType: { enum: ["IPv4", "IPv6", "FQDN"] },
    endpoints: { type: "array", maxItems: 1000, items: endpoint, default: [] },
    ports: {
      type: "array",
      maxItems: 20_000,
      default: [],
      items: {
        type: "object",
        properties: {
          name: { type: "string", default: "" },
          protocol: PROTOCOL,
          port: PORT,
          appProtocol: { type: "string" },
        },
      },
    },
  },
};

const endpointAddresses = {
  type: "array",
  default: [],
  items: { type: "object", required: ["ip"], properties: { ip: { type: "string" } } },
};

const endpointSubset = {
  type: "object",
  properties: {
    addresses: endpointAddresses,
    notReadyAddresses: endpointAddresses,
    ports: {
      type: "array",
      default: [],
      items: {
        type: "object",
        required: ["port"],
        properties: { name: { type: "string", default: "" }, protocol: PROTOCOL, port: PORT },
      },
    },
  },
};

/** Routes of kinds that lasthop does not serve: nothing of them is read but the parents that they name. */
const unservedRoute = {
  type: "object",
  required: ["spec"],
  properties: {
    spec: {
      type: "object",
      properties: {
        parentRefs: {
          type: "array",
          maxItems: 32,
          default: [],
          items: {
            type: "object",
            required: ["name"],
            properties: {
              group: { type: "string", default: "gateway.networking.k8s.io" },
              kind: { type: "string", default: "Gateway" },
              namespace: { type: "string" },
              name: NAME,
              sectionName: { type: "string" },
              port: PORT,
            },
          },
        },
      },
    },
  },
};

/** JSON Schema of a whole object; `metadata` is added to it. */
export interface CoreSchema {
  readonly type: string;
  readonly required?: readonly string[];
  readonly properties?: object;
}

/** Schemas of whole objects by kind. */
export const CORE_SCHEMAS = {
  Namespace: { type: "object" },
  Service: { type: "object", properties: { spec: { ...service, default: {} } } },
  EndpointSlice: endpointSlice,
  Endpoints: { type: "object", properties: { subsets: { type: "array", default: [], items: endpointSubset } } },
  ConfigMap: {
    type: "object",
    properties: { data: STRINGS, binaryData: { type: "object", additionalProperties: BASE64 } },
  },
  Secret: {
    type: "object",
    properties: {
      type: { type: "string", default: "Opaque" },
      data: { type: "object", additionalProperties: BASE64 },
      stringData: STRINGS,
    },
  },
  ClusterTrustBundle: {
    type: "object",
    required: ["spec"],
    properties: {
      spec: {
        type: "object",
        required: ["trustBundle"],
        properties: { signerName: { type: "string" }, trustBundle: { type: "string", maxLength: 1_048_576 } },
      },
    },
  },
  GRPCRoute: unservedRoute,
  TLSRoute: unservedRoute,
  TCPRoute: unservedRoute,
  UDPRoute: unservedRoute,
} as const satisfies Record<string, CoreSchema>;
