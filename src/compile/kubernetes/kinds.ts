/** The Kubernetes kinds that lasthop reads, and how to take a field of an object that nothing has checked yet. */

/**
 * Each kind that lasthop reads: its API group (empty: the core group), the versions that are accepted, and whether its
 * objects have a namespace. Objects of the other versions are converted to the first one.
 */
export const KINDS = {
  GatewayClass: { group: "gateway.networking.k8s.io", versions: ["v1", "v1beta1"], namespaced: false },
  Gateway: { group: "gateway.networking.k8s.io", versions: ["v1", "v1beta1"], namespaced: true },
  HTTPRoute: { group: "gateway.networking.k8s.io", versions: ["v1", "v1beta1"], namespaced: true },
  ListenerSet: { group: "gateway.networking.k8s.io", versions: ["v1"], namespaced: true },
  ReferenceGrant: { group: "gateway.networking.k8s.io", versions: ["v1", "v1beta1"], namespaced: true },
  BackendTLSPolicy: { group: "gateway.networking.k8s.io", versions: ["v1", "v1alpha3", "v1alpha2"], namespaced: true },
  GRPCRoute: { group: "gateway.networking.k8s.io", versions: ["v1", "v1alpha2"], namespaced: true },
  TLSRoute: { group: "gateway.networking.k8s.io", versions: ["v1", "v1alpha3", "v1alpha2"], namespaced: true },
  TCPRoute: { group: "gateway.networking.k8s.io", versions: ["v1", "v1alpha2"], namespaced: true },
  UDPRoute: { group: "gateway.networking.k8s.io", versions: ["v1", "v1alpha2"], namespaced: true },
  ClusterTrustBundle: { group: "certificates.k8s.io", versions: ["v1", "v1beta1", "v1alpha1"], namespaced: false },
  Namespace: { group: "", versions: ["v1"], namespaced: false },
  Service: { group: "", versions: ["v1"], namespaced: true },
  EndpointSlice: { group: "discovery.k8s.io", versions: ["v1"], namespaced: true },
  Endpoints: { group: "", versions: ["v1"], namespaced: true },
  ConfigMap: { group: "", versions: ["v1"], namespaced: true },
  Secret: { group: "", versions: ["v1"], namespaced: true },
} as const;
/** `"Gateway"`, `"HTTPRoute"`, …: a kind that lasthop reads. */
export type Kind = keyof typeof KINDS;

/** The own property `name` of a value that nothing has checked; undefined when the value is no object or lacks it. */
export function field(value: unknown, name: string | number): unknown {
  if (value === null || typeof value !== "object" || !Object.hasOwn(value, name)) return undefined;
  return (value as Record<string | number, unknown>)[name];
}
