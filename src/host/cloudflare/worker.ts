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
import { connectionsOf, POOL_ROOM_MS, type PoolEnv, PoolHop } from "./pool.ts";
import { Serving } from "./serving.ts";
import { type SourceEnv, sourceOf } from "./source.ts";

export interface Env extends PoolEnv, SourceEnv {
  /**
   * The listener's port that this deployment stands for; without it 80 for http and 443 for https. A worker cannot see
   * the port it was reached on, and a client could write any into Host.
   */
  readonly LASTHOP_LISTENER_PORT?: string;
  /**
   * `platform`: clients' TLS ends before the worker, with certificates of the platform, whatever the listeners name.
   * Without it HTTPS listeners are refused.
   */
  readonly LASTHOP_FRONT_TLS?: string;
  /** `keep`: see docs/operations.md. */
  readonly LASTHOP_ENCODED_SLASHES?: string;
}

export interface LasthopWorker {
  readonly worker: ExportedHandler<Env>;
  /**
   * In workerd a socket belongs to the request that opened it, but a Durable Object's outlive its requests: one near
   * the client holds the pool. The entry exports this class.
   */
  readonly Pool: new (state: DurableObjectState, env: Env) => DurableObject<Env>;
  /** Of this isolate's own connections, those of no object; null before the first. For tests. */
  readonly stats: () => BackendStats | null;
}

/** Between two looks for connections that have been idle for too long. */
const SWEEP_MS: number = DEFAULT_POOL_LIMITS.idleMs + 1_000;

/** `embedded`: the text of the bundle, where none is published (`LASTHOP_BUNDLES`). */
export function createWorker(embedded: string): LasthopWorker {
  // Made by the first request that needs it: nothing is done before, so that a cold start pays for what it serves.
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

      /** An open socket keeps an object in memory, and its duration on the bill, after its last request. */
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

/** The same in the worker and in its object, which gets the client's request as it came. */
function frontOf(request: Request, env: Env): Front {
  const scheme = request.url.startsWith("https:") ? "https" : "http";
  return {
    clientAddress: request.headers.get("cf-connecting-ip"),
    scheme,
    port: Number(env.LASTHOP_LISTENER_PORT ?? (scheme === "https" ? 443 : 80)),
    sni: null,
  };
}
