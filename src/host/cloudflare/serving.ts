/** What a worker or its object serves: the newest release that loads, each the successor of the one before. */
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
import type { Release, Source } from "./source.ts";
import { openingWebSockets } from "./websocket.ts";

export interface ServingOptions {
  readonly source: Source;
  readonly runtime: Runtime;
  /** Throws a BundleError when the deployment asks for what cannot be; then nothing is served. */
  readonly poolLimits: () => Partial<PoolLimits>;
  /** What this deployment can do; a bundle that needs more is refused. */
  readonly capabilities: readonly Capability[];
  readonly encodedSlashes?: EncodedSlashes;
}

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

export class Serving {
  readonly #options: ServingOptions;
  #state: State = { kind: "cold" };
  /** When to look for another release. */
  #againMs = 0;

  constructor(options: ServingOptions) {
    this.#options = options;
  }

  async fetch(request: Request, front: Front, background: Background): Promise<Response> {
    const isServing = this.#state.kind === "serving";
    if (this.#state.kind === "cold" || this.#options.runtime.monotonicMs() >= this.#againMs) {
      this.#againMs = this.#options.runtime.monotonicMs() + this.#options.source.holdsMs;
      const followed = this.#follow();
      // Who serves goes on meanwhile; who does not has nothing else to do.
      if (isServing) background(followed);
      else await followed;
    }
    const state = this.#state;
    if (state.kind === "serving") return state.generation.answer(request, front, background);
    const detail = state.kind === "refused" ? state.detail : "nothing is loaded";
    return respond(failureResponse(requestFailure("bundle-refused", detail)), request, background);
  }

  /** Null while nothing is loaded. */
  stats(): BackendStats | null {
    return this.#serving()?.backends.stats() ?? null;
  }

  /** Closes connections that nobody has used for a while; answers how many stay open. */
  sweep(): number {
    const backends = this.#serving()?.backends;
    const closed = backends?.sweep() ?? 0;
    return (backends?.stats().open ?? 0) - closed;
  }

  /** A host that serves keeps what it has until the next release loads; one that does not takes the first that does. */
  async #follow(): Promise<void> {
    const before = this.#serving();
    try {
      const [current, ...others] = await this.#options.source.candidates();
      if (current === undefined) return this.#refuse("no bundle is published for this Gateway");
      if (current.id === before?.id) return;
      for (const candidate of before === null ? [current, ...others] : [current]) {
        if (await this.#load(candidate.id, () => candidate.read())) return;
      }
    } catch (error) {
      this.#keep(error);
    }
  }

  async #load(id: string, read: () => Promise<Release>): Promise<boolean> {
    try {
      const release = await read();
      const before = this.#serving();
      // Another request was faster.
      if (before?.id !== id)
        this.#state = { kind: "serving", generation: generationOf(id, release, before, this.#options) };
      return true;
    } catch (error) {
      this.#keep(error);
      return false;
    }
  }

  #serving(): Generation | null {
    return this.#state.kind === "serving" ? this.#state.generation : null;
  }

  /** A release that does not load: said, and nothing is served in part. */
  #keep(error: unknown): void {
    const detail = error instanceof Error ? error.message : String(error);
    // KV itself may fail for a while; a bug of ours looks the same to clients, and is in the log.
    if (!(error instanceof BundleError)) this.#againMs = this.#options.runtime.monotonicMs() + RETRY_MS;
    console.error(JSON.stringify({ code: "bundle-refused", detail }));
    if (this.#state.kind !== "serving") this.#state = { kind: "refused", detail };
  }

  #refuse(detail: string): void {
    console.error(JSON.stringify({ code: "bundle-refused", detail }));
    this.#serving()?.backends.close();
    this.#state = { kind: "refused", detail };
  }
}

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
  // A reused connection stands in the access record.
  const onEvent = (event: BackendEvent): void => {
    if (event.kind !== "reused") log(event);
  };
  const backends =
    before?.backends.succeed(bundle, secrets) ??
    createBackends({ bundle, secrets, runtime, poolLimits: poolLimits(), onEvent });
  const gateway = createGateway({
    bundle,
    backends: { ...backends, send: openingWebSockets((...asked) => backends.send(...asked)) },
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
