/** One constructor per condition, reasons as the Gateway API spells them. `lastTransitionTime` is the controller's. */

export interface Condition {
  readonly type: string;
  readonly status: "True" | "False";
  /** The object's `metadata.generation`; absent when a manifest has none. */
  readonly observedGeneration?: number;
  readonly reason: string;
  readonly message: string;
}

type Generation = number | undefined;

function condition(
  generation: Generation,
  type: string,
  status: "True" | "False",
  reason: string,
  message: string,
): Condition {
  return {
    type,
    status,
    ...(generation === undefined ? {} : { observedGeneration: generation }),
    reason,
    message: bounded(message),
  };
}

/** metav1.Condition: at most 32768 characters. */
const MAX_MESSAGE = 32_768;
const bounded = (message: string): string =>
  message.length <= MAX_MESSAGE ? message : `${message.slice(0, MAX_MESSAGE - 1)}…`;

export const accepted = (generation: Generation, message: string): Condition =>
  condition(generation, "Accepted", "True", "Accepted", message);

export const notAccepted = (generation: Generation, reason: NotAccepted, message: string): Condition =>
  condition(generation, "Accepted", "False", reason, message);

/**
 * Every reason why `Accepted` is False, by what it stands on. A conflicted listener is not accepted for the reason of its
 * conflict, one without any certificate for that of its first reference.
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
export type NotAccepted = ReasonOf<keyof typeof NOT_ACCEPTED>;
export type ClassReason = ReasonOf<"GatewayClass">;
export type GatewayReason = ReasonOf<"Gateway">;
export type ListenerSetReason = ReasonOf<"ListenerSet">;
export type ListenerReason = ReasonOf<"listener">;
export type RouteReason = ReasonOf<"route">;
export type PolicyReason = ReasonOf<"policy">;

export const CONFLICTED = ["HostnameConflict", "ProtocolConflict"] as const;
export type ConflictReason = (typeof CONFLICTED)[number];

/** A Gateway or ListenerSet that serves some of its listeners (`GatewayReasonListenersNotValid`). */
export const partlyAccepted = (generation: Generation, message: string): Condition =>
  condition(generation, "Accepted", "True", "ListenersNotValid", message);

export const conflicted = (generation: Generation, reason: ConflictReason, message: string): Condition =>
  condition(generation, "Conflicted", "True", reason, message);

export const noConflicts = (generation: Generation): Condition =>
  condition(generation, "Conflicted", "False", "NoConflicts", "No other listener has this port, protocol and hostname");

export const resolvedRefs = (generation: Generation): Condition =>
  condition(generation, "ResolvedRefs", "True", "ResolvedRefs", "All references are resolved");

/** `GatewayConditionInsecureFrontendValidationMode`. */
export const insecureValidation = (generation: Generation, message: string): Condition =>
  condition(generation, "InsecureFrontendValidationMode", "True", "ConfigurationChanged", message);

/** `ListenerConditionOverlappingTLSConfig`: "MUST NOT be set when it is False". */
export const overlappingTls = (generation: Generation, message: string): Condition =>
  condition(generation, "OverlappingTLSConfig", "True", "OverlappingHostnames", message);

/** Every reason why `ResolvedRefs` is False, by what it stands on. */
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
export type UnresolvedReason = (typeof UNRESOLVED)[keyof typeof UNRESOLVED][number];

export const unresolvedRefs = (generation: Generation, reason: UnresolvedReason, message: string): Condition =>
  condition(generation, "ResolvedRefs", "False", reason, message);

/** `RouteConditionPartiallyInvalid`: the message starts with "Dropped Rule" and names the rules. */
export const partiallyInvalid = (generation: Generation, message: string): Condition =>
  condition(
    generation,
    "PartiallyInvalid",
    "True",
    "UnsupportedValue",
    `Dropped Rule(s), or shares of one, answer 500: ${message}`,
  );
