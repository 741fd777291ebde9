/** One constructor for each condition, with the reasons that the Gateway API defines. The controller adds `lastTransitionTime`. */

/** `metav1.Condition` without its `lastTransitionTime`. */
export interface Condition {
  readonly type: string;
  readonly status: "True" | "False";
  /** The generation that was compiled; absent when the object has none. */
  readonly observedGeneration?: number;
  readonly reason: string;
  readonly message: string;
}

/** An object's `metadata.generation`; undefined when a manifest has none. */
export type Generation = number | undefined;

type Stated = Omit<Condition, "observedGeneration">;

function condition(generation: Generation, { type, status, reason, message }: Stated): Condition {
  const observed = generation === undefined ? {} : { observedGeneration: generation };
  return { type, status, ...observed, reason, message: boundedMessage(message) };
}

/** `metav1.Condition.message` has at most 32768 characters. */
const MAX_MESSAGE = 32_768;
const boundedMessage = (message: string): string =>
  message.length <= MAX_MESSAGE ? message : `${message.slice(0, MAX_MESSAGE - 1)}…`;

/** Condition `Accepted` is True. `message` says what is served. */
export const accepted = (generation: Generation, message: string): Condition =>
  condition(generation, { type: "Accepted", status: "True", reason: "Accepted", message });

/** `Accepted` is False. */
export const notAccepted = (generation: Generation, reason: NotAccepted, message: string): Condition =>
  condition(generation, { type: "Accepted", status: "False", reason, message });

/**
 * Every reason with which `Accepted` may be False, by the kind of object, listener or parentRef that has the condition. A
 * conflicted listener gives the reason of its conflict, and a listener without any certificate the reason of its first
 * certificateRef.
 */
export const NOT_ACCEPTED = {
  /** `GatewayClassConditionAccepted`. */
  GatewayClass: ["InvalidParameters"],
  /** `GatewayConditionAccepted`. */
  Gateway: ["Invalid", "InvalidParameters", "ListenersNotValid", "UnsupportedAddress"],
  /** `ListenerSetConditionAccepted`. */
  ListenerSet: ["Invalid", "ListenersNotValid", "NotAllowed", "ParentNotAccepted"],
  /** `ListenerConditionAccepted`. */
  listener: [
    "HostnameConflict",
    "InvalidCertificateRef",
    "NoValidCACertificate",
    "ProtocolConflict",
    "RefNotPermitted",
    "UnsupportedProtocol",
    "UnsupportedValue",
  ],
  /** `RouteConditionAccepted`. */
  route: [
    "IncompatibleFilters",
    "NoMatchingListenerHostname",
    "NoMatchingParent",
    "NotAllowedByListeners",
    "UnsupportedValue",
  ],
  /** `PolicyConditionAccepted` and `BackendTLSPolicyReasonNoValidCACertificate`. */
  policy: ["Conflicted", "Invalid", "NoValidCACertificate", "TargetNotFound"],
} as const;
type ReasonOf<Bearer extends keyof typeof NOT_ACCEPTED> = (typeof NOT_ACCEPTED)[Bearer][number];
/** Any reason with which `Accepted` may be False. */
type NotAccepted = ReasonOf<keyof typeof NOT_ACCEPTED>;
/** Reason with which `Accepted` of a Gateway may be False. */
export type GatewayReason = ReasonOf<"Gateway">;
/** Reason with which `Accepted` of a ListenerSet may be False. */
export type ListenerSetReason = ReasonOf<"ListenerSet">;
/** Reason with which `Accepted` of a listener may be False. */
export type ListenerReason = ReasonOf<"listener">;
/** Reason with which `Accepted` of a parentRef of a route may be False. */
export type RouteReason = ReasonOf<"route">;
/** Reason with which `Accepted` of an ancestor of a policy may be False. */
export type PolicyReason = ReasonOf<"policy">;

/** Reasons with which `Conflicted` of a listener may be True (`ListenerConditionConflicted`). */
export const CONFLICTED = ["HostnameConflict", "ProtocolConflict"] as const;
/** One of {@link CONFLICTED}. */
export type ConflictReason = (typeof CONFLICTED)[number];

/** `Accepted` is True although some listeners of the Gateway or ListenerSet are not served (`GatewayReasonListenersNotValid`). */
export const partlyAccepted = (generation: Generation, message: string): Condition =>
  condition(generation, { type: "Accepted", status: "True", reason: "ListenersNotValid", message });

/** `Conflicted` is True. */
export const conflicted = (generation: Generation, reason: ConflictReason, message: string): Condition =>
  condition(generation, { type: "Conflicted", status: "True", reason, message });

/** `Conflicted` is False. */
export const noConflicts = (generation: Generation): Condition =>
  condition(generation, {
    type: "Conflicted",
    status: "False",
    reason: "NoConflicts",
    message: "No other listener has this port, protocol and hostname",
  });

/** `ResolvedRefs` is True. */
export const resolvedRefs = (generation: Generation): Condition =>
  condition(generation, {
    type: "ResolvedRefs",
    status: "True",
    reason: "ResolvedRefs",
    message: "All references are resolved",
  });

/** Clients are served without a valid certificate (`GatewayConditionInsecureFrontendValidationMode`). */
export const insecureValidation = (generation: Generation, message: string): Condition =>
  condition(generation, {
    type: "InsecureFrontendValidationMode",
    status: "True",
    reason: "ConfigurationChanged",
    message,
  });

/** Hostnames of HTTPS listeners overlap (`ListenerConditionOverlappingTLSConfig`: "MUST NOT be set when it is False"). */
export const overlappingTls = (generation: Generation, message: string): Condition =>
  condition(generation, { type: "OverlappingTLSConfig", status: "True", reason: "OverlappingHostnames", message });

/** Every reason with which `ResolvedRefs` may be False, by the kind of object, listener or parentRef that has the condition. */
export const UNRESOLVED = {
  Gateway: ["InvalidClientCertificateRef", "ListenersNotResolved", "RefNotPermitted"],
  listener: [
    "InvalidCACertificateKind",
    "InvalidCACertificateRef",
    "InvalidCertificateRef",
    "InvalidListenerFilterRef",
    "InvalidRouteKinds",
    "RefNotPermitted",
  ],
  route: [
    "BackendNotFound",
    "InvalidBackendTLSPolicy",
    "InvalidKind",
    "RefNotPermitted",
    "UnsupportedProtocol",
    "UnsupportedValue",
  ],
  policy: ["InvalidCACertificateRef", "InvalidCRLRef", "InvalidKind", "TargetNotFound"],
} as const;
/** Any reason with which `ResolvedRefs` may be False. */
export type UnresolvedReason = (typeof UNRESOLVED)[keyof typeof UNRESOLVED][number];

/** Why `ResolvedRefs` is False. */
export interface Unresolved {
  readonly reason: UnresolvedReason;
  readonly message: string;
}

/** `ResolvedRefs` is False. */
export const unresolvedRefs = (generation: Generation, reason: UnresolvedReason, message: string): Condition =>
  condition(generation, { type: "ResolvedRefs", status: "False", reason, message });

/** Some rules of a route are not served (`RouteConditionPartiallyInvalid`: the message starts with "Dropped Rule" and names them). */
export const partiallyInvalid = (generation: Generation, message: string): Condition =>
  condition(generation, {
    type: "PartiallyInvalid",
    status: "True",
    reason: "UnsupportedValue",
    message: `Dropped Rule(s), or shares of one, answer 500: ${message}`,
  });
