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

/** Why a GatewayClass, Gateway, ListenerSet, listener, route or policy is refused. */
export type NotAccepted = ClassReason | GatewayReason | ListenerSetReason | ListenerReason | RouteReason | PolicyReason;
/** `GatewayClassConditionAccepted`. */
export type ClassReason = "InvalidParameters";
/** `GatewayConditionAccepted`. */
export type GatewayReason = "Invalid" | "InvalidParameters" | "ListenersNotValid" | "UnsupportedAddress";
/** `ListenerSetConditionAccepted`. */
export type ListenerSetReason = "Invalid" | "ListenersNotValid" | "NotAllowed" | "ParentNotAccepted";
/**
 * `ListenerConditionAccepted`. A conflicted listener is not accepted for the reason of its conflict, one without any
 * certificate for that of its first reference.
 */
export type ListenerReason =
  | "InvalidCertificateRef"
  | "NoValidCACertificate"
  | "RefNotPermitted"
  | "UnsupportedProtocol"
  | "UnsupportedValue"
  | ConflictReason;
export type ConflictReason = "HostnameConflict" | "ProtocolConflict";
/** `RouteConditionAccepted`. */
export type RouteReason =
  | "IncompatibleFilters"
  | "NoMatchingListenerHostname"
  | "NoMatchingParent"
  | "NotAllowedByListeners"
  | "UnsupportedValue";
/** `PolicyConditionAccepted` and `BackendTLSPolicyReasonNoValidCACertificate`. */
export type PolicyReason = "Conflicted" | "Invalid" | "NoValidCACertificate" | "TargetNotFound";

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

/** Why a reference is not resolved: of Gateways, listeners, routes, then policies. */
export type UnresolvedReason =
  | "InvalidClientCertificateRef"
  | "ListenersNotResolved"
  | "InvalidCACertificateKind"
  | "InvalidCertificateRef"
  | "InvalidListenerFilterRef"
  | "InvalidRouteKinds"
  | "BackendNotFound"
  | "InvalidKind"
  | "RefNotPermitted"
  | "UnsupportedProtocol"
  | "UnsupportedValue"
  | "InvalidBackendTLSPolicy"
  | "InvalidCACertificateRef"
  | "InvalidCRLRef"
  | "TargetNotFound";

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
