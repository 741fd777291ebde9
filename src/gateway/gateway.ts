/** One request through the gateway: match, choose, send, answer; every way out is written to the access log once. */
import type { Backends, Sent } from "../backend/backends.ts";
import type { ExchangeRequest, ExchangeResponse } from "../backend/exchange.ts";
import type { Bundle, BundleBackendRef, BundleListener, BundleRule, Capability } from "../bundle/types.ts";
import { type AccessLog, type AccessRecord, endpointText } from "./access-log.ts";
import { type Deadline, startDeadline } from "./deadline.ts";
import {
  bodyFailure,
  configurationFailure,
  type Failure,
  failureResponse,
  internalFailure,
  requestFailure,
} from "./failures.ts";
import { preflight } from "./filters/cors.ts";
import { authorize } from "./filters/external-auth.ts";
import { locationOf, redirectHeaders } from "./filters/paths.ts";
import type { MirrorLoad } from "./filters/mirror.ts";
import { forward } from "./forward.ts";
import type { Front } from "./headers.ts";
import { type EncodedSlashes, matchRequest, normalizeTarget } from "./match/request.ts";
import { createRouter, type Router } from "./match/router.ts";

export interface GatewayOptions {
  readonly bundle: Bundle;
  readonly backends: Backends;
  readonly log: AccessLog;
  /** What the host can do: a listener that asks for more is refused, and no other. */
  readonly capabilities: readonly Capability[];
  /** Milliseconds that never go backwards. */
  readonly monotonicMs: () => number;
  /** A number in [0, 1), for weighted choice and mirrored shares. */
  readonly random: () => number;
  /** Refused where it is left out. */
  readonly encodedSlashes?: EncodedSlashes | undefined;
  /** The gateway of the bundle before: what has not changed is not indexed again. */
  readonly before?: Gateway | undefined;
}

export interface Gateway {
  readonly router: Router;
  /**
   * Never rejects: every failure is a response. `front` is the listener's side, told by the host; `background` keeps a
   * host awake for mirrors, which outlive their request.
   */
  handle(request: ExchangeRequest, front: Front, background?: (work: Promise<void>) => void): Promise<ExchangeResponse>;
  /** The answer to what a host could not read as a request; it is logged like every other. */
  refuse(read: RefusedRequest, failure: Failure): ExchangeResponse;
}

/** What is known of it; the rest is empty. */
export type RefusedRequest = Partial<Pick<ExchangeRequest, "method" | "authority" | "target">>;

/** Where a request got to, for the access log. */
interface Trace {
  listener: string | null;
  rule: BundleRule | null;
  backend: string | null;
  sent: Sent | null;
  /** An answer that is no failure of ours, and still has a code: an external auth server's. */
  code: Failure | null;
  deadline: Deadline | null;
}

