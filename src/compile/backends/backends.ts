/** References to backends: what each names, whether its author may name it, and how the gateway speaks to it. */
import { type Grants, notPermitted, type Referrer } from "../references/grants.ts";
import { absent } from "../references/absent.ts";
import type { BackendId, BundleBackend, BundleTarget, ConfigCode } from "../../bundle/types.ts";
import type { UnresolvedReason } from "../diagnostics/conditions.ts";
import {
  causeOf,
  type FieldPath,
  namespacedName,
  type Problem,
  show,
  type SourceObject,
} from "../diagnostics/diagnostics.ts";
import type { Cluster } from "../load/load.ts";
import type { BackendObjectReference, Service, ServicePort } from "../kubernetes/objects.ts";
import { type Policies, type PolicyState, policyTransport } from "../policies/policies.ts";

export interface BackendTarget {
  readonly id: BackendId;
  readonly service: SourceObject<Service>;
  readonly port: ServicePort;
  readonly protocol: BundleBackend["protocol"];
  /** The policy that decides about this port; null: plaintext. */
  readonly policy: PolicyState | null;
}

export type BackendState =
  | { readonly kind: "backend"; readonly target: BackendTarget; readonly problem: RefProblem | null }
  | { readonly kind: "refused"; readonly code: ConfigCode; readonly problem: RefProblem };

/** A fault with the reason that `ResolvedRefs` gives for it. */
export interface RefProblem extends Problem<ConfigCode> {
  readonly reason: UnresolvedReason;
}

export interface BackendContext {
  readonly cluster: Cluster;
  readonly grants: Grants;
  readonly policies: Policies;
  readonly allowExternalName: boolean;
  readonly requireBackendTls: boolean;
}

interface AppProtocol {
  readonly protocol: BundleBackend["protocol"];
  /** It promises TLS. */
  readonly tls: boolean;
  /** The one HTTP version it can be spoken in; null: either. */
  readonly alpn: "h2" | "http/1.1" | null;
}

/** `appProtocol` of a Service port (KEP-3726). */
const APP_PROTOCOLS: Readonly<Record<string, AppProtocol>> = {
  http: { protocol: "http", tls: false, alpn: null },
  https: { protocol: "http", tls: true, alpn: null },
  "kubernetes.io/h2c": { protocol: "h2c", tls: false, alpn: "h2" },
  "kubernetes.io/ws": { protocol: "websocket", tls: false, alpn: "http/1.1" },
  "kubernetes.io/wss": { protocol: "websocket", tls: true, alpn: "http/1.1" },
};

/** The one that is meant by a spelling of other gateways. To leave it out of a port of TLS would mean plaintext. */
function likelyProtocol(appProtocol: string): string {
  const word = appProtocol.trim().toLowerCase().split("/").at(-1) ?? "";
  if (word === "wss") return "kubernetes.io/wss, and add a BackendTLSPolicy";
  if (/^(https|tls|ssl|grpcs)$/.test(word)) return "https, and add a BackendTLSPolicy";
  if (/^(h2c|http2|grpc)$/.test(word))
    return "kubernetes.io/h2c for plaintext, or https with a BackendTLSPolicy for TLS";
  return word === "ws" ? "kubernetes.io/ws" : "http for plaintext, or https with a BackendTLSPolicy for TLS";
}

/** An `appProtocol` of these means plaintext, where no policy says otherwise. */
export const PLAINTEXT_PROTOCOL = "http, kubernetes.io/h2c or kubernetes.io/ws";

/** A backendRef, wherever it stands: a policy applies wherever its Service is used (GEP-1897). */
export interface Reference {
  readonly path: FieldPath;
  /** `namespace/name` of the Service it names, existing or not: what makes a Gateway an ancestor of a policy. */
  readonly service: string | null;
  readonly port: number;
  readonly state: BackendState;
}

export function resolveReference(
  ref: BackendObjectReference,
  referrer: Referrer,
  path: FieldPath,
  context: BackendContext,
): Reference {
  const isService = ref.group === "" && ref.kind === "Service";
  const service = isService ? `${ref.namespace ?? referrer.namespace}/${ref.name}` : null;
  return { path, service, port: ref.port ?? 0, state: resolveBackend(ref, service, referrer, path, context) };
}

/** Where a filter's own request goes. A closed port is a backend still: its transport refuses. */
export const targetOf = ({ state }: Reference): BundleTarget =>
  state.kind === "backend" ? { backend: state.target.id } : { refused: state.code };

function resolveBackend(
  ref: BackendObjectReference,
  name: string | null,
  referrer: Referrer,
  at: FieldPath,
  context: BackendContext,
): BackendState {
  const { cluster, grants, allowExternalName } = context;
  if (name === null) {
    return refused("backend-ref-kind", "InvalidKind", {
      path: [...at, "kind"],
      message: "lasthop forwards to Services alone",
      expected: 'group "" and kind Service',
      found: `${show(ref.group)} ${ref.kind}`,
      remedy: "name a Service",
    });
  }
  const to = { group: "", kind: "Service", namespace: ref.namespace ?? referrer.namespace, name: ref.name };
  const forbidden = notPermitted(referrer, to, at, "backend-ref-not-permitted", grants);
  if (forbidden !== null) return refused(forbidden.code, "RefNotPermitted", forbidden);
  const entry = cluster.Service.get(name);
  if (entry?.kind !== "valid") {
    return refused("backend-ref-not-found", "BackendNotFound", {
      path: [...at, "name"],
      message: entry === undefined ? absent(cluster, "Service", name).message : `Service ${name} is refused itself`,
      expected: "a Service",
      found: show(ref.name),
      remedy: entry === undefined ? absent(cluster, "Service", name).remedy : "correct the Service",
      cause: causeOf("Service", name),
    });
  }
  const service = entry.object;
  const { ports, type, externalName } = service.value.spec;
  if (type === "ExternalName" && !allowExternalName) {
    return refused("backend-external-name", "UnsupportedValue", {
      path: [...at, "name"],
      message: `Service ${name} is of type ExternalName, which its author can point anywhere (CVE-2021-25740)`,
      expected: "a Service with EndpointSlices",
      found: show(externalName),
      remedy: "use a Service with EndpointSlices, or build with --allow-external-name",
    });
  }
  const port = findPort(service.value, ref.port);
  if (port === null) {
    return refused("backend-ref-port", "BackendNotFound", {
      path: [...at, "port"],
      message: `Service ${name} has no such TCP port`,
      expected: ports.length === 0 ? "a Service with ports" : `one of ${ports.map((own) => own.port).join(", ")}`,
      found: show(ref.port),
      remedy: "use one of the Service's ports",
    });
  }
  return resolvePort(service, port, at, context);
}

