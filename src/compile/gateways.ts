/** GatewayClasses and Gateways of ours, and what each listener can serve. */
import { type ConflictReason, type GatewayReason, type ListenerReason } from "./conditions.ts";
import { type Diagnostics, explain, type Problem, show, type SourceObject } from "./diagnostics.ts";
import { isIpAddress } from "./hostnames.ts";
import type { Cluster, Entry } from "./load.ts";
import { selectorFault } from "./namespaces.ts";
import type { Gateway, GatewayClass, Listener } from "./objects.ts";

export const CONTROLLER_NAME = "lasthop.dev/gateway-controller";
export const GATEWAY_GROUP = "gateway.networking.k8s.io";

export interface ClassState {
  readonly object: SourceObject<GatewayClass>;
  /** Null: accepted. */
  readonly refusal: string | null;
}

export interface ListenerState {
  readonly spec: Listener;
  readonly index: number;
  /** Lower case; null: every host. */
  readonly hostname: string | null;
  readonly verdict:
    | { readonly kind: "accepted" }
    | { readonly kind: "refused"; readonly reason: ListenerReason; readonly message: string }
    | { readonly kind: "conflicted"; readonly reason: ConflictReason; readonly message: string };
  readonly takesHttpRoutes: boolean;
  /** Kinds that `allowedRoutes.kinds` names and no listener of ours serves; null: none. */
  readonly invalidKinds: string | null;
}

export type GatewayState =
  | {
      readonly kind: "valid";
      readonly name: string;
      readonly object: SourceObject<Gateway>;
      readonly listeners: readonly ListenerState[];
      /** Null unless the whole Gateway is refused. */
      readonly refusal: { readonly reason: GatewayReason; readonly message: string } | null;
    }
  /** Its class is unknown, or the object is at fault: nothing of it is served. */
  | {
      readonly kind: "unusable";
      readonly name: string;
      readonly object: SourceObject;
      readonly message: string;
      readonly ours: boolean;
    };

export function resolveClasses(cluster: Cluster, diagnostics: Diagnostics): Map<string, ClassState> {
  const classes = new Map<string, ClassState>();
  for (const [name, entry] of cluster.GatewayClass) {
    if (entry.kind === "refused" || entry.object.value.spec.controllerName !== CONTROLLER_NAME) continue;
    const { object } = entry;
    let refusal: string | null = null;
    if (object.value.spec.parametersRef !== undefined) {
      const problem: Problem = {
        code: "gateway-class-parameters",
        path: ["spec", "parametersRef"],
        message: "lasthop takes no parameters",
        expected: "no parametersRef",
        found: show(object.value.spec.parametersRef),
        remedy: "remove parametersRef",
      };
      diagnostics.report(object, problem);
      refusal = explain(object, problem);
    }
    classes.set(name, { object, refusal });
  }
  return classes;
}

/** Every Gateway of our classes, and those whose class is not there at all. Others belong to other controllers. */
export function resolveGateways(
  cluster: Cluster,
  classes: ReadonlyMap<string, ClassState>,
  diagnostics: Diagnostics,
): Map<string, GatewayState> {
  const gateways = new Map<string, GatewayState>();
  for (const [name, entry] of cluster.Gateway) {
    const state = resolveGateway(name, entry, cluster, classes, diagnostics);
    if (state !== null) gateways.set(name, state);
  }
  return gateways;
}

function resolveGateway(
  name: string,
  entry: Entry<Gateway>,
  cluster: Cluster,
  classes: ReadonlyMap<string, ClassState>,
  diagnostics: Diagnostics,
): GatewayState | null {
  if (entry.kind === "refused") {
    return { kind: "unusable", name, object: entry.object, message: explain(entry.object, entry.problem), ours: true };
  }
  const { object } = entry;
  const { spec } = object.value;
  const known = classes.get(spec.gatewayClassName);
  if (known === undefined) {
    if (cluster.GatewayClass.get(spec.gatewayClassName)?.kind === "valid") return null;
    const problem: Problem = {
      code: "gateway-class-not-found",
      path: ["spec", "gatewayClassName"],
      message: `this GatewayClass is ${cluster.GatewayClass.has(spec.gatewayClassName) ? "refused itself" : "not among the inputs"}`,
      expected: `a GatewayClass with controllerName ${CONTROLLER_NAME}`,
      found: show(spec.gatewayClassName),
      remedy: "add the GatewayClass, or correct the name",
    };
    diagnostics.report(object, problem);
    return { kind: "unusable", name, object, message: explain(object, problem), ours: false };
  }
  const refusal = refuseGateway(object, known, diagnostics);
  return { kind: "valid", name, object, refusal, listeners: resolveListeners(object, diagnostics) };
}