export function createGateway(options: GatewayOptions): Gateway {
  const { bundle, backends, log, capabilities, monotonicMs, random } = options;
  const router = createRouter(bundle, options.before?.router);
  const mirrorLoad: MirrorLoad = new Map();

  async function answer(
    request: ExchangeRequest,
    front: Front,
    trace: Trace,
    background: (work: Promise<void>) => void,
  ): Promise<ExchangeResponse | Failure> {
    const hostname = hostnameOf(request.authority);
    if (hostname === null) return requestFailure("bad-host", "Host is missing or malformed");
    // RFC 9110 §9.3.6: it asks for a tunnel to another server.
    if (request.method === "CONNECT") return requestFailure("method-not-allowed", "CONNECT is for proxies");
    const target = normalizeTarget(request.method, request.target, options.encodedSlashes);
    if (target === null)
      return requestFailure(
        "bad-target",
        "the target is not in origin form, or has a path that can be read in two ways",
      );
    const selected = router.select(front.port, hostname, front.sni);
    if (selected.kind === "no-listener")
      return requestFailure("no-listener", `no listener on port ${front.port} for ${hostname}`);
    const { listener } = selected;
    trace.listener = listener.name;
    if (selected.kind === "misdirected-request")
      return requestFailure("misdirected-request", `the connection is for ${front.sni}, the request for ${hostname}`);
    const lacking = lackingFor(listener, capabilities);
    if (lacking !== null)
      return requestFailure("listener-capability", `listener ${listener.name}: this host cannot do ${lacking}`);

    let incoming: ExchangeRequest = { ...request, target };
    // "run on every request accepted on this Listener, before route matching is performed"
    for (const filter of listener.filters) {
      const authorized = await authorize(filter, incoming, backends);
      if (authorized.kind === "failed") return authorized.failure;
      if (authorized.kind === "denied") {
        trace.code = authorized.failure;
        return authorized.response;
      }
      incoming = authorized.request;
    }
    const routed = router.match(selected, matchRequest(incoming.method, target, incoming.headers));
    if (routed === null) return requestFailure("no-route", `no rule of listener ${listener.name} matches`);
    const { rule, match } = routed;
    trace.rule = rule;

    const { action, timeouts } = rule;
    if (action.kind === "refused") return configurationFailure(action.code, `rule ${rule.index} is refused`);
    for (const filter of rule.filters) {
      const answered = filter.kind === "cors" ? preflight(filter, incoming) : null;
      if (answered !== null) return answered;
    }
    if (action.kind === "redirect") {
      const location = locationOf(action, { target, hostname, match: match.path }, front);
      return {
        status: action.statusCode,
        headers: redirectHeaders(location),
        body: null,
        trailers: null,
        upgrade: null,
      };
    }
    if (timeouts.requestMs !== null && timeouts.requestMs > 0) {
      trace.deadline = startDeadline(timeouts.requestMs, incoming.signal);
      incoming = { ...incoming, signal: trace.deadline.signal };
    }
    const { backend, sent, outcome, denial } = await forward(routed, choose(action.backendRefs, random()), incoming, {
      backends,
      front,
      random,
      background,
      mirrorLoad,
      mirrorFailed: ({ mirror, request: mirrored }, failure, mirrorSent) => {
        const to = "backend" in mirror.target ? mirror.target.backend : null;
        const of: Trace = { ...trace, backend: to, sent: mirrorSent };
        log({ ...record(mirrored, of, failure, failure.status, 0), mirror: true });
      },
    });
    trace.backend = backend;
    trace.sent = sent;
    trace.code = denial;
    if ("code" in outcome && trace.deadline?.expired === true) return lateFailure(rule);
    return outcome;
  }

  return {
    router,
    refuse({ method = "", authority = "", target = "" }, failure) {
      const trace: Trace = { listener: null, rule: null, backend: null, sent: null, code: null, deadline: null };
      log(record({ method, authority, target }, trace, failure, failure.status, 0));
      return failureResponse(failure);
    },
    async handle(request, front, background = ignore) {
      const start = monotonicMs();
      const trace: Trace = { listener: null, rule: null, backend: null, sent: null, code: null, deadline: null };
      const result = await answer(request, front, trace, background).catch(internalFailure);
      const failure = "code" in result ? result : trace.code;
      const response = "code" in result ? failureResponse(result) : result;
      const end = (broken: Failure | null): void => {
        trace.deadline?.end();
        log(record(request, trace, failure ?? broken, result.status, monotonicMs() - start));
      };
      // Settles with the body, however that ends.
      if (response.trailers === null || response.body === null) end(null);
      else
        response.trailers.then(
          () => end(null),
          (error: unknown) => end(trace.deadline?.expired === true ? lateFailure(trace.rule) : bodyFailure(error)),
        );
      return response;
    },
  };
}

const lateFailure = (rule: BundleRule | null): Failure =>
  requestFailure("request-timeout", `no response within ${rule?.timeouts.requestMs} ms`);

/** Mirrors outlive their request by themselves, where a process does. */
function ignore(work: Promise<void>): void {
  void work;
}

/** What a listener needs of its host and does not have; null: it can be served as it is specified. */
function lackingFor({ tls }: BundleListener, capabilities: readonly Capability[]): Capability | null {
  if (tls === null) return null;
  if (!capabilities.includes("listener-certificates")) return "listener-certificates";
  return tls.clientValidation !== null && !capabilities.includes("client-validation") ? "client-validation" : null;
}

/**
 * Lower case, without the port and a root dot (`a.example.com.` is the same host, and must not slip past its routes);
 * null when it is no authority of ours (RFC 9112 §3.2: 400): an IPv6 address, or labels of letters, digits, `-`, `_`.
 */
export function hostnameOf(authority: string): string | null {
  const parsed = /^(?<host>\[[0-9A-Fa-f:.]+\]|[\w-]+(?:\.[\w-]+)*)\.?(?::[0-9]{0,5})?$/.exec(authority);
  return parsed?.groups?.["host"]?.toLowerCase() ?? null;
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
  request: Pick<ExchangeRequest, "method" | "authority" | "target">,
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
    mirror: false,
  };
}
