/** The releases that a worker or its Durable Object serves, one after the other: always the newest that loads. */
import {
  type BackendEvent,
  type Backends,
  type BackendStats,
  createBackends,
  type Runtime,
  type PoolLimits,
} from "../../backend/index.ts";
import { demandCapabilities } from "../../bundle/capabilities.ts";
import { BundleError, decodeBundle } from "../../bundle/codec.ts";
import { decodeSecrets, NO_SECRETS } from "../../bundle/secrets.ts";
import type { Bundle, Capability } from "../../bundle/types.ts";
import {
  type Background,
  createGateway,
  type EncodedSlashes,
  failureResponse,
  type Front,
  type Gateway,
  requestFailure,
} from "../../gateway/index.ts";
import { createApp } from "./app.ts";
import { fromWorkerd } from "./fields.ts";
import { respond } from "./respond.ts";
import type { Candidate, Release, Source } from "./source.ts";
import { openingWebSockets } from "./websocket.ts";

/** What releases are loaded from and served with. */
interface ServingOptions {
  readonly source: Source;
  readonly runtime: Runtime;
  /** Throws a BundleError when the deployment's settings are malformed; then nothing is served. */
  readonly poolLimits: () => Partial<PoolLimits>;
  /** The capabilities of this deployment; a bundle that needs more is refused. */
  readonly capabilities: readonly Capability[];
  readonly encodedSlashes?: EncodedSlashes;
}

/** What was made of one release. */
interface Generation {
  readonly id: string;
  readonly bundle: Bundle;
  readonly gateway: Gateway;
  readonly backends: Backends;
  readonly answer: (request: Request, front: Front, background: Background) => Response | Promise<Response>;
}

type State =
  | { readonly kind: "cold" }
  | { readonly kind: "serving"; readonly generation: Generation }
  | { readonly kind: "refused"; readonly detail: string };

/** The releases of one worker or Durable Object. Nothing is loaded before the first request. */
export class Serving {
  readonly #options: ServingOptions;
  #state: State = { kind: "cold" };
  /** The time at which to look for another release. */
  #nextLookMs = 0;

  constructor(options: ServingOptions) {
    this.#options = options;
  }

  async fetch(request: Request, front: Front, background: Background): Promise<Response> {
    const isServing = this.#state.kind === "serving";
    if (this.#state.kind === "cold" || this.#options.runtime.monotonicMs() >= this.#nextLookMs) {
      this.#nextLookMs = this.#options.runtime.monotonicMs() + this.#options.source.holdsMs;
      const followed = this.#follow();
      // A worker that already serves a release answers while the next one loads; any other has to wait for it.
      if (isServing) background(followed);
      else await followed;
    }
    const state = this.#state;
    if (state.kind === "serving") return state.generation.answer(request, front, background);
    const detail = state.kind === "refused" ? state.detail : "nothing is loaded";
    return respond(failureResponse(requestFailure("bundle-refused", detail)), request, background);
  }

  /** The connections of the release that is served; null while none is. */
  stats(): BackendStats | null {
    return this.#serving()?.backends.stats() ?? null;
  }

  /** Closes connections that have been idle for too long; returns how many stay open. */
  sweep(): number {
    const backends = this.#serving()?.backends;
    const closed = backends?.sweep() ?? 0;
    return (backends?.stats().open ?? 0) - closed;
  }

  /** Loads the newest release. While none is served yet, older ones are tried after it. */
  async #follow(): Promise<void> {
    const before = this.#serving();
    try {
      const [current, ...others] = await this.#options.source.candidates();
      if (current === undefined) return this.#refuse("no bundle is published for this Gateway");
      if (current.id === before?.id) return;
      for (const candidate of before === null ? [current, ...others] : [current]) {
        if (await this.#load(candidate)) return;
      }
    } catch (error) {
      this.#keepCurrent(error);
    }
  }

  async #load({ id, read }: Candidate): Promise<boolean> {
    try {
      const release = await read();
      const before = this.#serving();
      // Another request may have loaded the same release meanwhile.
      if (before?.id !== id)
        this.#state = { kind: "serving", generation: generationOf(id, release, before, this.#options) };
      return true;
    } catch (error) {
      this.#keepCurrent(error);
      return false;
    }
  }

  #serving(): Generation | null {
    return this.#state.kind === "serving" ? this.#state.generation : null;
  }

  /** Logs why a release does not load, and keeps the release that is served; without one, requests get the refusal. */
  #keepCurrent(error: unknown): void {
    const detail = error instanceof Error ? error.message : String(error);
    // An error that is no BundleError is KV's, which may pass soon, or a bug of ours; it is in the log either way.
    if (!(error instanceof BundleError)) this.#nextLookMs = this.#options.runtime.monotonicMs() + RETRY_MS;
    console.error(JSON.stringify({ code: "bundle-refused", detail }));
    if (this.#state.kind !== "serving") this.#state = { kind: "refused", detail };
  }

  #refuse(detail: string): void {
    console.error(JSON.stringify({ code: "bundle-refused", detail }));
    this.#serving()?.backends.close();
    this.#state = { kind: "refused", detail };
  }
}

/** The time after which a look for a release is repeated when it failed. */
const RETRY_MS = 1_000;

function generationOf(
  id: string,
  release: Release,
  before: Generation | null,
  { runtime, poolLimits, capabilities, encodedSlashes }: ServingOptions,
): Generation {
  const bundle = decodeBundle(release.bundle, runtime.sha256, before?.bundle);
  demandCapabilities(bundle, capabilities);
  const secrets = release.secrets === null ? NO_SECRETS : decodeSecrets(release.secrets);
  const log = (record: object): void => console.log(JSON.stringify(record));
  // A reused connection is in the access record, so it has no line of its own.
  const onEvent = (event: BackendEvent): void => {
    if (event.kind !== "reused") log(event);
  };
  const backends =
    before?.backends.succeed(bundle, secrets) ??
    createBackends({ bundle, secrets, runtime, poolLimits: poolLimits(), onEvent });
  const gateway = createGateway({
    bundle,
    backends: { send: openingWebSockets((...asked) => backends.send(...asked)) },
    log,
    capabilities,
    monotonicMs: runtime.monotonicMs,
    random: Math.random,
    previous: before?.gateway,
    encodedSlashes,
  });
  const app = createApp(gateway);
  return {
    id,
    bundle,
    gateway,
    backends,
    answer: (request, front, background) =>
      app.fetch(request, {
        front,
        background,
        latin1: fromWorkerd,
        respond: (response, to) => respond(response, to, background),
      }),
  };
}
