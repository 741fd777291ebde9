/** The gateway: matches a request, chooses a backend, forwards, answers, and writes one access record per request. */
import type { RequestSender, ExchangeRequest, ExchangeResponse } from "../backend/index.ts";
import type { Bundle, BundleBackendRef, Capability } from "../bundle/types.ts";
import { accept } from "./accept.ts";
import { type AccessLog, NO_PROGRESS, type Progress, recordOf } from "./access-log.ts";
import { type Answer, failed, respond } from "./answer.ts";
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
import { type EncodedSlashes, matchRequest } from "./match/request.ts";
import { createRouter, type MatchedRule, type Router } from "./match/router.ts";

/** What a gateway is made of. Clock and randomness are arguments, so that a test can fix both. */
export interface GatewayOptions {
  readonly bundle: Bundle;
  readonly backends: RequestSender;
  readonly log: AccessLog;
  /** What the host can do. Requests to a listener that needs more are refused; other listeners serve. */
  readonly capabilities: readonly Capability[];
  /** A monotonic clock, in milliseconds. */
  readonly monotonicMs: () => number;
  /** A random number in [0, 1): chooses among weighted backendRefs, and which requests are mirrored. */
  readonly random: () => number;
  /** What to do with `%2F` in a path; "refuse" by default. */
  readonly encodedSlashes?: EncodedSlashes | undefined;
  /** The gateway of the previous bundle, whose indexes are kept for hosts that have not changed. */
  readonly previous?: Gateway | undefined;
}

/** A gateway that serves one bundle. */
export interface Gateway {
  readonly router: Router;
  /**
   * Answers one request. The promise never rejects: every failure is a response. `background` gets the mirrored copies,
   * which may take longer than the response.
   */
  handle(request: ExchangeRequest, front: Front, background?: Background): Promise<ExchangeResponse>;
  /** Answers bytes that the host could not parse as a request. The access log gets a record of them, too. */
  refuse(parsed: RefusedRequest, failure: Failure): ExchangeResponse;
}

/** The parts of a refused request that the host could parse. */
export type RefusedRequest = Partial<Pick<ExchangeRequest, "method" | "authority" | "target">>;

/** The response that tells a host to forward the request itself (`Front.handsOver`). It is compared by identity. */
export const HANDED_OVER: ExchangeResponse = { status: 503, headers: [], body: null, trailers: null, upgrade: null };

/** What the stages of a request share. */
interface Context extends GatewayOptions {
  readonly router: Router;
  readonly mirrorLoad: MirrorLoad;
}

/** One request's state. The stages write `progress` and `deadline`, which its access record needs at the end. */
interface RequestState {
  readonly request: ExchangeRequest;
  readonly front: Front;
  readonly background: Background;
  progress: Progress;
  deadline: Deadline | null;
}

/** A gateway for `options.bundle`. Routes are indexed when they are first asked for. */
export function createGateway(options: GatewayOptions): Gateway {
  const { bundle, log, monotonicMs } = options;
  const router = createRouter(bundle, options.previous?.router);
  const context: Context = { ...options, router, mirrorLoad: new Map() };
  return {
    router,
    refuse({ method = "", authority = "", target = "" }, failure) {
      log(recordOf({ method, authority, target }, NO_PROGRESS, { status: failure.status, failure, durationMs: 0 }));
      return failureResponse(failure);
    },
    async handle(request, front, background = ignore) {
      const startMs = monotonicMs();
      const state: RequestState = { request, front, background, progress: NO_PROGRESS, deadline: null };
      const answer = await answerTo(state, context).catch((error: unknown) => failed(internalFailure(error)));
      if (front.handsOver === true && answer.kind === "failed" && answer.failure.code === "connection-limit") {
        state.deadline?.end();
        return HANDED_OVER;
      }
      const response = answer.kind === "failed" ? failureResponse(answer.failure) : answer.response;
      const failure = answer.kind === "response" ? null : answer.failure;
      const end = (brokenOff: Failure | null): void => {
        state.deadline?.end();
        const durationMs = monotonicMs() - startMs;
        const ending = { status: response.status, failure: failure ?? brokenOff, durationMs };
        log(recordOf(request, state.progress, ending));
      };
      // The promise of trailers settles when the body has ended or has broken off.
      if (response.trailers === null || response.body === null) end(null);
      else
        response.trailers.then(
          () => end(null),
          (error: unknown) => end(isLate(state) ? lateFailure(state) : bodyFailure(error)),
        );
      return response;
    },
  };
}

