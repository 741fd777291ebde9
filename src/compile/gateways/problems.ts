/**
 * Problems of GatewayClasses, Gateways, ListenerSets and listeners, one constructor for each. The file is long because it is
 * one list, in which the texts of all problems of the folder are compared with each other.
 */
import type { ConflictReason } from "../diagnostics/conditions.ts";
import { causeOf, type FieldPath, type Problem, show } from "../diagnostics/diagnostics.ts";
import { CONTROLLER_NAME, GATEWAY_GROUP } from "../kubernetes/names.ts";
import type { Absence } from "../references/absent.ts";

/** A GatewayClass with parameters. */
export const classParameters = (parametersRef: unknown): Problem => ({
  code: "gateway-class-parameters",
  path: ["spec", "parametersRef"],
  message: "lasthop takes no parameters",
  expected: "no parametersRef",
  found: show(parametersRef),
  remedy: "remove parametersRef",
});

/** A Gateway whose class does not exist, or is refused. `state` says which: `not among the inputs`, `refused itself`. */
export const missingClass = (name: string, state: string, { remedy }: Absence): Problem => ({
  code: "gateway-class-not-found",
  path: ["spec", "gatewayClassName"],
  message: `this GatewayClass is ${state}`,
  expected: `a GatewayClass with controllerName ${CONTROLLER_NAME}`,
  found: show(name),
  remedy,
  cause: causeOf("GatewayClass", name),
});

const unsupportedByGateway = (problem: Omit<Problem, "code">): Problem => ({
  code: "gateway-feature-unsupported",
  ...problem,
});

/** An address of a Gateway that is of another type than IPAddress. */
export const addressType = (index: number, type: string): Problem =>
  unsupportedByGateway({
    path: ["spec", "addresses", index, "type"],
    message: "lasthop binds IP addresses alone",
    expected: "IPAddress",
    found: show(type),
    remedy: "use type IPAddress, with or without a value",
  });

/** An address of a Gateway with a routability: lasthop does not know from where an address is reached. */
export const addressRoutability = (index: number, routability: string): Problem =>
  unsupportedByGateway({
    path: ["spec", "addresses", index, "routability"],
    message: "lasthop knows only its host's addresses, and not from where they are reached",
    expected: "no routability",
    found: show(routability),
    remedy: "remove routability; for a ClusterIP, put a Service of your own in front of the Gateway's address",
  });

/** A Gateway with parameters. */
export const gatewayParameters = (parametersRef: unknown): Problem =>
  unsupportedByGateway({
    path: ["spec", "infrastructure", "parametersRef"],
    message: "lasthop takes no parameters",
    expected: "no parametersRef",
    found: show(parametersRef),
    remedy: "remove parametersRef",
  });

/** A label selector in allowedListeners that no API server would take. */
export const badListenersSelector = (fault: string): Problem =>
  unsupportedByGateway({
    path: ["spec", "allowedListeners", "namespaces", "selector"],
    message: fault,
    expected: "a label selector",
    remedy: "correct the selector",
  });

/** A Gateway that is to be a default Gateway. */
export const defaultGateway = (defaultScope: unknown): Problem =>
  unsupportedByGateway({
    path: ["spec", "defaultScope"],
    message: "lasthop has no default Gateways yet, so it refuses the Gateway",
    expected: "no defaultScope",
    found: show(defaultScope),
    remedy: "remove defaultScope, and name the Gateway in the routes' parentRefs",
  });

/** A ListenerSet whose parent is no Gateway. */
export const wrongSetParent = (kind: unknown): Problem => ({
  code: "listener-set-parent-not-found",
  path: ["spec", "parentRef", "kind"],
  message: "the parent of a ListenerSet is a Gateway",
  expected: "a Gateway",
  found: show(kind),
  remedy: "correct parentRef",
});

/** A ListenerSet whose parent, the Gateway `namespace/name`, does not exist. */
export const missingSetParent = (gateway: string, name: unknown, { message, remedy }: Absence): Problem => ({
  code: "listener-set-parent-not-found",
  path: ["spec", "parentRef", "name"],
  message,
  expected: "a Gateway",
  found: show(name),
  remedy,
  cause: causeOf("Gateway", gateway),
});

