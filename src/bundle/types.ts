/**
 * The bundle: what `lasthop build` emits and every host loads. Format 1.
 *
 * Plain JSON. Every map's keys and every set-like list are sorted by the emitter, so that the same objects in any
 * order give the same bytes (see codec.ts). It never holds a private key. The contract of every room stands in this
 * one file, however long it is, so that it can be read as a whole.
 */

/** Lower-case hex SHA-256, 64 characters. */
export type Sha256Hex = string;
/** `namespace/name` of a Kubernetes object. */
export type NamespacedName = string;
/** `namespace/service:port` of a Service port that some rule forwards to. */
export type BackendId = string;

/** The format this version writes. A host reads this one and the one before it, and refuses every other. */
export const BUNDLE_FORMAT = 1;

/** A capability that a host needs to serve a bundle. capabilities.ts says what a host refuses that lacks one. */
export type Capability =
  /** Presents a client certificate to backends. */
  | "client-certificates"
  /** Presents the listeners' own certificates. */
  | "listener-certificates"
  /** Asks clients for a certificate, and validates it. */
  | "client-validation"
  | "websocket";

/** All that one Gateway serves. */
export interface Bundle {
  readonly format: typeof BUNDLE_FORMAT;
  /** SHA-256 over the text without the digest's own line. */
  readonly digest: Sha256Hex;
  /** The Gateway this bundle serves. */
  readonly gateway: NamespacedName;
  readonly requires: readonly Capability[];
  /** Listeners, sorted by port, then by name. */
  readonly listeners: readonly BundleListener[];
  /** Rules; listeners refer to a rule by its index here. */
  readonly rules: readonly BundleRule[];
  readonly backends: Readonly<Record<BackendId, BundleBackend>>;
  /**
   * The client certificate that the Gateway presents to every TLS backend that asks for one
   * (`Gateway.spec.tls.backend.clientCertificateRef`): a key of `certificates`. Where the reference is invalid, the
   * backends' transports are refused instead.
   */
  readonly clientCertificate: Sha256Hex | null;
  /** Certificates that listeners or the Gateway present, by {@link BundleCertificate.chain}'s digest. Never a key. */
  readonly certificates: Readonly<Record<Sha256Hex, BundleCertificate>>;
  /** Policies by their digest: two policies with the same effect on the wire share an entry. */
  readonly policies: Readonly<Record<Sha256Hex, BundlePolicy>>;
  /** Lists of anchors that policies share, by the digest of the sorted list. */
  readonly anchorSets: Readonly<Record<Sha256Hex, BundleAnchorSet>>;
  /** CA certificates, base64 DER, by the SHA-256 of their DER. */
  readonly anchors: Readonly<Record<Sha256Hex, string>>;
}

/** A listener of the Gateway. */
export interface BundleListener {
  readonly name: string;
  /** The port of the spec, never the port a process happens to bind. */
  readonly port: number;
  readonly protocol: "HTTP" | "HTTPS";
  /** The hostname in lower case; `*.example.com` matches one label or more; null matches every host. */
  readonly hostname: string | null;
  /** TLS of the listener; null exactly for HTTP. */
  readonly tls: BundleListenerTls | null;
  /** Filters that run in order on every request of this listener, before a route is chosen (`ListenerFilters`). */
  readonly filters: readonly BundleExternalAuth[];
  /** Hosts, sorted by hostname. `*` stands for "every host of this listener". */
  readonly hosts: readonly BundleHost[];
}

/** TLS of an HTTPS listener. */
export interface BundleListenerTls {
  /** Keys of `certificates`, in the order of `certificateRefs`; never empty. */
  readonly certificates: readonly Sha256Hex[];
  /** Validation of clients' certificates (`Gateway.spec.tls.frontend`); null: clients are asked for none. */
  readonly clientValidation: BundleClientValidation | null;
}

/** Validation of clients' certificates. */
export interface BundleClientValidation {
  readonly anchorSet: Sha256Hex;
  /** `AllowInsecureFallback` serves clients without a valid certificate too. */
  readonly mode: "AllowValidOnly" | "AllowInsecureFallback";
}

/** A certificate to present. Its private key is in the secrets file, under `keyDigest`. */
export interface BundleCertificate {
  /** The object that the certificate comes from, for people: `Secret team/tls`. */
  readonly source: string;
  /** Base64 DER, end-entity certificate first; never empty. */
  readonly chain: readonly string[];
  /** SHA-256 of the end-entity certificate's SubjectPublicKeyInfo, under which the secrets file has the private key. */
  readonly keyDigest: Sha256Hex;
}

/** The rules for one hostname of a listener. */
export interface BundleHost {
  /** The intersection of listener and route hostname, lower case: exact, `*.suffix`, or `*`. */
  readonly hostname: string;
  /**
   * `[rule, match]` pairs in precedence order (`HTTPRouteRule.matches`: exact path, longest prefix, method, headers,
   * query params; then the older route, then `namespace/name`, then the order within the route): the first that
   * matches wins.
   */
  readonly order: readonly (readonly [rule: number, match: number])[];
}

