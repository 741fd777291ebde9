/**
 * The bundle: what `lasthop build` emits and every host loads. Format 1.
 *
 * Plain JSON. Every map's keys and every set-like list are sorted by the emitter, so that the same objects in any
 * order give the same bytes (see codec.ts). It never holds a private key.
 */

/** Lower-case hex SHA-256, 64 characters. */
export type Sha256Hex = string;
/** `namespace/name` of a Kubernetes object. */
export type NamespacedName = string;
/** `namespace/service:port` of a Service port that some rule forwards to. */
export type BackendId = string;

/** The format this version writes. A host reads this one and the one before it, and refuses every other. */
export const BUNDLE_FORMAT = 1;

/** What a host must be able to do to serve a bundle; a host that lacks one refuses the bundle. */
export type Capability = "client-certificates" | "listener-certificates" | "trailers" | "websocket";

export interface Bundle {
  readonly format: typeof BUNDLE_FORMAT;
  /** SHA-256 over the canonical JSON of every other field. */
  readonly digest: Sha256Hex;
  /** The Gateway this bundle serves. */
  readonly gateway: NamespacedName;
  readonly requires: readonly Capability[];
  /** Sorted by port, then name. */
  readonly listeners: readonly BundleListener[];
  /** Rules by number; listeners refer to them. */
  readonly rules: readonly BundleRule[];
  readonly backends: Readonly<Record<BackendId, BundleBackend>>;
  /** By policy digest: two policies with the same effect on the wire share an entry. */
  readonly policies: Readonly<Record<Sha256Hex, BundlePolicy>>;
  /** Lists of anchors that policies share, by the digest of the sorted list. */
  readonly anchorSets: Readonly<Record<Sha256Hex, BundleAnchorSet>>;
  /** CA certificates, base64 DER, by the SHA-256 of their DER. */
  readonly anchors: Readonly<Record<Sha256Hex, string>>;
}

export interface BundleListener {
  readonly name: string;
  /** The port of the spec, never the port a process happens to bind. */
  readonly port: number;
  readonly protocol: "HTTP" | "HTTPS";
  /** Lower case; `*.example.com` matches one label or more; null matches every host. */
  readonly hostname: string | null;
  /** Sorted by hostname. `*` stands for "every host of this listener". */
  readonly hosts: readonly BundleHost[];
}

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

export interface BundleRule {
  /** The HTTPRoute this rule comes from. */
  readonly route: NamespacedName;
  /** Its index in `spec.rules`. */
  readonly index: number;
  readonly name: string | null;
  /** Never empty: a rule without matches has the spec's default, prefix `/`. */
  readonly matches: readonly BundleMatch[];
  readonly action: BundleAction;
}

export interface BundleMatch {
  readonly path: PathMatch;
  readonly method: string | null;
  /** Lower-case names, each once, sorted by name. */
  readonly headers: readonly ValueMatch[];
  /** Case-sensitive names, each once, sorted by name. */
  readonly queryParams: readonly ValueMatch[];
}

export interface PathMatch {
  readonly type: "Exact" | "PathPrefix" | "RegularExpression";
  /** For PathPrefix without a trailing slash (except `/` itself). Regular expressions are RE2 and must match the whole path. */
  readonly value: string;
}

export interface ValueMatch {
  readonly type: "Exact" | "RegularExpression";
  readonly name: string;
  readonly value: string;
}

export type BundleAction =
  | { readonly kind: "forward"; readonly backendRefs: readonly BundleBackendRef[] }
  /** The whole rule is refused (no backendRefs, all weights 0, an invalid filter). */
  | { readonly kind: "refused"; readonly code: ConfigCode };

/** Weights are at least 1: a ref of weight 0 is left out by the emitter. */
export type BundleBackendRef =
  | { readonly weight: number; readonly backend: BackendId }
  /** An invalid ref keeps its share of the traffic, which is answered 500 (`HTTPBackendRef`). */
  | { readonly weight: number; readonly refused: ConfigCode };

export interface BundleBackend {
  readonly service: NamespacedName;
  /** The Service's port, not the endpoints'. */
  readonly port: number;
  /** From `appProtocol`. `websocket` is HTTP/1.1 whose upgrades are expected. Over TLS, ALPN decides between h1 and h2. */
  readonly protocol: "http" | "h2c" | "websocket";
  readonly transport: BundleTransport;
  /** Ready endpoints, sorted, each once. Empty: every request is answered 503. */
  readonly endpoints: readonly BundleEndpoint[];
}

export type BundleTransport =
  | { readonly kind: "plaintext" }
  | { readonly kind: "tls"; readonly policy: Sha256Hex }
  /** A refused policy closes the port: never plaintext. `policies` names what refused it. */
  | { readonly kind: "refused"; readonly code: ConfigCode; readonly policies: readonly NamespacedName[] };

export interface BundleEndpoint {
  /** IPv4, IPv6 without brackets, or a DNS name. */
  readonly host: string;
  readonly port: number;
}

/** What a BackendTLSPolicy means on the wire. Its digest covers every field below. */
export interface BundlePolicy {
  /** The SNI (`BackendTLSPolicyValidation.hostname`), lower case. */
  readonly sni: string;
  /** One of these must match a presented identifier. */
  readonly identifiers: readonly ReferenceIdentifier[];
  readonly anchorSet: Sha256Hex;
  readonly minTlsVersion: TlsVersion;
  readonly maxTlsVersion: TlsVersion;
  /** In order of preference, never empty. */
  readonly alpn: readonly ("h2" | "http/1.1")[];
  readonly profile: "private" | "strict";
  /** Base64 SHA-256 of a SubjectPublicKeyInfo; empty: no pinning. */
  readonly spkiPins: readonly string[];
  /** Base64 DER CRLs; null: revocation is not configured. */
  readonly crls: readonly string[] | null;
  /** Certificates in a path, leaf and anchor included. */
  readonly maxChainDepth: number;
}

export type TlsVersion = "1.2" | "1.3";

/** RFC 9525 §2: what the policy expects. `dns` may be a wildcard (`*.example.com`), `uri` matches exactly. */
export type ReferenceIdentifier =
  | { readonly type: "dns"; readonly value: string }
  | { readonly type: "uri"; readonly value: string };

export interface BundleAnchorSet {
  /** For people: `ConfigMap team/ca`, `Secret team/ca`, or the well-known set with its version and date. */
  readonly source: readonly string[];
  /** Keys of `anchors`, sorted. */
  readonly anchors: readonly Sha256Hex[];
}

/**
 * Why configuration was refused. The same code stands in the status condition's message, the diagnostic, the access
 * log, the metric and the `Proxy-Status` header. Never rename one.
 */
export const CONFIG_CODES = [
  "backend-refs-empty",
  "backend-ref-not-found",
  "backend-ref-kind",
  "backend-ref-port",
  "backend-ref-not-permitted",
  "backend-app-protocol",
  "backend-requires-policy",
  "backend-external-name",
  "backend-filter-unsupported",
  "route-feature-unsupported",
  "policy-ca-ref",
  "policy-ca-kind",
  "policy-well-known-ca",
  "policy-hostname",
  "policy-option",
  "policy-section-not-found",
  "policy-schema",
  "policy-ancestors-full",
] as const;
export type ConfigCode = (typeof CONFIG_CODES)[number];
