/**
 * The door of backend/: how other rooms send a request to a backend of the bundle, and what a host has to bring. What is
 * not exported here is nobody else's business; scripts/rooms.ts holds that.
 */
export { type Backends, type BackendsOptions, createBackends } from "./backends.ts";
export { bodyFailureOf } from "./connect/failures.ts";
/** The engine's numbers and the names of their errors. */
export { CODES as ENGINE_CODES } from "./engine/abi.ts";
export { standaloneWitness } from "./engine/witness.ts";
export type { BackendEvent, BackendStats, OnBackendEvent } from "./events.ts";
export {
  dropBody,
  type ExchangeRequest,
  type ExchangeResponse,
  type HeaderList,
  isIdempotent,
  type RequestClient,
} from "./exchange.ts";
export { type BackendFailure, type TransportCode, transportFailure } from "./failure.ts";
export { type ByteStream, type Dial, DialError, type Runtime, type RuntimeAead } from "./runtime.ts";
export { DEFAULT_POOL_LIMITS, NO_REUSE, type PoolLimits } from "./limits.ts";
export type { ConnectionFacts, Sent } from "./send/sent.ts";
export { afterMicrotasks } from "./soon.ts";
