/** The worker: a bundle, embedded by the deployment or published to KV, behind a fetch handler. */
import { DurableObject } from "cloudflare:workers";
import {
  type BackendStats,
  DEFAULT_POOL_LIMITS,
  type Runtime,
  NO_REUSE,
  type PoolLimits,
} from "../../backend/index.ts";
import type { Capability } from "../../bundle/types.ts";
import type { Front } from "../../gateway/index.ts";
import { cloudflareRuntime, invocationRuntime } from "./runtime.ts";
import { connectionsOf, POOL_ROOM_MS, type PoolEnv, PoolHop } from "./pool-hop.ts";
import { Serving } from "./serving.ts";
import { type SourceEnv, sourceOf } from "./source.ts";

/** The variables and bindings of a deployment (wrangler.toml). */
export interface Env extends PoolEnv, SourceEnv {
  /**
   * The port of the listener that this deployment serves; 80 for http and 443 for https by default. A worker cannot see
   * the port that a client has connected to, and a client could write any port into Host.
   */
  readonly LASTHOP_LISTENER_PORT?: string;
  /**
   * `platform` accepts that the platform terminates clients' TLS before the worker, with certificates of its own instead of
   * the listeners'. Without it HTTPS listeners are refused.
   */
  readonly LASTHOP_FRONT_TLS?: string;
  /** `keep` accepts `%2F` in paths (docs/operations.md). */
  readonly LASTHOP_ENCODED_SLASHES?: string;
}

/** A worker: its fetch handler, and the class of its Durable Object. */
export interface LasthopWorker {
  readonly worker: ExportedHandler<Env>;
  /**
   * The Durable Object that holds the pool. In workerd a socket ends with the request that opened it, but the sockets of
   * an object outlive its requests. The entry module exports this class.
   */
  readonly Pool: new (state: DurableObjectState, env: Env) => DurableObject<Env>;
  /** The connections of this isolate outside of objects; null before the first. For tests. */
  readonly stats: () => BackendStats | null;
}

/** The interval of looks for connections that have been idle for too long. */
const SWEEP_MS: number = DEFAULT_POOL_LIMITS.idleMs + 1_000;

/** A worker that serves `embedded`, the text of a bundle, or the bundles in `LASTHOP_BUNDLES` where that is bound. */
export function createWorker(embedded: string): LasthopWorker {
  // Made by the first request that needs it, so that a cold start does no work for requests that go to the object.
  let direct: Serving | null = null;
  const hop = new PoolHop();
  return {
    stats: () => direct?.stats() ?? null,
    worker: {
      async fetch(request, env, context) {
        const background = (work: Promise<void>): void => context.waitUntil(work);
        const pooled = await hop.ask(env, request, background);
        if (pooled.kind === "answered") return pooled.response;
        direct ??= servingOf(env, embedded, invocationRuntime, () => NO_REUSE);
        return direct.fetch(pooled.request, frontOf(pooled.request, env), background);
      },
    },
    Pool: class Pool extends DurableObject<Env> {
      readonly #serving = servingOf(this.env, embedded, cloudflareRuntime, () => ({
        connections: connectionsOf(this.env),
        roomMs: POOL_ROOM_MS,
      }));
      #isSweeping = false;

      override fetch(request: Request): Promise<Response> {
        this.#sweepLater();
        const front = { ...frontOf(request, this.env), handsOver: true } as const;
        return this.#serving.fetch(request, front, (work) => this.ctx.waitUntil(work));
      }

      /** Closes idle connections some time after the last request: an open socket keeps an object in memory, and billed. */
      #sweepLater(): void {
        if (this.#isSweeping) return;
        this.#isSweeping = true;
        setTimeout(() => {
          this.#isSweeping = false;
          if (this.#serving.sweep() > 0) this.#sweepLater();
        }, SWEEP_MS);
      }
    },
  };
}

function servingOf(env: Env, embedded: string, runtime: Runtime, poolLimits: () => Partial<PoolLimits>): Serving {
  const capabilities: Capability[] = ["client-certificates", "websocket"];
  if (env.LASTHOP_FRONT_TLS === "platform") capabilities.push("listener-certificates");
  return new Serving({
    source: sourceOf(env, embedded),
    runtime,
    poolLimits,
    capabilities,
    encodedSlashes: env.LASTHOP_ENCODED_SLASHES === "keep" ? "keep" : "refuse",
  });
}

/** The client's side of a request, equal in the worker and in its object, because the object gets the request unchanged. */
function frontOf(request: Request, env: Env): Front {
  const scheme = request.url.startsWith("https:") ? "https" : "http";
  return {
    clientAddress: request.headers.get("cf-connecting-ip"),
    scheme,
    port: Number(env.LASTHOP_LISTENER_PORT ?? (scheme === "https" ? 443 : 80)),
    sni: null,
  };
}