/** The stages in their order: listener, the listener's filters, rule, the rule's filters, backend. */
async function answerTo(state: RequestState, context: Context): Promise<Answer> {
  const accepted = accept(state.request, state.front, context);
  state.progress = { ...state.progress, listener: accepted.listener };
  if (accepted.kind === "refused") return failed(accepted.failure);
  const { hostname, selected } = accepted;
  let request = accepted.request;
  // "run on every request accepted on this Listener, before route matching is performed"
  for (const filter of selected.listener.filters) {
    const authorized = await authorize(filter, request, context.backends);
    if (authorized.kind !== "passed") return authorized;
    request = authorized.request;
  }
  const matched = context.router.match(selected, matchRequest(request.method, request.target, request.headers));
  if (matched === null)
    return failed(requestFailure("no-route", `no rule of listener ${selected.listener.name} matches`));
  const { rule, match } = matched;
  state.progress = { ...state.progress, rule };
  const { action } = rule;
  if (action.kind === "refused") return failed(configurationFailure(action.code, `rule ${rule.index} is refused`));
  for (const filter of rule.filters) {
    const preflighted = filter.kind === "cors" ? preflight(filter, request) : null;
    if (preflighted !== null) return respond(preflighted);
  }
  if (action.kind === "redirect")
    return respond(redirect(action, { target: request.target, hostname, match: match.path }, state.front));
  return forwardWithinLimit(matched, choose(action.backendRefs, context.random()), request, { state, context });
}

/** Forwards the request within the rule's time limit (`HTTPRouteTimeouts.request`). */
async function forwardWithinLimit(
  matched: MatchedRule,
  ref: BundleBackendRef,
  request: ExchangeRequest,
  { state, context }: { readonly state: RequestState; readonly context: Context },
): Promise<Answer> {
  const { requestMs } = matched.rule.timeouts;
  const deadline = requestMs !== null && requestMs > 0 ? startDeadline(requestMs, request.signal) : null;
  state.deadline = deadline;
  const { backends, random, mirrorLoad, log } = context;
  const { front, background } = state;
  const limited = deadline === null ? request : { ...request, signal: deadline.signal };
  const { answer, backend, sent } = await forward(matched, ref, limited, {
    backends,
    front,
    random,
    background,
    mirrorLoad,
    mirrorFailed: ({ mirror, request: mirrored }, failure, mirrorSent) => {
      const to = "backend" in mirror.target ? mirror.target.backend : null;
      const progress = { ...state.progress, backend: to, sent: mirrorSent };
      log({ ...recordOf(mirrored, progress, { status: failure.status, failure, durationMs: 0 }), mirror: true });
    },
  });
  state.progress = { ...state.progress, backend, sent };
  return answer.kind === "failed" && isLate(state) ? failed(lateFailure(state)) : answer;
}

const isLate = ({ deadline }: RequestState): boolean => deadline?.expired === true;

const lateFailure = ({ progress: { rule } }: RequestState): Failure =>
  requestFailure("request-timeout", `no response within ${rule?.timeouts.requestMs} ms`);

/** The `background` of a long-lived process, in which mirrored copies go on after the response without any help. */
function ignore(work: Promise<void>): void {
  void work;
}

/**
 * The backendRef chosen by weight (`HTTPBackendRef.weight`): each is chosen in proportion to its weight. `random` is in
 * [0, 1), `refs` never empty.
 */
export function choose(refs: readonly BundleBackendRef[], random: number): BundleBackendRef {
  const total = refs.reduce((sum, { weight }) => sum + weight, 0);
  let remaining = random * total;
  for (const ref of refs) {
    remaining -= ref.weight;
    if (remaining < 0) return ref;
  }
  const last = refs.at(-1);
  if (last === undefined) throw new RangeError("bundle: a rule that forwards has no backendRefs");
  return last;
}