/** A ListenerSet of a namespace from which its Gateway takes none. */
export const setNotAllowed = (gateway: string, namespace: string): Problem => ({
  code: "listener-set-not-allowed",
  path: ["spec", "parentRef"],
  message: `Gateway ${gateway} takes no ListenerSets from namespace ${namespace}`,
  expected: "a Gateway whose allowedListeners lets the ListenerSet in",
  found: show(namespace),
  remedy: "change allowedListeners of the Gateway, or move the ListenerSet",
});

/** A listener that conflicts with another one. `at` is the path of the listener, here and below. */
export const listenerConflict = (at: FieldPath, reason: ConflictReason, message: string): Problem => ({
  code: "listener-conflict",
  path: [...at, reason === "HostnameConflict" ? "hostname" : "protocol"],
  message,
  expected: "a port, protocol and hostname of its own",
  remedy: "change one of the listeners; none is served but that of the parent, or of the older ListenerSet",
});

/** A listener of another protocol than HTTP and HTTPS. */
export const listenerProtocol = (at: FieldPath, protocol: string): Problem => ({
  code: "listener-protocol",
  path: [...at, "protocol"],
  message: ["TLS", "TCP", "UDP"].includes(protocol)
    ? `lasthop does not serve ${protocol} listeners yet`
    : "no protocol that lasthop knows",
  expected: "HTTP or HTTPS",
  found: show(protocol),
  remedy: "use protocol HTTP or HTTPS",
});

/** A listener whose hostname is an IP address. */
export const listenerHostnameIsIp = (at: FieldPath, hostname: string): Problem => ({
  code: "listener-hostname",
  path: [...at, "hostname"],
  message: "a hostname must not be an IP address",
  expected: "a DNS name",
  found: show(hostname),
  remedy: "use a DNS name, or no hostname",
});

const unsupportedByListener = (problem: Omit<Problem, "code">): Problem => ({
  code: "listener-feature-unsupported",
  ...problem,
});

/** A label selector in allowedRoutes that no API server would take. */
export const badRoutesSelector = (at: FieldPath, fault: string): Problem =>
  unsupportedByListener({
    path: [...at, "allowedRoutes", "namespaces", "selector"],
    message: fault,
    expected: "a label selector",
    remedy: "correct the selector",
  });

/** A TLS option of a listener. */
export const listenerTlsOption = (at: FieldPath, option: string): Problem =>
  unsupportedByListener({
    path: [...at, "tls", "options", option],
    message: "lasthop has no TLS options for listeners, and ignores none",
    expected: "no options",
    found: show(option),
    remedy: "remove the option",
  });

/** An HTTPS listener without a certificateRef. */
export const missingCertificate = (at: FieldPath, hasTls: boolean): Problem =>
  unsupportedByListener({
    path: hasTls ? [...at, "tls"] : at,
    message: "an HTTPS listener needs a certificate",
    expected: "certificateRefs with a Secret of type kubernetes.io/tls",
    remedy: "add tls.certificateRefs",
  });

/** A custom filter of a listener. */
export const customListenerFilter = (
  path: FieldPath,
  ref: { readonly group: string; readonly kind: string },
): Problem =>
  unsupportedByListener({
    path: [...path, "extensionRef"],
    message: "lasthop has no filters of its own, so it refuses the listener rather than skipping this one",
    expected: "ExternalAuth",
    found: `${ref.group}/${ref.kind}`,
    remedy: "remove the filter",
  });

/** Kinds of routes in allowedRoutes that the listener cannot serve: `gateway.networking.k8s.io/TCPRoute`. */
export function unservedRouteKinds(at: FieldPath, protocol: string, kinds: readonly string[]): Problem {
  const servesHttp = protocol === "HTTP" || protocol === "HTTPS";
  return {
    code: "listener-route-kinds",
    path: [...at, "allowedRoutes", "kinds"],
    message: servesHttp ? "lasthop serves HTTPRoute alone" : `lasthop serves no routes on ${protocol} listeners`,
    expected: servesHttp ? `${GATEWAY_GROUP}/HTTPRoute` : "no kinds",
    found: [...kinds].sort().join(", "),
    remedy: "remove the kind",
  };
}
