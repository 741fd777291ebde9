/**
 * Types of the Gateway API's objects that have passed their schema: fields that the schema requires or defaults are present.
 * A field that lasthop refuses whenever it is present has the type `unknown`. Names are those of the API. One file, though it
 * is long: the types refer to each other, and are looked up by the name of the API.
 */
import type { LabelSelector, Metadata } from "./core-objects.ts";

/** `GatewayClass`. */
export interface GatewayClass {
  metadata: Metadata;
  spec: { controllerName: string; parametersRef?: unknown };
}

/** `SecretObjectReference` and `ObjectReference`, defaults set. */
export interface ObjectReference {
  group: string;
  kind: string;
  namespace?: string;
  name: string;
}

/** A filter of `ListenerFilters.requests` (GEP-5224). */
type ListenerFilter =
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

/** `TLSConfig` of `Gateway.spec.tls.frontend`. */
export interface FrontendTLS {
  validation?: { caCertificateRefs: ObjectReference[]; mode: "AllowValidOnly" | "AllowInsecureFallback" };
}

/** `Gateway`. */
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

/** `ListenerSet` (GEP-1713). */
export interface ListenerSet {
  metadata: Metadata;
  spec: { parentRef: ObjectReference; listeners: Listener[] };
}

/** `ParentReference`. */
export interface ParentReference {
  group: string;
  kind: string;
  namespace?: string;
  name: string;
  sectionName?: string;
  port?: number;
}

/** `HTTPHeaderMatch` and `HTTPQueryParamMatch`. */
export interface MatchValue {
  type: "Exact" | "RegularExpression";
  name: string;
  value: string;
}

/** `HTTPRouteMatch`. */
export interface HTTPRouteMatch {
  path: { type: "Exact" | "PathPrefix" | "RegularExpression"; value: string };
  method?: string;
  headers?: MatchValue[];
  queryParams?: MatchValue[];
}

/** `BackendObjectReference`. */
export interface BackendObjectReference {
  group: string;
  kind: string;
  namespace?: string;
  name: string;
  port?: number;
}

/** `HTTPBackendRef`. */
export interface HTTPBackendRef extends BackendObjectReference {
  weight: number;
  filters?: HTTPRouteFilter[];
}

/** `HTTPHeader`. */
export interface HTTPHeader {
  name: string;
  value: string;
}

/** `HTTPHeaderFilter`. */
export interface HTTPHeaderFilter {
  set?: HTTPHeader[];
  add?: HTTPHeader[];
  remove?: string[];
}

/** `HTTPPathModifier`: the field that belongs to the type is present. */
export interface HTTPPathModifier {
  type: "ReplaceFullPath" | "ReplacePrefixMatch";
  replaceFullPath?: string;
  replacePrefixMatch?: string;
}

/** `HTTPRequestRedirectFilter`. */
export interface HTTPRequestRedirectFilter {
  scheme?: "http" | "https";
  hostname?: string;
  path?: HTTPPathModifier;
  port?: number;
  statusCode: 301 | 302 | 303 | 307 | 308;
}

/** `HTTPRequestMirrorFilter`. */
export interface HTTPRequestMirrorFilter {
  backendRef: BackendObjectReference;
  percent?: number;
  fraction?: { numerator: number; denominator: number };
}

/** `HTTPCORSFilter`; `maxAge` is in seconds. */
export interface HTTPCORSFilter {
  allowOrigins?: string[];
  allowCredentials?: boolean;
  allowMethods?: string[];
  allowHeaders?: string[];
  exposeHeaders?: string[];
  maxAge: number;
}

/** `HTTPExternalAuthFilter`; `maxSize` is in bytes. */
export interface HTTPExternalAuthFilter {
  protocol: "HTTP" | "GRPC";
  backendRef: BackendObjectReference;
  grpc?: unknown;
  http?: { path?: string; allowedHeaders?: string[]; allowedResponseHeaders?: string[] };
  forwardBody?: { maxSize?: number };
}

/** `HTTPRouteFilter`: the field that belongs to the type is present, and no other. */
export type HTTPRouteFilter =
  | { type: "RequestHeaderModifier"; requestHeaderModifier: HTTPHeaderFilter }
  | { type: "ResponseHeaderModifier"; responseHeaderModifier: HTTPHeaderFilter }
  | { type: "RequestMirror"; requestMirror: HTTPRequestMirrorFilter }
  | { type: "RequestRedirect"; requestRedirect: HTTPRequestRedirectFilter }
  | { type: "URLRewrite"; urlRewrite: { hostname?: string; path?: HTTPPathModifier } }
  | { type: "CORS"; cors: HTTPCORSFilter }
  | { type: "ExternalAuth"; externalAuth: HTTPExternalAuthFilter }
  | { type: "ExtensionRef"; extensionRef: { group: string; kind: string; name: string } };

/** `HTTPRouteRule`. */
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

/** `SessionPersistence`. */
export interface SessionPersistence {
  type: "Cookie" | "Header";
  absoluteTimeout?: string;
  cookie?: { lifetimeType: "Permanent" | "Session" };
  header?: object;
}

/** `HTTPRoute`. */
export interface HTTPRoute {
  metadata: Metadata;
  spec: {
    parentRefs?: ParentReference[];
    hostnames?: string[];
    rules: HTTPRouteRule[];
    useDefaultGateways?: string;
  };
}

/** `ReferenceGrant`. */
export interface ReferenceGrant {
  metadata: Metadata;
  spec: {
    from: { group: string; kind: string; namespace: string }[];
    to: { group: string; kind: string; name?: string }[];
  };
}

/** `LocalPolicyTargetReferenceWithSectionName`. */
export interface PolicyTarget {
  group: string;
  kind: string;
  name: string;
  sectionName?: string;
}

/** `BackendTLSPolicy`. */
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

/** A GRPCRoute, TLSRoute, TCPRoute or UDPRoute. lasthop serves none of them, and reads only which parents they name. */
export interface UnservedRoute {
  metadata: Metadata;
  spec: { parentRefs: ParentReference[] };
}
