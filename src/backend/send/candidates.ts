/** The endpoints that a request without a connection may dial, and the dial of one of them. */
import { abandonedBy, connect, type Connected } from "../connect/connect.ts";
import { codeOf } from "../events.ts";
import type { DialCandidate } from "./acquire.ts";
import type { Endpoint } from "./endpoints.ts";
import { recordFailure, reportConclusion } from "./endpoint-record.ts";
import type { DialOutcome } from "./refused-peer.ts";
import type { BackendRegistry, BackendState } from "./backend-registry.ts";

/** The endpoints to dial in order, `first` first. `upgrade` is the protocol that the request asks to change to. */
export function dialCandidates(
  registry: BackendRegistry,
  state: BackendState,
  first: Endpoint,
  upgrade: string | null,
): readonly DialCandidate[] {
  const { runtime, timeouts } = registry.context;
  return state.endpoints.inOrder(first, runtime.monotonicMs()).map((endpoint) => ({
    endpoint,
    keyedPool: endpoint.poolFor(upgrade),
    connectMs: timeouts.connectMs,
    open(signal, onAccepted) {
      const opening = dial(registry, state, endpoint, { upgrade, signal, onAccepted });
      runtime.keep?.(opening);
      return opening;
    },
  }));
}

interface DialOptions {
  readonly upgrade: string | null;
  readonly signal: AbortSignal;
  readonly onAccepted: () => void;
}

/** Dials one endpoint, unless its peer was refused lately, and puts the outcome on its record. */
async function dial(
  { context, policies }: BackendRegistry,
  state: BackendState,
  endpoint: Endpoint,
  { upgrade, signal, onAccepted }: DialOptions,
): Promise<Connected> {
  const { runtime, random, onEvent } = context;
  const permit = await endpoint.refusedPeer.permit(runtime.monotonicMs, signal);
  if (permit.kind === "aborted") return { kind: "failed", failure: abandonedBy(signal.reason), leavesOut: false };
  if (permit.kind === "refused") return { kind: "failed", failure: permit.failure, leavesOut: true };
  const startMs = runtime.monotonicMs();
  let outcome: DialOutcome = { kind: "unknown" };
  let connected: Connected;
  try {
    connected = await connect({
      backend: state.backend,
      endpoint: endpoint.address,
      protocols: endpoint.poolFor(upgrade) === endpoint.keyedPool ? "any" : "http/1.1",
      policies,
      runtime,
      signal,
      onAccepted,
    });
    if (connected.kind === "open") outcome = { kind: "verified" };
    else if (connected.leavesOut) outcome = { kind: "refused", failure: connected.failure };
  } finally {
    reportConclusion(context, state, endpoint, { outcome, conclusion: permit.conclude(outcome, random()) });
  }
  const event = { backend: state.id, endpoint: endpoint.address };
  if (connected.kind === "open") {
    const { protocol, security, closed } = connected.connection;
    runtime.keep?.(closed);
    const durationMs = runtime.monotonicMs() - startMs;
    const resumed = security.kind === "tls" ? security.resumed : null;
    onEvent?.({ ...event, kind: "connected", protocol, resumed, durationMs });
  } else if (codeOf(connected.failure) !== "client-gone") {
    onEvent?.({ ...event, kind: "connect-failed", code: codeOf(connected.failure) });
    // A peer that was refused is left out already.
    if (outcome.kind !== "refused") recordFailure(context, state, endpoint, connected.failure);
  }
  return connected;
}
