/** What the controller reads of a cluster. deploy/kubernetes grants exactly these. */

export interface Resource {
  readonly kind: string;
  /** `""` for the core group. */
  readonly group: string;
  readonly version: string;
  /** Plural, as in URLs. */
  readonly name: string;
  /** Defined by a CustomResourceDefinition, which may be missing or go away. */
  readonly custom: boolean;
  /** Leaves out what nobody may name in a route's objects, for memory's sake (`fieldSelector`). */
  readonly fieldSelector?: string;
  /** Served without it: a cluster may have the standard channel alone, or an older Kubernetes. */
  readonly optional: boolean;
}

const GATEWAY = "gateway.networking.k8s.io";

const builtIn = (kind: string, group: string, version: string, name: string): Resource => ({
  kind,
  group,
  version,
  name,
  custom: false,
  optional: false,
});
const gatewayApi = (kind: string, name: string, version = "v1", optional = false): Resource => ({
  kind,
  group: GATEWAY,
  version,
  name,
  custom: true,
  optional,
});

export const RESOURCES: readonly Resource[] = [
  gatewayApi("GatewayClass", "gatewayclasses"),
  gatewayApi("Gateway", "gateways"),
  gatewayApi("ListenerSet", "listenersets", "v1", true),
  gatewayApi("HTTPRoute", "httproutes"),
  gatewayApi("BackendTLSPolicy", "backendtlspolicies"),
  gatewayApi("ReferenceGrant", "referencegrants"),
  // Not served, but their authors are told so.
  gatewayApi("GRPCRoute", "grpcroutes", "v1", true),
  gatewayApi("TLSRoute", "tlsroutes", "v1", true),
  gatewayApi("TCPRoute", "tcproutes", "v1", true),
  gatewayApi("UDPRoute", "udproutes", "v1", true),
  builtIn("Namespace", "", "v1", "namespaces"),
  builtIn("Service", "", "v1", "services"),
  builtIn("EndpointSlice", "discovery.k8s.io", "v1", "endpointslices"),
  builtIn("ConfigMap", "", "v1", "configmaps"),
  {
    ...builtIn("Secret", "", "v1", "secrets"),
    fieldSelector: "type!=kubernetes.io/service-account-token,type!=helm.sh/release.v1",
  },
  { ...builtIn("ClusterTrustBundle", "certificates.k8s.io", "v1beta1", "clustertrustbundles"), optional: true },
];

/** `/apis/GROUP/VERSION/NAME`, cluster-wide, or of one object. */
export function pathOf(
  { group, version, name }: Pick<Resource, "group" | "version" | "name">,
  object?: { readonly namespace: string | null; readonly name: string },
): string {
  const base = group === "" ? `/api/${version}` : `/apis/${group}/${version}`;
  if (object === undefined) return `${base}/${name}`;
  const scope = object.namespace === null ? "" : `/namespaces/${encodeURIComponent(object.namespace)}`;
  return `${base}${scope}/${name}/${encodeURIComponent(object.name)}`;
}