/** One rule of an HTTPRoute. */
export interface BundleRule {
  /** The HTTPRoute this rule comes from. */
  readonly route: NamespacedName;
  /** The index of the rule in `spec.rules`. */
  readonly index: number;
  readonly name: string | null;
  /** Matches, never empty: a rule without matches has the spec's default, prefix `/`. */
  readonly matches: readonly BundleMatch[];
  /** `HTTPRouteRule.filters`, in order. */
  readonly filters: readonly BundleFilter[];
  readonly timeouts: BundleTimeouts;
  readonly retry: BundleRetry | null;
  readonly action: BundleAction;
}

/** Time limits of a rule in milliseconds. 0: no limit; null: unspecified, so the gateway's own default holds. */
export interface BundleTimeouts {
  /** The time from the request's arrival to the end of the response (`HTTPRouteTimeouts.request`). */
  readonly requestMs: number | null;
  /** The time of one attempt at one backend (`HTTPRouteTimeouts.backendRequest`). */
  readonly backendRequestMs: number | null;
}

/** `HTTPRouteRetry`. Connection errors are retried too, within `attempts`. */
export interface BundleRetry {
  /** Response status codes that are retried, ascending. */
  readonly codes: readonly number[];
  /** Tries after the first; 0 disables retries. */
  readonly attempts: number;
  /** Base of the backoff; null: the gateway's own default. */
  readonly backoffMs: number | null;
}

/** A filter of a rule or a backendRef. */
export type BundleFilter =
  | { readonly kind: "request-headers"; readonly edit: HeaderEdit }
  | { readonly kind: "response-headers"; readonly edit: HeaderEdit }
  /** `HTTPURLRewriteFilter`. */
  | { readonly kind: "rewrite"; readonly hostname: string | null; readonly path: PathModifier | null }
  | BundleMirror
  | BundleCors
  | BundleExternalAuth;

/** `HTTPHeaderFilter`: set, then add, then remove. Names in lower case, each once in a list, sorted. */
export interface HeaderEdit {
  readonly set: readonly (readonly [name: string, value: string])[];
  readonly add: readonly (readonly [name: string, value: string])[];
  readonly remove: readonly string[];
}

/** `HTTPPathModifier`. */
export interface PathModifier {
  readonly type: "ReplaceFullPath" | "ReplacePrefixMatch";
  readonly value: string;
}

/** `HTTPRequestMirrorFilter`: numerator of denominator requests go to `target` too. */
export interface BundleMirror {
  readonly kind: "mirror";
  readonly target: BundleTarget;
  readonly numerator: number;
  readonly denominator: number;
}

/** `HTTPCORSFilter`. */
export interface BundleCors {
  readonly kind: "cors";
  /** `*`, or `scheme://host[:port]` with a `*` in the host. */
  readonly allowOrigins: readonly string[];
  readonly allowCredentials: boolean;
  readonly allowMethods: readonly string[];
  readonly allowHeaders: readonly string[];
  readonly exposeHeaders: readonly string[];
  readonly maxAgeSeconds: number;
}

/** `HTTPExternalAuthFilter` with protocol HTTP: a 200 lets the request pass, all else is the client's answer. */
export interface BundleExternalAuth {
  readonly kind: "external-auth";
  readonly target: BundleTarget;
  /** A prefix of the request's path; empty: the path stays as it is. */
  readonly pathPrefix: string;
  /** Header fields that are sent besides Host, method, path, Content-Length and Authorization; lower case, sorted. */
  readonly requestHeaders: readonly string[];
  /**
   * Header fields that are copied from the answer into the backend's request; lower case, sorted. Null: all of them.
   */
  readonly responseHeaders: readonly string[] | null;
  /** The longest body that is sent: a longer one is answered 413; 0: the body is not sent. */
  readonly maxBodyBytes: number;
}

/**
 * The target of a filter that sends requests: a backend, reached under the policy of its Service as a backendRef is, or
 * the code with which the target was refused.
 */
export type BundleTarget = { readonly backend: BackendId } | { readonly refused: ConfigCode };

/** One `HTTPRouteMatch`. */
export interface BundleMatch {
  readonly path: PathMatch;
  readonly method: string | null;
  /** Matches of header fields: names in lower case, each once, sorted. */
  readonly headers: readonly ValueMatch[];
  /** Matches of query parameters: names are case-sensitive, each once, sorted. */
  readonly queryParams: readonly ValueMatch[];
}

/** `HTTPPathMatch`. */
export interface PathMatch {
  readonly type: "Exact" | "PathPrefix" | "RegularExpression";
  /**
   * The path to compare with; for PathPrefix without a trailing slash (except `/` itself). Regular expressions are RE2
   * and must match the whole path.
   */
  readonly value: string;
}

/** `HTTPHeaderMatch` or `HTTPQueryParamMatch`. */
export interface ValueMatch {
  readonly type: "Exact" | "RegularExpression";
  readonly name: string;
  readonly value: string;
}

