/** The Kubernetes kinds that lasthop reads, and how to take a field of an object that nothing has checked yet. */

/** Kinds by API group, with the versions that are read. The first is what conversion yields. */
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
export type Kind = keyof typeof KINDS;

/** An own property of an untrusted value. */
export function field(value: unknown, name: string | number): unknown {
  if (value === null || typeof value !== "object" || !Object.hasOwn(value, name)) return undefined;
  return (value as Record<string | number, unknown>)[name];
}
