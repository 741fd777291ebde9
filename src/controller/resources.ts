/** The resources that the controller watches. deploy/kubernetes/rbac.yaml grants exactly these. */

/** A resource of the Kubernetes API. */
export interface Resource {
  readonly kind: string;
  /** The API group; `""` for the core group. */
  readonly group: string;
  readonly version: string;
  /** The plural name in URLs. */
  readonly name: string;
  /** Whether a CustomResourceDefinition defines it, which may be missing or deleted. */
  readonly custom: boolean;
  /** A `fieldSelector` that leaves out objects which no Gateway can refer to, to save memory. */
  readonly fieldSelector?: string;
  /** Whether a cluster may lack it: some have only the standard channel of the Gateway API, or an older Kubernetes. */
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

/** All resources that the controller watches. */
export const RESOURCES: readonly Resource[] = [
  gatewayApi("GatewayClass", "gatewayclasses"),
  gatewayApi("Gateway", "gateways"),
  gatewayApi("ListenerSet", "listenersets", "v1", true),
  gatewayApi("HTTPRoute", "httproutes"),
  gatewayApi("BackendTLSPolicy", "backendtlspolicies"),
  gatewayApi("ReferenceGrant", "referencegrants"),
  // Routes of these kinds are not served; their status says so.
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

/** The URL path of a resource in the whole cluster, or of one object: `/apis/GROUP/VERSION/namespaces/NS/PLURAL/NAME`. */
export function pathOf(
  { group, version, name }: Pick<Resource, "group" | "version" | "name">,
  object?: { readonly namespace: string | null; readonly name: string },
): string {
  const base = group === "" ? `/api/${version}` : `/apis/${group}/${version}`;
  if (object === undefined) return `${base}/${name}`;
  const scope = object.namespace === null ? "" : `/namespaces/${encodeURIComponent(object.namespace)}`;
  return `${base}${scope}/${name}/${encodeURIComponent(object.name)}`;
}