/** What a rule does with a request. */
export type BundleAction =
  | { readonly kind: "forward"; readonly backendRefs: readonly BundleBackendRef[] }
  /** `HTTPRequestRedirectFilter`. A null field is the request's own. */
  | {
      readonly kind: "redirect";
      readonly scheme: "http" | "https" | null;
      readonly hostname: string | null;
      readonly path: PathModifier | null;
      readonly port: number | null;
      readonly statusCode: 301 | 302 | 303 | 307 | 308;
    }
  /** The whole rule is refused (no backendRefs, all weights 0, an invalid filter). */
  | { readonly kind: "refused"; readonly code: ConfigCode };

/** Weights are at least 1: a ref of weight 0 is left out by the emitter. */
export type BundleBackendRef =
  | {
      readonly weight: number;
      readonly backend: BackendId;
      /** `HTTPBackendRef.filters`, in order: after those of the rule. */
      readonly filters: readonly BundleFilter[];
    }
  /** An invalid ref keeps its share of the traffic, which is answered 500 (`HTTPBackendRef`). */
  | { readonly weight: number; readonly refused: ConfigCode };

/** One port of a Service. */
export interface BundleBackend {
  readonly service: NamespacedName;
  /** The Service's port, not the endpoints'. */
  readonly port: number;
  /**
   * The protocol that `appProtocol` asks for. `websocket` is HTTP/1.1 whose upgrades are expected. Over TLS, ALPN
   * decides between h1 and h2.
   */
  readonly protocol: "http" | "h2c" | "websocket";
  readonly transport: BundleTransport;
  /** Ready endpoints, sorted, each once. Empty: every request is answered 503. */
  readonly endpoints: readonly BundleEndpoint[];
}

/** How a backend is reached. */
export type BundleTransport =
  | { readonly kind: "plaintext" }
  | { readonly kind: "tls"; readonly policy: Sha256Hex }
  /** A refused policy closes the port: never plaintext. `policies` names what refused it. */
  | { readonly kind: "refused"; readonly code: ConfigCode; readonly policies: readonly NamespacedName[] };

/** One endpoint of a backend. */
export interface BundleEndpoint {
  /** IPv4, IPv6 without brackets, or a DNS name. */
  readonly host: string;
  readonly port: number;
}

/** What a BackendTLSPolicy means on the wire. Its digest covers every field below. */
export interface BundlePolicy {
  /** The SNI (`BackendTLSPolicyValidation.hostname`), lower case. */
  readonly sni: string;
  /** Reference identifiers, one of which must match a presented identifier. */
  readonly identifiers: readonly ReferenceIdentifier[];
  readonly anchorSet: Sha256Hex;
  readonly minTlsVersion: TlsVersion;
  readonly maxTlsVersion: TlsVersion;
  /** ALPN protocols in order of preference, never empty. */
  readonly alpn: readonly ("h2" | "http/1.1")[];
  /** The ciphers that may be used, in order of preference, never empty; null: both, and the host chooses the order. */
  readonly ciphers: readonly Cipher[] | null;
  readonly profile: "private" | "strict";
  /** Base64 SHA-256 of a SubjectPublicKeyInfo; empty: no pinning. */
  readonly spkiPins: readonly string[];
  /** Base64 DER CRLs; null: revocation is not configured. */
  readonly crls: readonly string[] | null;
  /** Certificates in a path, end entity and anchor included. */
  readonly maxChainDepth: number;
}

/** The ciphers of the TLS suites that lasthop offers. */
export type Cipher = "aes-gcm" | "chacha20-poly1305";

/** TLS versions that a policy may ask for. */
export type TlsVersion = "1.2" | "1.3";

/**
 * A name that the policy expects in the certificate (RFC 9525 §2). `dns` may be a wildcard (`*.example.com`), `uri`
 * matches exactly.
 */
export type ReferenceIdentifier =
  | { readonly type: "dns"; readonly value: string }
  | { readonly type: "uri"; readonly value: string };

/** The CA certificates of one or more policies. */
export interface BundleAnchorSet {
  /**
   * The objects that hold the certificates, for people: `ConfigMap team/ca`, `Secret team/ca`, or the well-known set
   * with its version and date.
   */
  readonly source: readonly string[];
  /** Keys of `anchors`, sorted. */
  readonly anchors: readonly Sha256Hex[];
}

/**
 * Codes that say why configuration was refused. The same code is in the status condition's message, the diagnostic, the
 * access log, the metric and the `Proxy-Status` header. Never rename one.
 */
export const CONFIG_CODES = [
  "backend-refs-empty",
  "backend-ref-not-found",
  "backend-ref-kind",
  "backend-ref-port",
  "backend-ref-not-permitted",
  "backend-app-protocol",
  "backend-requires-policy",
  "backend-plaintext-refused",
  "backend-external-name",
  "backend-filter-unsupported",
  "route-feature-unsupported",
  "gateway-client-certificate",
  "listener-certificates",
  "policy-ca-ref",
  "policy-ca-kind",
  "policy-well-known-ca",
  "policy-hostname",
  "policy-option",
  "policy-section-not-found",
  "policy-misplaced",
  "policy-schema",
  "policy-ancestors-full",
] as const;
/** One of `CONFIG_CODES`. */
export type ConfigCode = (typeof CONFIG_CODES)[number];
