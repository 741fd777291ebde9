/** One request through the gateway: match, choose, send, answer; every way out is written to the access log once. */
import type { Backends, Sent } from "../backend/backends.ts";
import type { ExchangeRequest, ExchangeResponse } from "../backend/exchange.ts";
import type { Bundle, BundleBackendRef, BundleRule } from "../bundle/types.ts";
import { type AccessLog, type AccessRecord, endpointText } from "./access-log.ts";
import {
  configurationFailure,
  type Failure,
  failureOf,
  failureResponse,
  internalFailure,
  requestFailure,
} from "./failures.ts";
import { endToEnd, forwardedHeaders, type Front } from "./headers.ts";
import { matchRequest, normalizeTarget } from "./match/request.ts";
import { createRouter, type Routed } from "./match/router.ts";

export interface GatewayOptions {
  readonly bundle: Bundle;
  readonly backends: Backends;
  readonly log: AccessLog;
  /** Milliseconds that never go backwards. */
  readonly monotonicMs: () => number;
  /** A number in [0, 1), for the weighted choice. */
  readonly random: () => number;
}

export interface Gateway {
  /** Never rejects: every failure is a response. `front` is the listener's side, told by the host. */
  handle(request: ExchangeRequest, front: Front): Promise<ExchangeResponse>;
}

/** Where a request got to, for the access log. */
interface Trace {
  listener: string | null;
  rule: BundleRule | null;
  backend: string | null;
  sent: Sent | null;
}

export function createGateway({ bundle, backends, log, monotonicMs, random }: GatewayOptions): Gateway {
  const router = createRouter(bundle);

  async function answer(request: ExchangeRequest, front: Front, trace: Trace): Promise<ExchangeResponse | Failure> {
    const hostname = hostnameOf(request.authority);
    if (hostname === null) return requestFailure("bad-host", "Host is missing or malformed");
    const target = normalizeTarget(request.method, request.target);
    if (target === null) return requestFailure("bad-target", "the request target is not in origin form");
    const wanted = matchRequest(request.method, target, request.headers);
    const routed = router.route(front.port, hostname, wanted);
    trace.listener = routed.kind === "no-listener" ? null : routed.listener.name;
    if (routed.kind !== "rule") return requestFailure(routed.kind, missing(routed, front, hostname));
    trace.rule = routed.rule;

    const { action } = routed.rule;
    if (action.kind === "refused") return configurationFailure(action.code, `rule ${routed.rule.index} is refused`);
    if (action.kind === "redirect") return configurationFailure("route-feature-unsupported", "redirects");
    const chosen = choose(action.backendRefs, random());
    if ("refused" in chosen) return configurationFailure(chosen.refused, "the chosen backendRef is refused");
    trace.backend = chosen.backend;
    const headers = forwardedHeaders(request.headers, request.authority, front);
    const sent = await backends.send(chosen.backend, { ...request, target, headers });
    trace.sent = sent;
    if (sent.kind === "failed") return failureOf(sent.failure);
    return { ...sent.response, headers: endToEnd(sent.response.headers) };
  }

  return {
    async handle(request, front) {
      const start = monotonicMs();
      const trace: Trace = { listener: null, rule: null, backend: null, sent: null };
      const result = await answer(request, front, trace).catch(internalFailure);
      const failure = "code" in result ? result : null;
      log(record(request, trace, failure, result.status, monotonicMs() - start));
      return "code" in result ? failureResponse(result) : result;
    },
  };
}

/**
 * Lower case, without the port and a root dot (`a.example.com.` is the same host, and must not slip past its routes);
 * null when it is no authority of ours (RFC 9112 §3.2: 400): an IPv6 address, or labels of letters, digits, `-`, `_`.
 */
export function hostnameOf(authority: string): string | null {
  const parsed = /^(?<host>\[[0-9A-Fa-f:.]+\]|[\w-]+(?:\.[\w-]+)*)\.?(?::[0-9]{0,5})?$/.exec(authority);
  return parsed?.groups?.["host"]?.toLowerCase() ?? null;
}

function missing(routed: Exclude<Routed, { kind: "rule" }>, front: Front, hostname: string): string {
  return routed.kind === "no-listener"
    ? `no listener on port ${front.port} for ${hostname}`
    : `no rule of listener ${routed.listener.name} matches`;
}

/** Weighted choice (`HTTPBackendRef.weight`): each ref gets its share of the sum. Refs are never empty. */
export function choose(refs: readonly BundleBackendRef[], point: number): BundleBackendRef {
  const total = refs.reduce((sum, { weight }) => sum + weight, 0);
  let rest = point * total;
  for (const ref of refs) {
    rest -= ref.weight;
    if (rest < 0) return ref;
  }
  const last = refs.at(-1);
  if (last === undefined) throw new RangeError("bundle: a rule that forwards has no backendRefs");
  return last;
}

function record(
  request: ExchangeRequest,
  { listener, rule, backend, sent }: Trace,
  failure: Failure | null,
  status: number,
  durationMs: number,
): AccessRecord {
  const connection = sent?.kind === "response" ? sent.connection : null;
  return {
    method: request.method,
    authority: request.authority,
    path: request.target.split("?", 1)[0] ?? "",
    status,
    durationMs,
    listener,
    route: rule?.route ?? null,
    rule: rule?.index ?? null,
    backend,
    endpoint: sent?.endpoint === undefined || sent.endpoint === null ? null : endpointText(sent.endpoint),
    tls: connection?.tls ?? null,
    protocol: connection?.protocol ?? null,
    code: failure?.code ?? null,
    detail: failure?.detail ?? null,
  };
}
