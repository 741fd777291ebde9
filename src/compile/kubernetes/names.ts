/** Names that are part of the API: ours, and the Gateway API's. */

/** `GatewayClassSpec.controllerName` of classes that are ours. */
export const CONTROLLER_NAME = "lasthop.dev/gateway-controller";
export const GATEWAY_GROUP = "gateway.networking.k8s.io";
/** Of kinds that were tried out under other names: XListenerSet became ListenerSet. */
export const EXPERIMENTAL_GROUP = "gateway.networking.x-k8s.io";
/** The Service that an EndpointSlice belongs to. */
export const SERVICE_LABEL = "kubernetes.io/service-name";
/** "true" on Endpoints: no EndpointSlices are made of them. */
export const SKIP_MIRROR_LABEL = "endpointslice.kubernetes.io/skip-mirror";
