/**
 * Sends one exchange to a backend of the bundle: endpoint, connection, verdict, request. The only path by which a
 * request leaves the gateway; a connection under a policy exists for it only once its chain was verified.
 */
import { NO_SECRETS, type Secrets } from "../bundle/secrets.ts";
import type { BackendId, Bundle, BundleEndpoint } from "../bundle/types.ts";
import { Policies } from "./connect/policies.ts";
import { type BackendStats, codeOf, type OnBackendEvent } from "./events.ts";
import { dropBody, type ExchangeRequest } from "./exchange.ts";
import { type BackendFailure, transportFailure } from "./failure.ts";
import { requestFault } from "./framing.ts";
import type { Runtime } from "./runtime.ts";
import { DEFAULT_POOL_LIMITS, DEFAULT_TIMEOUTS, type PoolLimits, type Timeouts } from "./limits.ts";
import { Pool } from "./pool/pool.ts";
import { createRandom } from "./random.ts";
import { attempt } from "./send/attempt.ts";
import { BackendRegistry, type Lasting } from "./send/registry.ts";
import { Replay } from "./send/replay.ts";
import { backoffMs, isRepeatable, isWorthRetrying } from "./send/retries.ts";
import type { Sender, SendOptions, Sent } from "./send/sent.ts";

export interface Backends {
  /** Never rejects but for a bug of ours. */
  send(id: BackendId, request: ExchangeRequest, options?: SendOptions): Promise<Sent>;
  /**
   * The next generation: it has the engine, the tickets, and those connections that its bundle still has a use for. A
   * policy that changed or went takes its connections along; requests in flight finish. Throws a BundleError when
   * `secrets` lacks a key, and then nothing has changed.
   */
  succeed(bundle: Bundle, secrets: Secrets): Backends;
  stats(): BackendStats;
  /**
   * Closes what has been idle for too long, where the next request is not to be waited for: an idle socket keeps an
   * object awake. Answers how many it closed; `stats` has them until their sockets are.
   */
  sweep(): number;
  /** Closes idle connections; exchanges in flight finish. Nothing to do once there is a successor. */
  close(): void;
}

export interface BackendsOptions {
  readonly bundle: Bundle;
  readonly runtime: Runtime;
  /** Has the key of the certificate that the Gateway presents to backends; createBackends throws a BundleError without it. */
  readonly secrets?: Secrets;
  /** Those not given have their defaults. */
  readonly poolLimits?: Partial<PoolLimits>;
  /** Those not given have their defaults. */
  readonly timeouts?: Partial<Timeouts>;
  readonly onEvent?: OnBackendEvent;
}

export function createBackends(options: BackendsOptions): Backends {
  const { bundle, runtime, secrets = NO_SECRETS, poolLimits, timeouts, onEvent = null } = options;
  const random = createRandom(runtime.randomFill);
  const pool = new Pool({ ...DEFAULT_POOL_LIMITS, ...poolLimits }, runtime, random);
  const lasting: Lasting = { runtime, pool, random, endpoints: new Map() };
  const registry = new BackendRegistry(bundle, new Policies(bundle, secrets, runtime, null), lasting);
  return generation({ runtime, timeouts: { ...DEFAULT_TIMEOUTS, ...timeouts }, onEvent, lasting, registry });
}

function generation(sender: Sender): Backends {
  const { registry, lasting } = sender;
  let isSucceeded = false;
  return {
    send(id, request, options = NO_OPTIONS) {
      const sending = send(sender, id, request, options);
      sender.runtime.keep?.(sending);
      return sending;
    },
    succeed(bundle, secrets) {
      const next = registry.succeed(bundle, secrets);
      isSucceeded = true;
      return generation({ ...sender, registry: next });
    },
    stats: () => registry.stats(),
    sweep: () => lasting.pool.sweep(sender.runtime.monotonicMs()),
    close() {
      if (!isSucceeded) lasting.pool.close();
    },
  };
}

const NO_OPTIONS: SendOptions = { backendRequestMs: null, retry: null };
const NONE: ReadonlySet<BundleEndpoint> = new Set();

async function send(sender: Sender, id: BackendId, request: ExchangeRequest, options: SendOptions): Promise<Sent> {
  const { runtime, registry, lasting, onEvent } = sender;
  const state = registry.get(id);
  const { transport } = state.backend;
  if (transport.kind === "refused") {
    const detail = transport.policies.length === 0 ? "no policy" : `policy ${transport.policies.join(", ")}`;
    return notSent({ kind: "configuration", code: transport.code, detail });
  }
  const fault = requestFault(request);
  if (fault !== null) return notSent(transportFailure("bad-request", fault, "nothing"));

  const { retry, backendRequestMs } = options;
  const body = request.body === null ? null : new Replay(request.body);
  let tried = NONE;
  for (let retries = 0; ; retries++) {
    const first = state.endpoints.pick(runtime.monotonicMs(), tried);
    if (first === null) return notSent(transportFailure("no-endpoint", `${id} has no ready endpoint`, "nothing"));
    const next = retry !== null && retries < retry.attempts ? retry : null;
    const sent = await attempt(sender, state, first, request, { body, keepsBody: next !== null, backendRequestMs });
    if (sent.endpoint !== null) tried = new Set([...tried, sent.endpoint]);
    const hasOther = tried.size < state.endpoints.all.length;
    if (next === null || !isWorthRetrying(sent, next, hasOther) || !isRepeatable(sent, request, body)) {
      body?.finish();
      return sent;
    }
    const code = sent.kind === "response" ? sent.response.status : codeOf(sent.failure);
    onEvent?.({ backend: id, endpoint: sent.endpoint ?? first.address, kind: "retried", code });
    // Nobody reads what it has of a body; a small one has come whole already, and its connection stays.
    if (sent.kind === "response") await dropBody(sent.response.body);
    await pause(backoffMs(next, retries, lasting.random()), request.signal);
  }
}

const notSent = (failure: BackendFailure): Sent => ({ kind: "failed", failure, endpoint: null });

/** Ends early at the abort. */
function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener("abort", done);
  });
}