/** An ExternalName Service need not list its ports. */
function findPort({ spec }: Service, wanted: number | undefined): ServicePort | null {
  const found = spec.ports.find(({ port, protocol }) => port === wanted && protocol === "TCP");
  if (found !== undefined) return found;
  return spec.type === "ExternalName" && spec.ports.length === 0 && wanted !== undefined
    ? { name: "", protocol: "TCP", port: wanted }
    : null;
}

/** How the gateway speaks to a port: its appProtocol, and the policy that covers it. */
function resolvePort(
  service: SourceObject<Service>,
  port: ServicePort,
  at: FieldPath,
  { policies, requireBackendTls }: BackendContext,
): BackendState {
  const name = namespacedName(service.ref);
  const { appProtocol = "http" } = port;
  // RFC 6335 §5.1: IANA's service names, those without a prefix, ignore case.
  const spelled = appProtocol.includes("/") ? appProtocol : appProtocol.toLowerCase();
  const known = Object.hasOwn(APP_PROTOCOLS, spelled) ? APP_PROTOCOLS[spelled] : undefined;
  const path = [...at, "port"];
  if (known === undefined) {
    return refused("backend-app-protocol", "UnsupportedProtocol", {
      path,
      message: `port ${port.port} of Service ${name} has an appProtocol that lasthop does not speak`,
      expected: `one of ${Object.keys(APP_PROTOCOLS).join(", ")}`,
      found: show(appProtocol),
      remedy: `write appProtocol: ${likelyProtocol(appProtocol)}`,
    });
  }
  const covered = policyTransport(policies.coverage.get(name), port);
  if (covered === null && known.tls) {
    return refused("backend-requires-policy", "UnsupportedProtocol", {
      path,
      message: `appProtocol ${appProtocol} of Service ${name} promises TLS, and no BackendTLSPolicy says whom to trust`,
      expected: "an accepted BackendTLSPolicy for the port",
      found: "none",
      remedy: "add a BackendTLSPolicy for the Service",
    });
  }
  if (covered === null && requireBackendTls && port.appProtocol === undefined) {
    return refused("backend-plaintext-refused", "UnsupportedProtocol", {
      path,
      message: `port ${port.port} of Service ${name} would get plaintext: no BackendTLSPolicy covers it, and no appProtocol says that plaintext is meant, as --require-backend-tls asks`,
      expected: `a BackendTLSPolicy for the port, or an appProtocol of ${PLAINTEXT_PROTOCOL}`,
      found: "neither",
      remedy: `add a BackendTLSPolicy for the Service; where plaintext is meant, set appProtocol: ${PLAINTEXT_PROTOCOL} on its port`,
    });
  }
  const effect = covered?.transport.kind === "tls" ? covered.policy.effect : undefined;
  if (known.alpn !== null && effect?.kind === "enforced" && !effect.policy.alpn.includes(known.alpn)) {
    return refused("backend-app-protocol", "UnsupportedProtocol", {
      path,
      message: `appProtocol ${appProtocol} of Service ${name} needs ${known.alpn}, which its BackendTLSPolicy's lasthop.dev/alpn leaves out`,
      expected: known.alpn,
      found: effect.policy.alpn.join(", "),
      remedy: "correct lasthop.dev/alpn, or appProtocol",
    });
  }
  const { protocol } = known;
  const target: BackendTarget = {
    id: `${name}:${port.port}`,
    service,
    port,
    protocol,
    policy: covered?.policy ?? null,
  };
  const problem = covered?.transport.kind === "refused" ? closed(at, name, port, covered.transport) : null;
  return { kind: "backend", target, problem };
}

/** "a BackendTLSPolicy is present that refers to the Service, and the implementation is unable to meet the requirement" */
export function closed(
  at: FieldPath,
  service: string,
  port: ServicePort,
  transport: { code: ConfigCode; policies: readonly string[] },
): RefProblem {
  const [policy] = transport.policies;
  return {
    code: transport.code,
    reason: "InvalidBackendTLSPolicy",
    path: [...at, "port"],
    message: `port ${port.port} of Service ${service} is closed by BackendTLSPolicy ${transport.policies.join(", ")}, which ${
      transport.code === "policy-misplaced" ? "is not in the Service's namespace" : "is refused"
    }`,
    expected: "an accepted BackendTLSPolicy",
    remedy:
      transport.code === "policy-misplaced" ? "put the policy into the Service's namespace" : "correct the policy",
    ...(policy === undefined ? {} : { cause: causeOf("BackendTLSPolicy", policy) }),
  };
}

function refused(code: ConfigCode, reason: UnresolvedReason, fault: Omit<Problem, "code">): BackendState {
  return { kind: "refused", code, problem: { code, reason, ...fault } };
}
