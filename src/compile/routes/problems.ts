/** Problems of routes, their parentRefs and their rules, one constructor for each. */
import { causeOf, type FieldPath, type ObjectRef, type Problem, show } from "../diagnostics/diagnostics.ts";
import type { Absence } from "../references/absent.ts";
import type { ListenerState } from "../gateways/listener-state.ts";

/** A route without parentRefs. */
export const NO_PARENTS: Problem = {
  severity: "warning",
  code: "route-parent-not-found",
  path: ["spec"],
  message: "the route has no parentRefs, so no Gateway serves it",
  expected: "parentRefs that name a Gateway",
  remedy: "add parentRefs",
};

/** A parentRef to another kind than Gateway and ListenerSet. `at` is the path of the parentRef, here and below. */
export const wrongParentKind = (at: FieldPath, kind: string): Problem => ({
  code: "route-parent-not-found",
  path: [...at, "kind"],
  message: "lasthop attaches routes to Gateways and ListenerSets alone",
  expected: "Gateway or ListenerSet",
  found: show(kind),
  remedy: "name the Gateway",
});

/** A parentRef to an object `namespace/name` that does not exist. */
export const missingParent = (at: FieldPath, kind: string, name: string, { message, remedy }: Absence): Problem => ({
  code: "route-parent-not-found",
  path: [...at, "name"],
  message,
  expected: `a ${kind}`,
  found: show(name.slice(name.indexOf("/") + 1)),
  remedy,
  cause: causeOf(kind, name),
});

/** A sectionName or port that no listener of the parent has. `parent` is `Gateway shop/gateway`, here and below. */
export const missingListener = (
  at: FieldPath,
  { sectionName, port }: { readonly sectionName?: string; readonly port?: number },
  parent: string,
  listeners: readonly ListenerState[],
): Problem => ({
  code: "route-parent-no-listener",
  path: [...at, sectionName === undefined ? "port" : "sectionName"],
  message: `${parent} has no such listener`,
  expected: listeners.map(({ spec }) => `${spec.name} (port ${spec.port})`).join(", "),
  found: show(sectionName ?? port),
  remedy: "use one of its listeners",
});

/** A route of a namespace or kind that no listener of the parent takes. */
export const routeNotAllowed = (at: FieldPath, parent: string, namespace: string): Problem => ({
  code: "route-parent-not-allowed",
  path: at,
  message: `no listener of ${parent} takes HTTPRoutes from namespace ${namespace}`,
  expected: "a listener whose allowedRoutes lets the route in",
  found: show(namespace),
  remedy: "change allowedRoutes of the listener, or move the route",
});

/** Hostnames of a route that have none in common with those of the parent's listeners. */
export const noSharedHostname = (
  at: FieldPath,
  hostnames: readonly string[],
  parent: string,
  listeners: readonly ListenerState[],
): Problem => ({
  code: "route-parent-hostname",
  path: hostnames.length === 0 ? at : ["spec", "hostnames"],
  message: `none of the hostnames is one of ${parent}'s`,
  expected: listeners.map(({ hostname }) => hostname ?? "any").join(", "),
  found: hostnames.join(", "),
  remedy: "correct the hostnames of the route or of the listener",
});

/** A hostname that is an IP address: "IPs are not allowed" (`Hostname`). */
export const routeHostnameIsIp = (index: number, hostname: string): Problem => ({
  code: "route-feature-unsupported",
  path: ["spec", "hostnames", index],
  message: "a hostname must not be an IP address",
  expected: "a DNS name",
  found: show(hostname),
  remedy: "use a DNS name",
});

/** A route that is to attach to default Gateways. */
export const defaultGateways = (useDefaultGateways: unknown): Problem => ({
  code: "route-feature-unsupported",
  path: ["spec", "useDefaultGateways"],
  message: "lasthop has no default Gateways yet",
  expected: "None",
  found: show(useDefaultGateways),
  remedy: "name the Gateway in parentRefs",
});

/** A rule with session persistence: "Deprecated: use the Backend resource for session persistence (GEP-4894)." */
export const sessionPersistence = (at: FieldPath): Problem => ({
  code: "route-feature-unsupported",
  path: [...at, "sessionPersistence"],
  message: "lasthop keeps no sessions, so it answers 500 rather than ignoring it",
  expected: "no sessionPersistence",
  remedy: "remove it",
});

/** A rule without a backendRef that has a weight, which is legal, and answered 500 (`HTTPRouteRule.backendRefs`). */
export const noBackends = (at: FieldPath, haveNoWeight: boolean): Problem => ({
  severity: "warning",
  code: "backend-refs-empty",
  path: haveNoWeight ? [...at, "backendRefs"] : at,
  message: `${haveNoWeight ? "every backendRef has weight 0" : "the rule has no backendRefs"}, so it answers 500`,
  expected: "a backendRef with a weight of at least 1",
  remedy: "add a backendRef",
});

/**
 * A redirect among the filters of a backendRef: "Filters defined at this level should be executed if and only if the request
 * is being forwarded", and a redirect is not forwarded.
 */
export const redirectOfBackend = (at: FieldPath): Problem => ({
  code: "backend-filter-unsupported",
  path: [...at, "filters"],
  message: "lasthop does not redirect a share of a rule, so it answers 500 rather than forwarding it",
  expected: "RequestRedirect on the rule",
  remedy: "move the filter to a rule of its own",
});

/** A regular expression that RE2 does not take. */
export const badExpression = (path: FieldPath, expression: string, fault: string): Problem => ({
  code: "route-feature-unsupported",
  path,
  message: `not a regular expression of RE2: ${fault}`,
  expected: "RE2 syntax (https://github.com/google/re2/wiki/Syntax), which runs in linear time",
  found: show(expression),
  remedy: "rewrite it without look-around and back-references",
});

/** A route of a kind that lasthop does not serve. */
export const unservedKind = ({ kind }: ObjectRef): Problem => ({
  code: "route-kind-unsupported",
  path: [],
  message: `lasthop does not serve ${kind}s yet`,
  expected: "HTTPRoute",
  found: kind,
  remedy: "use an HTTPRoute, or a Gateway of another class",
});
