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

/** `SecretObjectReference` and `ObjectReference`, defaults set. */
export interface ObjectReference {
  group: string;
  kind: string;
  namespace?: string;
  name: string;
}

export type ListenerFilter =
  | { type: "ExternalAuth"; externalAuth: HTTPExternalAuthFilter }
  | { type: "ExtensionRef"; extensionRef: { group: string; kind: string; name: string } };

/** A `Listener` of a Gateway, or a `ListenerEntry` of a ListenerSet: the same fields. */
export interface Listener {
  name: string;
  hostname?: string;
  port: number;
  protocol: string;
  tls?: {
    mode: "Terminate" | "Passthrough";
    certificateRefs?: ObjectReference[];
    options?: Record<string, string>;
  };
  filters?: { requests?: ListenerFilter[] };
  allowedRoutes: {
    namespaces: NamespaceRule;
    kinds?: { group: string; kind: string }[];
  };
}

/** `RouteNamespaces` and `ListenerNamespaces`. */
export interface NamespaceRule {
  from: "All" | "Same" | "Selector" | "None";
  selector?: LabelSelector;
}

export interface FrontendTLS {
  validation?: { caCertificateRefs: ObjectReference[]; mode: "AllowValidOnly" | "AllowInsecureFallback" };
}

export interface Gateway {
  metadata: Metadata;
  spec: {
    gatewayClassName: string;
    listeners: Listener[];
    addresses?: { type: string; value?: string; routability?: string }[];
    infrastructure?: {
      labels?: Record<string, string>;
      annotations?: Record<string, string>;
      parametersRef?: unknown;
    };
    allowedListeners?: { namespaces: NamespaceRule };
    tls?: {
      backend?: { clientCertificateRef?: ObjectReference };
      frontend?: { default: FrontendTLS; perPort?: { port: number; tls: FrontendTLS }[] };
    };
    defaultScope?: string;
  };
}

export interface ListenerSet {
  metadata: Metadata;
  spec: { parentRef: ObjectReference; listeners: Listener[] };
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

export interface BackendObjectReference {
  group: string;
  kind: string;
  namespace?: string;
  name: string;
  port?: number;
}

export interface HTTPBackendRef extends BackendObjectReference {
  weight: number;
  filters?: HTTPRouteFilter[];
}

export interface HTTPHeader {
  name: string;
  value: string;
}

export interface HTTPHeaderFilter {
  set?: HTTPHeader[];
  add?: HTTPHeader[];
  remove?: string[];
}

/** The field of the type is there. */
export interface HTTPPathModifier {
  type: "ReplaceFullPath" | "ReplacePrefixMatch";
  replaceFullPath?: string;
  replacePrefixMatch?: string;
}

export interface HTTPRequestRedirectFilter {
  scheme?: "http" | "https";
  hostname?: string;
  path?: HTTPPathModifier;
  port?: number;
  statusCode: 301 | 302 | 303 | 307 | 308;
}

export interface HTTPRequestMirrorFilter {
  backendRef: BackendObjectReference;
  percent?: number;
  fraction?: { numerator: number; denominator: number };
}

export interface HTTPCORSFilter {
  allowOrigins?: string[];
  allowCredentials?: boolean;
  allowMethods?: string[];
  allowHeaders?: string[];
  exposeHeaders?: string[];
  maxAge: number;
}

export interface HTTPExternalAuthFilter {
  protocol: "HTTP" | "GRPC";
  backendRef: BackendObjectReference;
  grpc?: unknown;
  http?: { path?: string; allowedHeaders?: string[]; allowedResponseHeaders?: string[] };
  forwardBody?: { maxSize?: number };
}

export type HTTPRouteFilter =
  | { type: "RequestHeaderModifier"; requestHeaderModifier: HTTPHeaderFilter }
  | { type: "ResponseHeaderModifier"; responseHeaderModifier: HTTPHeaderFilter }
  | { type: "RequestMirror"; requestMirror: HTTPRequestMirrorFilter }
  | { type: "RequestRedirect"; requestRedirect: HTTPRequestRedirectFilter }
  | { type: "URLRewrite"; urlRewrite: { hostname?: string; path?: HTTPPathModifier } }
  | { type: "CORS"; cors: HTTPCORSFilter }
  | { type: "ExternalAuth"; externalAuth: HTTPExternalAuthFilter }
  | { type: "ExtensionRef"; extensionRef: { group: string; kind: string; name: string } };

export interface HTTPRouteRule {
  name?: string;
  matches: HTTPRouteMatch[];
  backendRefs?: HTTPBackendRef[];
  filters?: HTTPRouteFilter[];
  /** GEP-2257 durations. */
  timeouts?: { request?: string; backendRequest?: string };
  retry?: { codes?: number[]; attempts: number; backoff?: string };
  sessionPersistence?: SessionPersistence;
}

export interface SessionPersistence {
  type: "Cookie" | "Header";
  absoluteTimeout?: string;
  cookie?: { lifetimeType: "Permanent" | "Session" };
  header?: object;
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
  ports: { name: string; protocol: "TCP" | "UDP" | "SCTP"; port?: number; appProtocol?: string }[];
}

/** The API before EndpointSlices: read where a Service has none of these. */
export interface Endpoints {
  metadata: Metadata;
  subsets: {
    addresses: { ip: string }[];
    notReadyAddresses: { ip: string }[];
    ports: { name: string; protocol: "TCP" | "UDP" | "SCTP"; port: number }[];
  }[];
}

export interface ConfigMap {
  metadata: Metadata;
  data?: Record<string, string>;
  binaryData?: Record<string, string>;
}

export interface Secret {
  metadata: Metadata;
  type: string;
  data?: Record<string, string>;
  stringData?: Record<string, string>;
}

export interface ClusterTrustBundle {
  metadata: Metadata;
  spec: { trustBundle: string };
}

/** A route of a kind that lasthop does not serve: only whom it names matters. */
export interface UnservedRoute {
  metadata: Metadata;
  spec: { parentRefs: ParentReference[] };
}

export interface Namespace {
  metadata: Metadata;
}
