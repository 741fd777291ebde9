/**
 * The objects' types once validated: the schema's required and defaulted fields are there. Fields that lasthop refuses
 * when present are `unknown`.
 */
export interface Metadata {
  name: string;
  namespace?: string;
  generation?: number;
  creationTimestamp?: string;
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
}

export interface GatewayClass {
  metadata: Metadata;
  spec: { controllerName: string; parametersRef?: unknown };
}

export interface LabelSelector {
  matchLabels?: Record<string, string>;
  matchExpressions?: { key: string; operator: string; values?: string[] }[];
}

export interface Listener {
  name: string;
  hostname?: string;
  port: number;
  protocol: string;
  tls?: unknown;
  filters?: unknown;
  allowedRoutes: {
    namespaces: { from: "All" | "Same" | "Selector" | "None"; selector?: LabelSelector };
    kinds?: { group: string; kind: string }[];
  };
}

export interface Gateway {
  metadata: Metadata;
  spec: {
    gatewayClassName: string;
    listeners: Listener[];
    addresses?: unknown[];
    infrastructure?: unknown;
    allowedListeners?: { namespaces?: { from?: string } };
    tls?: unknown;
    defaultScope?: string;
  };
}

export interface ParentReference {
  group: string;
  kind: string;
  namespace?: string;
  name: string;
  sectionName?: string;
  port?: number;
}

export interface MatchValue {
  type: "Exact" | "RegularExpression";
  name: string;
  value: string;
}

export interface HTTPRouteMatch {
  path: { type: "Exact" | "PathPrefix" | "RegularExpression"; value: string };
  method?: string;
  headers?: MatchValue[];
  queryParams?: MatchValue[];
}

export interface HTTPBackendRef {
  group: string;
  kind: string;
  namespace?: string;
  name: string;
  port?: number;
  weight: number;
  filters?: { type: string }[];
}

export interface HTTPRouteRule {
  name?: string;
  matches: HTTPRouteMatch[];
  backendRefs?: HTTPBackendRef[];
  filters?: { type: string }[];
  timeouts?: unknown;
  retry?: unknown;
  sessionPersistence?: unknown;
}

export interface HTTPRoute {
  metadata: Metadata;
  spec: {
    parentRefs?: ParentReference[];
    hostnames?: string[];
    rules: HTTPRouteRule[];
    useDefaultGateways?: string;
  };
}

export interface ReferenceGrant {
  metadata: Metadata;
  spec: {
    from: { group: string; kind: string; namespace: string }[];
    to: { group: string; kind: string; name?: string }[];
  };
}

export interface PolicyTarget {
  group: string;
  kind: string;
  name: string;
  sectionName?: string;
}

export interface BackendTLSPolicy {
  metadata: Metadata;
  spec: {
    targetRefs: PolicyTarget[];
    validation: {
      hostname: string;
      caCertificateRefs?: { group: string; kind: string; name: string }[];
      wellKnownCACertificates?: string;
      subjectAltNames?: { type: "Hostname" | "URI"; hostname?: string; uri?: string }[];
    };
    options?: Record<string, string>;
  };
  status?: unknown;
}

export interface ServicePort {
  name: string;
  protocol: "TCP" | "UDP" | "SCTP";
  port: number;
  appProtocol?: string;
}

export interface Service {
  metadata: Metadata;
  spec: {
    type: "ClusterIP" | "NodePort" | "LoadBalancer" | "ExternalName";
    externalName?: string;
    ports: ServicePort[];
  };
}

export interface EndpointSlice {
  metadata: Metadata;
  addressType: "IPv4" | "IPv6" | "FQDN";
  endpoints: { addresses: string[]; conditions: { ready?: boolean; serving?: boolean; terminating?: boolean } }[];
  ports: { name: string; protocol: "TCP" | "UDP" | "SCTP"; port?: number }[];
}

export interface ConfigMap {
  metadata: Metadata;
  data?: Record<string, string>;
  binaryData?: Record<string, string>;
}

export interface Secret {
  metadata: Metadata;
  data?: Record<string, string>;
  stringData?: Record<string, string>;
}

export interface Namespace {
  metadata: Metadata;
}