/** Features of the Gateway as a whole that lasthop does not do yet. */
function refuseGateway(
  object: SourceObject<Gateway>,
  { refusal }: ClassState,
  diagnostics: Diagnostics,
): { reason: GatewayReason; message: string } | null {
  if (refusal !== null)
    return {
      reason: "InvalidParameters",
      message: `GatewayClass ${object.value.spec.gatewayClassName} is not accepted: ${refusal}`,
    };
  const { addresses, infrastructure, allowedListeners, tls, defaultScope } = object.value.spec;
  const unsupported: [field: string, reason: GatewayReason, present: boolean][] = [
    ["addresses", "UnsupportedAddress", (addresses?.length ?? 0) > 0],
    ["infrastructure", "InvalidParameters", infrastructure !== undefined],
    ["allowedListeners", "Invalid", (allowedListeners?.namespaces?.from ?? "None") !== "None"],
    ["tls", "Invalid", tls !== undefined],
    ["defaultScope", "Invalid", (defaultScope ?? "None") !== "None"],
  ];
  let first: { reason: GatewayReason; message: string } | null = null;
  for (const [field, reason, present] of unsupported) {
    if (!present) continue;
    const problem: Problem = {
      code: "gateway-feature-unsupported",
      path: ["spec", field],
      message: `lasthop does not do ${field} yet, so it refuses the Gateway`,
      expected: `no ${field}`,
      remedy: `remove ${field}`,
    };
    diagnostics.report(object, problem);
    first ??= { reason, message: explain(object, problem) };
  }
  return first;
}

function resolveListeners(object: SourceObject<Gateway>, diagnostics: Diagnostics): ListenerState[] {
  const { listeners } = object.value.spec;
  return listeners.map((spec, index) => {
    const conflict = conflictOf(spec, listeners);
    const refusal = refuseListener(spec, index);
    const at = ["spec", "listeners", index];
    if (conflict !== null) {
      const problem: Problem = {
        code: "listener-conflict",
        path: [...at, conflict.reason === "HostnameConflict" ? "hostname" : "protocol"],
        message: conflict.message,
        expected: "a port, protocol and hostname of its own",
        remedy: "change one of the listeners; none of those in conflict is served",
      };
      diagnostics.report(object, problem);
    }
    if (refusal !== null) diagnostics.report(object, refusal.problem);
    const kinds = routeKinds(spec);
    if (kinds.invalid !== null) {
      diagnostics.report(object, {
        code: "listener-route-kinds",
        path: [...at, "allowedRoutes", "kinds"],
        message: `lasthop serves HTTPRoute alone, not ${kinds.invalid}`,
        expected: `${GATEWAY_GROUP}/HTTPRoute`,
        found: kinds.invalid,
        remedy: "remove the kind",
      });
    }
    return {
      spec,
      index,
      hostname: spec.hostname === undefined || spec.hostname === "" ? null : spec.hostname.toLowerCase(),
      verdict:
        conflict !== null
          ? { kind: "conflicted", ...conflict }
          : refusal !== null
            ? { kind: "refused", reason: refusal.reason, message: explain(object, refusal.problem) }
            : { kind: "accepted" },
      takesHttpRoutes: kinds.takesHttpRoutes,
      invalidKinds: kinds.invalid,
    };
  });
}

