/** The worker: one bundle, embedded or handed over by the deployment, behind a fetch handler. */
import { createBackends } from "../../backend/backends.ts";
import { NO_REUSE } from "../../backend/pool.ts";
import { demandCapabilities } from "../../bundle/capabilities.ts";
import { BundleError, decodeBundle } from "../../bundle/codec.ts";
import type { Bundle, Capability } from "../../bundle/types.ts";
import type { AccessRecord } from "../../gateway/access-log.ts";
import { createApp } from "../../gateway/app.ts";
import { failureResponse, requestFailure } from "../../gateway/failures.ts";
import { createGateway } from "../../gateway/gateway.ts";
import type { Front } from "../../gateway/headers.ts";
import { fromWorkerd } from "./fields.ts";
import { cloudflareHost } from "./host.ts";
import { respond } from "./respond.ts";

export interface Env {
  /**
   * The listener's port that this deployment stands for; without it 80 for http and 443 for https. A worker cannot see
   * the port it was reached on, and a client could write any into Host.
   */
  readonly LASTHOP_LISTENER_PORT?: string;
}

/** What workerd cannot do yet, and so refuses (docs/architecture.md lists what each host carries). */
const CAPABILITIES: readonly Capability[] = [];

export function createWorker(bundleText: string): ExportedHandler<Env> {
  let app: ReturnType<typeof createApp> | null = null;
  let refusal: string | null = null;
  return {
    async fetch(request, env) {
      if (app === null && refusal === null) {
        const loaded = load(bundleText);
        if (typeof loaded === "string") {
          refusal = loaded;
          console.error(JSON.stringify({ code: "bundle-refused", detail: loaded }));
        } else app = serve(loaded);
      }
      if (app === null) return respond(failureResponse(requestFailure("bundle-refused", refusal ?? "")), request);
      return app.fetch(request, { front: frontOf(request, env), latin1: fromWorkerd, respond });
    },
  };
}

/** The bundle, or why it is refused: fails closed, never serves a part. */
function load(text: string): Bundle | string {
  try {
    const bundle = decodeBundle(text, cloudflareHost.sha256);
    demandCapabilities(bundle, CAPABILITIES);
    return bundle;
  } catch (error) {
    if (error instanceof BundleError) return error.message;
    throw error;
  }
}

function serve(bundle: Bundle): ReturnType<typeof createApp> {
  const gateway = createGateway({
    bundle,
    backends: createBackends({ bundle, host: cloudflareHost, poolLimits: NO_REUSE }),
    log: (record: AccessRecord) => console.log(JSON.stringify(record)),
    monotonicMs: cloudflareHost.monotonicMs,
    random: Math.random,
  });
  return createApp(gateway);
}

function frontOf(request: Request, env: Env): Front {
  const scheme = request.url.startsWith("https:") ? "https" : "http";
  return {
    clientAddress: request.headers.get("cf-connecting-ip"),
    scheme,
    port: Number(env.LASTHOP_LISTENER_PORT ?? (scheme === "https" ? 443 : 80)),
  };
}
