/** Names that are part of the API: ours, and the Gateway API's. */

/** `GatewayClassSpec.controllerName` of classes that are ours. */
export const CONTROLLER_NAME = "lasthop.dev/gateway-controller";
export const GATEWAY_GROUP = "gateway.networking.k8s.io";
