/**
 * Sends one exchange to a backend of the bundle: endpoint, connection, verdict, request. This is the only way on which a
 * request leaves the gateway; under a policy there is no connection for it before the presented chain was verified.
 */
import { NO_SECRETS, type Secrets } from "../bundle/secrets.ts";
import type { BackendId, Bundle, BundleEndpoint } from "../bundle/types.ts";
import { Policies } from "./connect/policies.ts";
import type { Instance } from "./engine/instance.ts";
import { type BackendStats, codeOf, type OnBackendEvent } from "./events.ts";
import { dropBody, type ExchangeRequest, type Sent, type SendOptions } from "./exchange.ts";
import { type BackendFailure, transportFailure } from "./failure.ts";
import { requestFault } from "./framing.ts";
import { DEFAULT_POOL_LIMITS, DEFAULT_TIMEOUTS, type PoolLimits, type Timeouts } from "./limits.ts";
import { Pool } from "./pool/pool.ts";
import { createRandom } from "./random.ts";
import type { RequestSignal } from "./request-signal.ts";
import { keepInvocation, type Runtime } from "./runtime.ts";
import { attempt } from "./send/attempt.ts";
import { BackendRegistry } from "./send/backend-registry.ts";
import { Replay } from "./send/replay.ts";
import { backoffMs, isRepeatable, isWorthRetrying } from "./send/retries.ts";

/** What {@link createBackends} needs. */
export interface BackendsOptions {
  readonly bundle: Bundle;
  readonly runtime: Runtime;
  /** The key of the certificate that the Gateway presents to backends; without it createBackends throws a BundleError. */
  readonly secrets?: Secrets;
  /** Limits that differ from the defaults. */
  readonly poolLimits?: Partial<PoolLimits>;
  /** Timeouts that differ from the defaults. */
  readonly timeouts?: Partial<Timeouts>;
  readonly onEvent?: OnBackendEvent;
}

/** The backends of a first bundle; {@link Backends.succeed} makes those of the next. */
export function createBackends(options: BackendsOptions): Backends {
  const { bundle, runtime, secrets = NO_SECRETS, poolLimits, timeouts, onEvent = null } = options;
  const random = createRandom(runtime.randomFill);
  const registry = new BackendRegistry(bundle, new Policies(bundle, secrets, runtime, null), {
    runtime,
    pool: new Pool({ ...DEFAULT_POOL_LIMITS, ...poolLimits }, runtime, random),
    random,
    timeouts: { ...DEFAULT_TIMEOUTS, ...timeouts },
    onEvent,
    endpoints: new Map(),
  });
  return new Backends(registry);
}

const NO_OPTIONS: SendOptions = { backendRequestMs: null, retry: null };
const NONE: ReadonlySet<BundleEndpoint> = new Set();

/** The backends of one bundle. Those of the next bundle take over its connections. */
export class Backends {
  readonly #registry: BackendRegistry;
  #isSucceeded = false;

  constructor(registry: BackendRegistry) {
    this.#registry = registry;
  }

  /** Sends a request, and sends it again as its route asks. Rejects only for a bug of ours: a failure is an outcome. */
  async send(id: BackendId, request: ExchangeRequest, options: SendOptions = NO_OPTIONS): Promise<Sent> {
    const registry = this.#registry;
    const { runtime, random, onEvent } = registry.context;
    const releaseInvocation = keepInvocation(runtime);
    try {
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
        const keepsBody = next !== null;
        const sent = await attempt(registry, state, first, { request, body, keepsBody, backendRequestMs });
        if (sent.endpoint !== null) tried = new Set([...tried, sent.endpoint]);
        const hasOther = tried.size < state.endpoints.all.length;
        if (next === null || !isWorthRetrying(sent, next, hasOther) || !isRepeatable(sent, request, body)) {
          body?.finish();
          return sent;
        }
        const code = sent.kind === "response" ? sent.response.status : codeOf(sent.failure);
        onEvent?.({ backend: id, endpoint: sent.endpoint ?? first.address, kind: "retried", code });
        // A body that came whole with its head leaves the connection in the pool; a longer one is cancelled.
        if (sent.kind === "response") await dropBody(sent.response.body);
        await pause(backoffMs(next, retries, random()), request.signal);
      }
    } finally {
      releaseInvocation?.();
    }
  }

  /**
   * The backends of the next bundle. They take over the engine, the session tickets, and each connection that the next
   * bundle still has a use for: a connection of a policy that changed or went is closed. Requests in flight finish. Throws
   * a BundleError when `secrets` lacks a key, and then nothing has changed.
   */
  succeed(bundle: Bundle, secrets: Secrets): Backends {
    const next = this.#registry.succeed(bundle, secrets);
    this.#isSucceeded = true;
    return new Backends(next);
  }

  /** An instance of the module with room for a connection. */
  instance(): Instance {
    return this.#registry.policies.instance();
  }

  /** Gauges of all backends. */
  stats(): BackendStats {
    return this.#registry.stats();
  }

  /**
   * Closes connections that have been idle for too long; answers how many. The next request does the same, but where none
   * may come, an idle socket keeps a Durable Object awake. `stats` counts a connection until its socket is closed.
   */
  sweep(): number {
    const { pool, runtime } = this.#registry.context;
    return pool.sweep(runtime.monotonicMs());
  }

  /** Closes idle connections; exchanges in flight finish. Does nothing when other backends have taken them over. */
  close(): void {
    if (!this.#isSucceeded) this.#registry.context.pool.close();
  }
}

/** What sends a request: all that most callers need of {@link Backends}. */
export type RequestSender = Pick<Backends, "send">;

const notSent = (failure: BackendFailure): Sent => ({ kind: "failed", failure, endpoint: null });

/** Resolves after `ms`, or when the signal aborts. */
function pause(ms: number, signal: RequestSignal): Promise<void> {
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
