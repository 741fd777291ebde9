/** What attempts and dials say of an endpoint: its record decides about further requests, and events report changes of it. */
import { codeOf } from "../events.ts";
import type { BackendFailure } from "../failure.ts";
import type { Endpoint } from "./endpoints.ts";
import type { Conclusion, DialOutcome } from "./refused-peer.ts";
import type { BackendContext, BackendState } from "./backend-registry.ts";

/** Puts a failure on the endpoint's record, which may eject it. */
export function recordFailure(
  { runtime, random, onEvent }: BackendContext,
  { id: backend }: BackendState,
  endpoint: Endpoint,
  failure: BackendFailure,
): void {
  const durationMs = endpoint.failed(failure, runtime.monotonicMs(), random());
  if (durationMs === 0) return;
  onEvent?.({ backend, endpoint: endpoint.address, kind: "ejected", code: codeOf(failure), durationMs });
}

/** Puts a response on the endpoint's record, which may end an ejection. */
export function recordResponse({ onEvent }: BackendContext, { id: backend }: BackendState, endpoint: Endpoint): void {
  if (endpoint.succeeded()) onEvent?.({ backend, endpoint: endpoint.address, kind: "recovered" });
}

/** Reports that the endpoint is left out because of what its handshake showed, or is no longer. */
export function reportConclusion(
  { onEvent }: BackendContext,
  { id: backend }: BackendState,
  { address: endpoint }: Endpoint,
  { outcome, conclusion }: { readonly outcome: DialOutcome; readonly conclusion: Conclusion },
): void {
  if (conclusion.kind === "recovered") onEvent?.({ backend, endpoint, kind: "recovered" });
  if (conclusion.kind !== "left-out" || outcome.kind !== "refused") return;
  onEvent?.({ backend, endpoint, kind: "ejected", code: codeOf(outcome.failure), durationMs: conclusion.durationMs });
}
