/**
 * The door of gateway/: how a host has its requests answered, and how failures look to clients and in the access log.
 * Other rooms import from here alone; scripts/rooms.ts holds that.
 *
 * `createGateway(options).handle(request, front)` answers one request of a client. `failureResponse(requestFailure(code,
 * detail))` is the response to a client whose request no gateway has seen.
 */
export type { AccessLog, AccessRecord } from "./access-log.ts";
export { type Failure, failureOf, failureResponse, internalFailure, requestFailure } from "./failures.ts";
export type { Background, Front } from "./front.ts";
export { createGateway, type Gateway, type GatewayOptions, HANDED_OVER, type RefusedRequest } from "./gateway.ts";
export type { EncodedSlashes } from "./match/request.ts";
export { candidateHostnames } from "./match/router.ts";