/** Indistinct listeners: all of them are refused, none is picked as winner (`GatewaySpec.listeners`). */
function conflictOf(own: Listener, all: readonly Listener[]): { reason: ConflictReason; message: string } | null {
  const others = all.filter((other) => other !== own && other.port === own.port);
  const hostname = (listener: Listener): string => (listener.hostname ?? "").toLowerCase();
  const same = others.filter(
    (other) => other.protocol === own.protocol && (isByPort(own) || hostname(other) === hostname(own)),
  );
  if (same.length > 0) {
    return {
      reason: "HostnameConflict",
      message: `port ${own.port}, protocol ${own.protocol} and hostname ${JSON.stringify(own.hostname ?? "")} are also those of ${names(same)}`,
    };
  }
  // Plain HTTP and TLS cannot be told apart before the first byte. TCP and UDP listeners are refused on their own.
  const isTls = own.protocol === "HTTPS" || own.protocol === "TLS";
  const mixed = others.filter(({ protocol }) =>
    own.protocol === "HTTP" ? protocol === "HTTPS" || protocol === "TLS" : isTls && protocol === "HTTP",
  );
  if (mixed.length === 0) return null;
  return {
    reason: "ProtocolConflict",
    message: `port ${own.port} has protocol ${own.protocol} here and another one in ${names(mixed)}`,
  };
}

const isByPort = ({ protocol }: Listener): boolean => protocol === "TCP" || protocol === "UDP";

const names = (listeners: readonly Listener[]): string =>
  `listener ${listeners
    .map(({ name }) => name)
    .sort()
    .join(", ")}`;

function refuseListener(spec: Listener, index: number): { reason: ListenerReason; problem: Problem } | null {
  const at = ["spec", "listeners", index];
  if (spec.protocol !== "HTTP") {
    const known = ["HTTPS", "TLS", "TCP", "UDP"].includes(spec.protocol);
    return {
      reason: "UnsupportedProtocol",
      problem: {
        code: "listener-protocol",
        path: [...at, "protocol"],
        message: known ? `lasthop does not serve ${spec.protocol} listeners yet` : "no protocol that lasthop knows",
        expected: "HTTP",
        found: show(spec.protocol),
        remedy: "use protocol HTTP; on Cloudflare the platform terminates client TLS in front of it",
      },
    };
  }
  if (spec.hostname !== undefined && isIpAddress(spec.hostname)) {
    return {
      reason: "UnsupportedValue",
      problem: {
        code: "listener-hostname",
        path: [...at, "hostname"],
        message: "a hostname must not be an IP address",
        expected: "a DNS name",
        found: show(spec.hostname),
        remedy: "use a DNS name, or no hostname",
      },
    };
  }
  const selector =
    spec.allowedRoutes.namespaces.from === "Selector" ? selectorFault(spec.allowedRoutes.namespaces.selector) : null;
  if (selector !== null) {
    return {
      reason: "UnsupportedValue",
      problem: {
        code: "listener-feature-unsupported",
        path: [...at, "allowedRoutes", "namespaces", "selector"],
        message: selector,
        expected: "a label selector",
        remedy: "correct the selector",
      },
    };
  }
  if (spec.filters !== undefined) {
    return {
      reason: "UnsupportedValue",
      problem: {
        code: "listener-feature-unsupported",
        path: [...at, "filters"],
        message: "lasthop does not do listener filters yet",
        expected: "no filters",
        remedy: "remove filters",
      },
    };
  }
  return null;
}

/** `RouteGroupKind`s of a listener: HTTP serves HTTPRoute; no other listener serves anything yet. */
function routeKinds({ protocol, allowedRoutes }: Listener): { takesHttpRoutes: boolean; invalid: string | null } {
  const http = protocol === "HTTP";
  const { kinds } = allowedRoutes;
  if (kinds === undefined || kinds.length === 0) return { takesHttpRoutes: http, invalid: null };
  const isHttpRoute = ({ group, kind }: { group: string; kind: string }): boolean =>
    http && group === GATEWAY_GROUP && kind === "HTTPRoute";
  const invalid = kinds.filter((kind) => !isHttpRoute(kind)).map(({ group, kind }) => `${group}/${kind}`);
  return { takesHttpRoutes: kinds.some(isHttpRoute), invalid: invalid.length === 0 ? null : invalid.sort().join(", ") };
}

export const gatewayNamespace = (state: GatewayState): string => state.object.ref.namespace ?? "default";
