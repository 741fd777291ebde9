/** Names that stand in objects: API groups, labels, and lasthop's controllerName. */

/** `GatewayClassSpec.controllerName` of the classes that lasthop serves. */
export const CONTROLLER_NAME = "lasthop.dev/gateway-controller";
/** API group of the Gateway API. */
export const GATEWAY_GROUP = "gateway.networking.k8s.io";
/** API group of the Gateway API's experiments: its XListenerSet became ListenerSet. */
export const EXPERIMENTAL_GROUP = "gateway.networking.x-k8s.io";
/** Label of an EndpointSlice that names its Service. */
export const SERVICE_LABEL = "kubernetes.io/service-name";
/** Label of Endpoints objects; with the value "true", Kubernetes makes no EndpointSlices of them. */
export const SKIP_MIRROR_LABEL = "endpointslice.kubernetes.io/skip-mirror";
