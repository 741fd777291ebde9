/**
 * What backend/ exports: sending a request to a backend of the bundle, and what a host must provide for it. Other rooms
 * import this file alone, which scripts/rooms.ts checks.
 */
export { type Backends, type BackendsOptions, createBackends, type RequestSender } from "./backends.ts";
export { bodyFailureOf } from "./connect/failures.ts";
/** The numbers of the engine's errors, by name. */
export { CODES as ENGINE_CODES } from "./engine/abi.ts";
export type { ClientHandler, ClientProtocol, ClientSocket, RefusedBytes } from "./engine/served-client.ts";
export type { ServedConnection } from "./engine/served-connection.ts";
export type { ServedHead } from "./engine/served-head.ts";
export type { ServedRequest } from "./engine/served-request.ts";
export { serveClient } from "./serve-client.ts";
export { standaloneWitness } from "./engine/witness.ts";
export type { BackendEvent, BackendStats, OnBackendEvent } from "./events.ts";
export {
  type ConnectionFacts,
  dropBody,
  type ExchangeRequest,
  type ExchangeResponse,
  type HeaderList,
  isIdempotent,
  type RequestClient,
  type Sent,
} from "./exchange.ts";
export { type BackendFailure, type TransportCode, transportFailure } from "./failure.ts";
export { RequestAbort, type RequestSignal } from "./request-signal.ts";
export { type ByteStream, type Dial, DialError, type Runtime, type RuntimeAead } from "./runtime.ts";
export { DEFAULT_POOL_LIMITS, NO_REUSE, type PoolLimits } from "./limits.ts";
export { afterMicrotasks } from "./after-microtasks.ts";
