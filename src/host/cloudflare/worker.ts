/** The worker: one bundle, embedded or handed over by the deployment, behind a fetch handler. */
import { createBackends } from "../../backend/backends.ts";
import { NO_REUSE } from "../../backend/pool.ts";
import { BundleError, decodeBundle } from "../../bundle/codec.ts";
import type { Bundle, Capability } from "../../bundle/types.ts";
import type { AccessRecord } from "../../gateway/access-log.ts";
import { createApp } from "../../gateway/app.ts";
import { failureResponse, requestFailure } from "../../gateway/failures.ts";
import { createGateway } from "../../gateway/gateway.ts";
import type { Front } from "../../gateway/headers.ts";
import { cloudflareHost } from "./host.ts";
import { respond } from "./respond.ts";

export interface Env {
  /** `bound=listener[,…]`: which listener a port that `wrangler dev` binds stands for. Deployed: 80 and 443. */
  readonly LASTHOP_PORT_MAP?: string;
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
      return app.fetch(request, { front: frontOf(request, env), respond });
    },
  };
}

/** The bundle, or why it is refused: fails closed, never serves a part. */
function load(text: string): Bundle | string {
  try {
    const bundle = decodeBundle(text, cloudflareHost.sha256);
    const lacking = bundle.requires.filter((capability) => !CAPABILITIES.includes(capability));
    return lacking.length === 0 ? bundle : `this host cannot do what the bundle needs: ${lacking.join(", ")}`;
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

/** A deployed worker is reached on 80 and 443 only; locally the map says which listener a bound port stands for. */
function frontOf(request: Request, env: Env): Front {
  const url = new URL(request.url);
  const scheme = url.protocol === "https:" ? "https" : "http";
  const bound = url.port === "" ? (scheme === "https" ? 443 : 80) : Number(url.port);
  return {
    clientAddress: request.headers.get("cf-connecting-ip"),
    scheme,
    port: portMap(env.LASTHOP_PORT_MAP ?? "").get(bound) ?? bound,
  };
}

function portMap(text: string): ReadonlyMap<number, number> {
  const pairs = text.split(",").filter((pair) => pair !== "");
  return new Map(pairs.map((pair) => pair.split("=").map(Number) as [number, number]));
}
