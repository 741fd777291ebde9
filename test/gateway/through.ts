/** A gateway with one rule over real backends, for tests of filters. Requests to backends and access records are kept. */
import type { IncomingHttpHeaders, RequestListener } from "node:http";
import { onTestFinished } from "vitest";
import { createBackends } from "../../src/backend/backends.ts";
import type { ExchangeRequest, ExchangeResponse } from "../../src/backend/exchange.ts";
import type {
  Bundle,
  BundleBackend,
  BundleFilter,
  BundleListener,
  BundleRule,
  Capability,
} from "../../src/bundle/types.ts";
import type { AccessRecord } from "../../src/gateway/access-log.ts";
import { createGateway } from "../../src/gateway/gateway.ts";
import type { Front } from "../../src/gateway/front.ts";
import { bundleTo, runtime, ID } from "../backend/fixtures/last-hop.ts";
import { plain } from "../backend/fixtures/servers.ts";
import { plainRequest } from "../support/request.ts";
import { bundleOf, matchOf, ruleOf } from "./bundles.ts";

/** The id of the rule's backend, which is in plaintext. */
export const MAIN = "test/main:80";
/** The client's side of requests: plain HTTP on port 80. */
export const FRONT: Front = { clientAddress: "192.0.2.7", scheme: "http", port: 80, sni: null };

/** A request that a backend received. */
interface ReceivedRequest {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** Starts a backend that keeps each request with its body in `received`, then answers with `answer`. */
export async function backend(answer: RequestListener = (_, response) => response.end("ok")) {
  const received: ReceivedRequest[] = [];
  const server = await plain((request, response) => {
    const { method = "", url = "", headers } = request;
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      received.push({ method, url, headers, body: Buffer.concat(chunks).toString() });
      answer(request, response);
    });
  });
  return { received, port: server.port, sockets: server.sockets };
}

/** The bundle of a gateway, where it differs from one rule that forwards everything to {@link MAIN}. */
export interface Setup {
  /** The ports of backends in plaintext, by id. */
  readonly ports: Readonly<Record<string, number>>;
  /** Other backends, by id. */
  readonly backends?: Bundle["backends"];
  readonly rule?: Partial<BundleRule>;
  readonly filters?: readonly BundleFilter[];
  /** The filters of the backendRef. */
  readonly refFilters?: readonly BundleFilter[];
  readonly listener?: Partial<BundleListener>;
  /** The capabilities of the host; by default it can serve HTTPS. */
  readonly capabilities?: readonly Capability[];
  /** Listeners besides that of the rule. */
  readonly otherListeners?: readonly BundleListener[];
  /** The bundle's anchors, for a bundle whose policies refer to others. */
  readonly anchors?: Bundle["anchors"];
  readonly responseMs?: number;
  /** The random numbers of the gateway in order; after them it gets 0. */
  readonly points?: readonly number[];
}

interface Answered {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly text: string;
}

/** A gateway, which is closed when the test has finished. `open` sends one request through it, and `ask` reads the response too. */
export function gatewayOf(setup: Setup) {
  const { points = [], responseMs = 3_000 } = setup;
  const log: AccessRecord[] = [];
  const work: Promise<void>[] = [];
  const draws = [...points];
  const bundle = bundleThrough(setup);
  const backends = createBackends({ bundle, runtime, timeouts: { connectMs: 3_000, responseMs } });
  onTestFinished(() => backends.close());
  const gateway = createGateway({
    bundle,
    backends,
    log: (record) => log.push(record),
    capabilities: setup.capabilities ?? ["listener-certificates"],
    monotonicMs: () => 0,
    random: () => draws.shift() ?? 0,
  });
  const open = (request: Partial<ExchangeRequest> = {}, front: Partial<Front> = {}): Promise<ExchangeResponse> =>
    gateway.handle(plainRequest(request), { ...FRONT, ...front }, (mirror) => void work.push(mirror));
  return {
    log,
    /** Resolves when every mirror has ended. */
    mirrored: () => Promise.all(work),
    open,
    ask: async (request: Partial<ExchangeRequest> = {}, front: Partial<Front> = {}): Promise<Answered> => {
      const { status, headers, body } = await open(request, front);
      return { status, headers: Object.fromEntries(headers), text: await new Response(body).text() };
    },
  };
}

function bundleThrough({
  ports,
  backends: more,
  anchors,
  rule,
  filters = [],
  refFilters = [],
  listener,
  otherListeners = [],
}: Setup): Bundle {
  const template = bundleTo({ ports: [], backend: { transport: { kind: "plaintext" } } });
  const plainBackend = template.backends[ID];
  if (plainBackend === undefined) throw new RangeError("unreachable");
  const backends: Record<string, BundleBackend> = { ...more };
  for (const [id, port] of Object.entries(ports)) {
    backends[id] = { ...plainBackend, endpoints: [{ host: "127.0.0.1", port }] };
  }
  const { listeners, rules } = bundleOf([
    {
      hostname: "*",
      seniority: 0,
      rule: {
        ...ruleOf("test/route", rule?.matches ?? [matchOf({})]),
        action: { kind: "forward", backendRefs: [{ weight: 1, backend: MAIN, filters: refFilters }] },
        filters,
        ...rule,
      },
    },
  ]);
  return {
    ...template,
    ...(anchors !== undefined && { anchors }),
    rules,
    listeners: [...listeners.map((each) => ({ ...each, ...listener })), ...otherListeners],
    backends,
  };
}
