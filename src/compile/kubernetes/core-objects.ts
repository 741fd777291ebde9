/** Types of Kubernetes' own objects that have passed their schema, as far as lasthop reads them. Names are those of the API. */

/** `ObjectMeta`, as far as lasthop reads it. */
export interface Metadata {
  name: string;
  namespace?: string;
  generation?: number;
  creationTimestamp?: string;
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
}

/** `metav1.LabelSelector`. */
export interface LabelSelector {
  matchLabels?: Record<string, string>;
  matchExpressions?: { key: string; operator: string; values?: string[] }[];
}

/** `ServicePort`; the name is empty where the manifest gives none. */
export interface ServicePort {
  name: string;
  protocol: "TCP" | "UDP" | "SCTP";
  port: number;
  appProtocol?: string;
}

/** `Service`. */
export interface Service {
  metadata: Metadata;
  spec: {
    type: "ClusterIP" | "NodePort" | "LoadBalancer" | "ExternalName";
    externalName?: string;
    ports: ServicePort[];
  };
}

/** `EndpointSlice`. */
export interface EndpointSlice {
  metadata: Metadata;
  addressType: "IPv4" | "IPv6" | "FQDN";
  endpoints: { addresses: string[]; conditions: { ready?: boolean; serving?: boolean; terminating?: boolean } }[];
  ports: { name: string; protocol: "TCP" | "UDP" | "SCTP"; port?: number; appProtocol?: string }[];
}

/** `Endpoints`, which EndpointSlices replaced: read for a Service that has no EndpointSlice. */
export interface Endpoints {
  metadata: Metadata;
  subsets: {
    addresses: { ip: string }[];
    notReadyAddresses: { ip: string }[];
    ports: { name: string; protocol: "TCP" | "UDP" | "SCTP"; port: number }[];
  }[];
}

/** `ConfigMap`. */
export interface ConfigMap {
  metadata: Metadata;
  data?: Record<string, string>;
  binaryData?: Record<string, string>;
}

/** `Secret`. */
export interface Secret {
  metadata: Metadata;
  type: string;
  data?: Record<string, string>;
  stringData?: Record<string, string>;
}

/** `ClusterTrustBundle`; `trustBundle` is PEM. */
export interface ClusterTrustBundle {
  metadata: Metadata;
  spec: { trustBundle: string };
}

/** `Namespace`. */
export interface Namespace {
  metadata: Metadata;
}
