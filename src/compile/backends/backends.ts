/**
 * backendRefs: the Service that each names, whether a ReferenceGrant is missing, and how the gateway connects to the
 * Service.
 */
import type { BackendId, BundleBackend, BundleTarget, ConfigCode } from "../../bundle/types.ts";
import { type FieldPath, namespacedName, type SourceObject } from "../diagnostics/diagnostics.ts";
import type { BackendObjectReference } from "../kubernetes/objects.ts";
import type { Service, ServicePort } from "../kubernetes/core-objects.ts";
import type { Cluster } from "../load/load.ts";
import type { Policies } from "../policies/policies.ts";
import { policyTransport } from "../policies/coverage.ts";
import type { PolicyState } from "../policies/state.ts";
import { absent } from "../references/absent.ts";
import { type Grants, notPermitted, type Referrer } from "../references/grants.ts";
import {
  type BackendRefProblem,
  closedPort,
  externalName,
  missingAlpn,
  missingBackend,
  missingPolicy,
  missingPort,
  plaintextRefused,
  unknownAppProtocol,
  wrongBackendKind,
} from "./problems.ts";

/** A port of a Service to which the gateway forwards. */
export interface BackendTarget {
  readonly id: BackendId;
  readonly service: SourceObject<Service>;
  readonly port: ServicePort;
  readonly protocol: BundleBackend["protocol"];
  /** The policy that decides about this port; null: it gets plaintext. */
  readonly policy: PolicyState | null;
}

/**
 * The backend that a backendRef leads to, or its refusal. A port that a policy closes counts as a backend, with a
 * problem.
 */
type BackendState =
  | { readonly kind: "backend"; readonly target: BackendTarget; readonly problem: BackendRefProblem | null }
  | { readonly kind: "refused"; readonly code: ConfigCode; readonly problem: BackendRefProblem };

/** The context in which backendRefs are resolved. */
export interface BackendContext {
  readonly cluster: Cluster;
  readonly grants: Grants;
  readonly policies: Policies;
  readonly allowExternalName: boolean;
  /** Whether ports are refused that would get plaintext although no appProtocol says that plaintext is meant. */
  readonly requireBackendTls: boolean;
}

interface AppProtocol {
  readonly protocol: BundleBackend["protocol"];
  /** Whether the value means TLS. */
  readonly tls: boolean;
  /** The only HTTP version that fits the value; null: either. */
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

/** A backendRef of a rule, a filter or a listener: a policy applies wherever its Service is used (GEP-1897). */
export interface ResolvedBackendRef {
  readonly path: FieldPath;
  /** `namespace/name` of the Service that the reference names, whether or not it exists; null: it names another kind. */
  readonly service: string | null;
  readonly port: number;
  readonly state: BackendState;
}

/** Resolves a backendRef that stands at `path` of an object. */
export function resolveBackendRef(
  ref: BackendObjectReference,
  referrer: Referrer,
  path: FieldPath,
  context: BackendContext,
): ResolvedBackendRef {
  const isService = ref.group === "" && ref.kind === "Service";
  const service = isService ? `${ref.namespace ?? referrer.namespace}/${ref.name}` : null;
  const state =
    service === null
      ? refusedBackend(wrongBackendKind(path, ref))
      : resolveService(service, { ref, referrer, path }, context);
  return { path, service, port: ref.port ?? 0, state };
}

/** Where the request of a mirror or of external auth goes. */
export const targetOf = ({ state }: ResolvedBackendRef): BundleTarget =>
  state.kind === "backend" ? { backend: state.target.id } : { refused: state.code };

interface ServiceRef {
  readonly ref: BackendObjectReference;
  readonly referrer: Referrer;
  readonly path: FieldPath;
}

function resolveService(name: string, { ref, referrer, path }: ServiceRef, context: BackendContext): BackendState {
  const { cluster, grants, allowExternalName } = context;
  const to = { group: "", kind: "Service", namespace: ref.namespace ?? referrer.namespace, name: ref.name };
  const forbidden = notPermitted(referrer, to, { path, code: "backend-ref-not-permitted" }, grants);
  if (forbidden !== null) return refusedBackend({ ...forbidden, reason: "RefNotPermitted" });
  const entry = cluster.Service.get(name);
  if (entry?.kind !== "valid") {
    const absence = entry === undefined ? absent(cluster, "Service", name) : null;
    return refusedBackend(missingBackend(path, name, absence));
  }
  const service = entry.object;
  const { spec } = service.value;
  if (spec.type === "ExternalName" && !allowExternalName)
    return refusedBackend(externalName(path, name, spec.externalName));
  const port = findPort(service.value, ref.port);
  if (port === null) return refusedBackend(missingPort(path, name, ref.port, spec.ports));
  return resolvePort(service, port, path, context);
}

/** The TCP port of that number; null: there is none. A Service of type ExternalName need not list its ports. */
function findPort({ spec }: Service, wanted: number | undefined): ServicePort | null {
  const found = spec.ports.find(({ port, protocol }) => port === wanted && protocol === "TCP");
  if (found !== undefined) return found;
  return spec.type === "ExternalName" && spec.ports.length === 0 && wanted !== undefined
    ? { name: "", protocol: "TCP", port: wanted }
    : null;
}

/** How the gateway connects to a port: by its appProtocol, and by the policy that covers it. */
function resolvePort(
  service: SourceObject<Service>,
  port: ServicePort,
  at: FieldPath,
  { policies, requireBackendTls }: BackendContext,
): BackendState {
  const name = namespacedName(service.ref);
  const { appProtocol = "http" } = port;
  // RFC 6335 §5.1: the service names of IANA, which have no prefix, ignore case.
  const spelled = appProtocol.includes("/") ? appProtocol : appProtocol.toLowerCase();
  const known = Object.hasOwn(APP_PROTOCOLS, spelled) ? APP_PROTOCOLS[spelled] : undefined;
  if (known === undefined) return refusedBackend(unknownAppProtocol(at, name, port, Object.keys(APP_PROTOCOLS)));
  const covered = policyTransport(policies.coverage.get(name), port);
  if (covered === null && known.tls) return refusedBackend(missingPolicy(at, name, appProtocol));
  if (covered === null && requireBackendTls && port.appProtocol === undefined)
    return refusedBackend(plaintextRefused(at, name, port.port));
  const effect = covered?.transport.kind === "tls" ? covered.policy.effect : undefined;
  if (known.alpn !== null && effect?.kind === "enforced" && !effect.policy.alpn.includes(known.alpn))
    return refusedBackend(missingAlpn(at, name, { appProtocol, needed: known.alpn }, effect.policy.alpn));
  const target: BackendTarget = {
    id: `${name}:${port.port}`,
    service,
    port,
    protocol: known.protocol,
    policy: covered?.policy ?? null,
  };
  const problem = covered?.transport.kind === "refused" ? closedPort(at, name, port, covered.transport) : null;
  return { kind: "backend", target, problem };
}

const refusedBackend = (problem: BackendRefProblem): BackendState => ({
  kind: "refused",
  code: problem.code,
  problem,
});
