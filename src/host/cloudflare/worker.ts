/** The worker: one bundle, embedded or handed over by the deployment, behind a fetch handler. */
import { DurableObject } from "cloudflare:workers";
import { createBackends } from "../../backend/backends.ts";
import { NO_REUSE, type PoolLimits } from "../../backend/pool.ts";
import { demandCapabilities } from "../../bundle/capabilities.ts";
import { BundleError, decodeBundle } from "../../bundle/codec.ts";
import type { Capability } from "../../bundle/types.ts";
import type { AccessRecord } from "../../gateway/access-log.ts";
import { createApp } from "../../gateway/app.ts";
import { failureResponse, requestFailure } from "../../gateway/failures.ts";
import { createGateway } from "../../gateway/gateway.ts";
import type { Front } from "../../gateway/headers.ts";
import { fromWorkerd } from "./fields.ts";
import { cloudflareHost } from "./host.ts";
import { askPool, frontOfPooled } from "./pool.ts";
import { respond } from "./respond.ts";

export interface Env {
  /**
   * The listener's port that this deployment stands for; without it 80 for http and 443 for https. A worker cannot see
   * the port it was reached on, and a client could write any into Host.
   */
  readonly LASTHOP_LISTENER_PORT?: string;
  /** The object that keeps backend connections; without it each request has one of its own. */
  readonly LASTHOP_POOL?: DurableObjectNamespace;
}

export interface LasthopWorker {
  readonly worker: ExportedHandler<Env>;
  /**
   * In workerd a socket belongs to the request that opened it, but a Durable Object's outlive its requests: one near
   * the client holds the pool. The entry exports this class.
   */
  readonly Pool: new (state: DurableObjectState, env: Env) => DurableObject<Env>;
}

/** What workerd cannot do yet, and so refuses (docs/architecture.md lists what each host carries). */
const CAPABILITIES: readonly Capability[] = [];
/** Idle HTTP/1.1 connections of an object to one endpoint: Cloudflare counts open ones, so few. */
const OBJECT_POOL: PoolLimits = { idlePerKey: 4, idleMs: 30_000 };

type Serve = (request: Request, front: Front) => Response | Promise<Response>;

export function createWorker(bundleText: string): LasthopWorker {
  // Made by the first request: nothing is done before, so that a cold start pays for what it serves.
  let direct: Serve | null = null;
  return {
    worker: {
      async fetch(request, env) {
        direct ??= load(bundleText, NO_REUSE);
        const front = frontOf(request, env);
        const pooled = env.LASTHOP_POOL === undefined ? null : await askPool(env.LASTHOP_POOL, request, front);
        return pooled ?? direct(request, front);
      },
    },
    Pool: class Pool extends DurableObject<Env> {
      readonly #serve = load(bundleText, OBJECT_POOL);

      override async fetch(request: Request): Promise<Response> {
        const { front, headers } = frontOfPooled(request);
        return this.#serve(new Request(request, { headers }), front);
      }
    },
  };
}

/** Answers requests by the bundle; one that is refused answers every request so: fails closed, never serves a part. */
function load(text: string, poolLimits: PoolLimits): Serve {
  try {
    const bundle = decodeBundle(text, cloudflareHost.sha256);
    demandCapabilities(bundle, CAPABILITIES);
    const gateway = createGateway({
      bundle,
      backends: createBackends({ bundle, host: cloudflareHost, poolLimits }),
      log: (record: AccessRecord) => console.log(JSON.stringify(record)),
      monotonicMs: cloudflareHost.monotonicMs,
      random: Math.random,
    });
    const app = createApp(gateway);
    return (request, front) => app.fetch(request, { front, latin1: fromWorkerd, respond });
  } catch (error) {
    if (!(error instanceof BundleError)) throw error;
    const { message } = error;
    console.error(JSON.stringify({ code: "bundle-refused", detail: message }));
    return (request) => respond(failureResponse(requestFailure("bundle-refused", message)), request);
  }
}

function frontOf(request: Request, env: Env): Front {
  const scheme = request.url.startsWith("https:") ? "https" : "http";
  return {
    clientAddress: request.headers.get("cf-connecting-ip"),
    scheme,
    port: Number(env.LASTHOP_LISTENER_PORT ?? (scheme === "https" ? 443 : 80)),
    sni: null,
  };
}
