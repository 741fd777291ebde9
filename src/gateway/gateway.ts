/** One request through the gateway: match, choose, send, answer; every way out is written to the access log once. */
import type { Backends } from "../backend/backends.ts";
import type { ExchangeRequest, ExchangeResponse } from "../backend/exchange.ts";
import type { Bundle, BundleBackendRef, BundleListener, Capability } from "../bundle/types.ts";
import { type AccessLog, NO_PROGRESS, type Progress, recordOf } from "./access-log.ts";
import { type Answer, failed, type Failed, respond } from "./answer.ts";
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
import type { MirrorLoad } from "./filters/mirror.ts";
import { redirect } from "./filters/paths.ts";
import { forward } from "./forward.ts";
import type { Background, Front } from "./front.ts";
import { type EncodedSlashes, matchRequest, normalizeTarget } from "./match/request.ts";
import { createRouter, type Routed, type Router, type SelectedListener } from "./match/router.ts";

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
  handle(request: ExchangeRequest, front: Front, background?: Background): Promise<ExchangeResponse>;
  /** The answer to what a host could not read as a request; it is logged like every other. */
  refuse(read: RefusedRequest, failure: Failure): ExchangeResponse;
}

/** What is known of it; the rest is empty. */
export type RefusedRequest = Partial<Pick<ExchangeRequest, "method" | "authority" | "target">>;

/** What the stages of a request share. */
interface Context extends GatewayOptions {
  readonly router: Router;
  readonly mirrorLoad: MirrorLoad;
}

/** A request on its way through the gateway. The stages write how far it has come, for its record. */
interface Handled {
  readonly request: ExchangeRequest;
  readonly front: Front;
  readonly background: Background;
  progress: Progress;
  deadline: Deadline | null;
}

export function createGateway(options: GatewayOptions): Gateway {
  const { bundle, log, monotonicMs } = options;
  const router = createRouter(bundle, options.before?.router);
  const context: Context = { ...options, router, mirrorLoad: new Map() };
  return {
    router,
    refuse({ method = "", authority = "", target = "" }, failure) {
      log(recordOf({ method, authority, target }, NO_PROGRESS, { status: failure.status, failure, durationMs: 0 }));
      return failureResponse(failure);
    },
    async handle(request, front, background = ignore) {
      const startMs = monotonicMs();
      const handled: Handled = { request, front, background, progress: NO_PROGRESS, deadline: null };
      const answer = await answerTo(handled, context).catch((error: unknown) => failed(internalFailure(error)));
      const response = answer.kind === "failed" ? failureResponse(answer.failure) : answer.response;
      const failure = answer.kind === "response" ? null : answer.failure;
      const end = (broken: Failure | null): void => {
        handled.deadline?.end();
        const durationMs = monotonicMs() - startMs;
        log(recordOf(request, handled.progress, { status: response.status, failure: failure ?? broken, durationMs }));
      };
      // Settles with the body, however that ends.
      if (response.trailers === null || response.body === null) end(null);
      else
        response.trailers.then(
          () => end(null),
          (error: unknown) => end(isLate(handled) ? lateFailure(handled) : bodyFailure(error)),
        );
      return response;
    },
  };
}

/** The stages in their order: listener, its filters, rule, its filters and its backend. */
async function answerTo(handled: Handled, context: Context): Promise<Answer> {
  const accepted = accept(handled, context);
  if (accepted.kind === "failed") return accepted;
  const { hostname, selected } = accepted;
  let request = accepted.request;
  // "run on every request accepted on this Listener, before route matching is performed"
  for (const filter of selected.listener.filters) {
    const authorized = await authorize(filter, request, context.backends);
    if (authorized.kind !== "passed") return authorized;
    request = authorized.request;
  }
  const routed = context.router.match(selected, matchRequest(request.method, request.target, request.headers));
  if (routed === null)
    return failed(requestFailure("no-route", `no rule of listener ${selected.listener.name} matches`));
  const { rule, match } = routed;
  handled.progress = { ...handled.progress, rule };
  const { action } = rule;
  if (action.kind === "refused") return failed(configurationFailure(action.code, `rule ${rule.index} is refused`));
  for (const filter of rule.filters) {
    const preflighted = filter.kind === "cors" ? preflight(filter, request) : null;
    if (preflighted !== null) return respond(preflighted);
  }
  if (action.kind === "redirect")
    return respond(redirect(action, { target: request.target, hostname, match: match.path }, handled.front));
  return forwardBy(routed, choose(action.backendRefs, context.random()), request, { handled, context });
}

interface Accepted {
  readonly kind: "accepted";
  readonly selected: SelectedListener;
  readonly hostname: string;
  /** With its target normalized. */
  readonly request: ExchangeRequest;
}

/** Which listener takes the request, if it is one that this gateway can serve. */
function accept(handled: Handled, { router, encodedSlashes, capabilities }: Context): Accepted | Failed {
  const { request, front } = handled;
  const hostname = hostnameOf(request.authority);
  if (hostname === null) return failed(requestFailure("bad-host", "Host is missing or malformed"));
  // RFC 9110 §9.3.6: it asks for a tunnel to another server.
  if (request.method === "CONNECT") return failed(requestFailure("method-not-allowed", "CONNECT is for proxies"));
  const target = normalizeTarget(request.method, request.target, encodedSlashes);
  if (target === null) return failed(requestFailure("bad-target", BAD_TARGET));
  const selected = router.select(front.port, hostname, front.sni);
  if (selected.kind === "no-listener")
    return failed(requestFailure("no-listener", `no listener on port ${front.port} for ${hostname}`));
  const { listener } = selected;
  handled.progress = { ...handled.progress, listener: listener.name };
  if (selected.kind === "misdirected-request") {
    const detail = `the connection is for ${front.sni}, the request for ${hostname}`;
    return failed(requestFailure("misdirected-request", detail));
  }
  const lacking = lackingFor(listener, capabilities);
  if (lacking !== null)
    return failed(requestFailure("listener-capability", `listener ${listener.name}: this host cannot do ${lacking}`));
  return { kind: "accepted", selected, hostname, request: { ...request, target } };
}

const BAD_TARGET = "the target is not in origin form, or has a path that can be read in two ways";

/** Forwards within the rule's time limit. */
async function forwardBy(
  routed: Routed,
  ref: BundleBackendRef,
  request: ExchangeRequest,
  { handled, context }: { readonly handled: Handled; readonly context: Context },
): Promise<Answer> {
  const { requestMs } = routed.rule.timeouts;
  const deadline = requestMs !== null && requestMs > 0 ? startDeadline(requestMs, request.signal) : null;
  handled.deadline = deadline;
  const { backends, random, mirrorLoad, log } = context;
  const { front, background } = handled;
  const limited = deadline === null ? request : { ...request, signal: deadline.signal };
  const { answer, backend, sent } = await forward(routed, ref, limited, {
    backends,
    front,
    random,
    background,
    mirrorLoad,
    mirrorFailed: ({ mirror, request: mirrored }, failure, mirrorSent) => {
      const to = "backend" in mirror.target ? mirror.target.backend : null;
      const progress = { ...handled.progress, backend: to, sent: mirrorSent };
      log({ ...recordOf(mirrored, progress, { status: failure.status, failure, durationMs: 0 }), mirror: true });
    },
  });
  handled.progress = { ...handled.progress, backend, sent };
  return answer.kind === "failed" && isLate(handled) ? failed(lateFailure(handled)) : answer;
}

const isLate = ({ deadline }: Handled): boolean => deadline?.expired === true;

const lateFailure = ({ progress: { rule } }: Handled): Failure =>
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
