/** A rule's filters around its backend: what the request becomes, who else gets it, and what the response becomes. */
import type { Backends, Sent } from "../backend/backends.ts";
import type { ExchangeRequest, ExchangeResponse, HeaderList } from "../backend/exchange.ts";
import type { BundleBackendRef, BundleCors, BundleFilter, HeaderEdit } from "../bundle/types.ts";
import { configurationFailure, type Failure, failureOf } from "./failures.ts";
import { decorate } from "./filters/cors.ts";
import { authorize, type Unauthorized } from "./filters/external-auth.ts";
import { editHeaders } from "./filters/headers.ts";
import { fanOut, isMirrored, type Mirrored, type MirrorLoad, sendMirrors } from "./filters/mirror.ts";
import { modifyTarget } from "./filters/paths.ts";
import { endToEnd, forwardedHeaders, type Front } from "./headers.ts";
import type { Routed } from "./match/router.ts";

export interface ForwardContext {
  readonly backends: Backends;
  readonly front: Front;
  readonly random: () => number;
  /** Keeps the host awake until it has ended. */
  readonly background: (work: Promise<void>) => void;
  readonly mirrorLoad: MirrorLoad;
  readonly mirrorFailed: (mirrored: Mirrored, failure: Failure, sent: Sent | null) => void;
}

export interface Forwarded {
  readonly backend: string | null;
  readonly sent: Sent | null;
  readonly outcome: ExchangeResponse | Failure;
  /** Why the outcome is an external auth server's answer; null: it is not. */
  readonly denial: Failure | null;
}

/** The request on its way through the filters, in their order (`HTTPRouteRule.filters`). */
interface Way {
  request: ExchangeRequest;
  readonly responseEdits: HeaderEdit[];
  readonly cors: BundleCors[];
  readonly mirrors: Mirrored[];
}

/** Sends `request` to the chosen ref of a rule that forwards. Its target is normalized, its headers the client's. */
export async function forward(
  { rule, match }: Routed,
  ref: BundleBackendRef,
  request: ExchangeRequest,
  context: ForwardContext,
): Promise<Forwarded> {
  const { backends, front, background } = context;
  if ("refused" in ref) {
    return {
      backend: null,
      sent: null,
      outcome: configurationFailure(ref.refused, "the chosen backendRef is refused"),
      denial: null,
    };
  }
  const headers = forwardedHeaders(request, front);
  const way: Way = { request: { ...request, headers }, responseEdits: [], cors: [], mirrors: [] };
  // A backendRef's filters come after the rule's: "executed … if and only if the request is being forwarded to the
  // backend defined here".
  for (const filter of [...rule.filters, ...ref.filters]) {
    const ended = await pass(filter, way, match.path, context);
    if (ended?.kind === "failed") return unsent(ref.backend, ended.failure, null);
    if (ended !== null) return unsent(ref.backend, ended.response, ended.failure);
  }
  let outgoing = way.request;
  if (way.mirrors.length > 0) {
    const spread = outgoing.body === null ? null : fanOut(outgoing.body, way.mirrors.length);
    if (spread !== null) outgoing = { ...outgoing, body: spread.main };
    background(sendMirrors(way.mirrors, spread?.copies ?? [], backends, context.mirrorLoad, context.mirrorFailed));
  }
  const { timeouts, retry } = rule;
  const sent = await backends.send(ref.backend, outgoing, { backendRequestMs: timeouts.backendRequestMs, retry });
  if (sent.kind === "failed") return { backend: ref.backend, sent, outcome: failureOf(sent.failure), denial: null };
  const fields = responseHeaders(sent.response, way, request.headers);
  return { backend: ref.backend, sent, outcome: { ...sent.response, headers: fields }, denial: null };
}

const unsent = (backend: string, outcome: Forwarded["outcome"], denial: Failure | null): Forwarded => ({
  backend,
  sent: null,
  outcome,
  denial,
});

/** Null: the request goes on. */
async function pass(
  filter: BundleFilter,
  way: Way,
  path: Parameters<typeof modifyTarget>[2],
  { backends, random }: ForwardContext,
): Promise<Unauthorized | null> {
  const { request } = way;
  switch (filter.kind) {
    case "request-headers":
      way.request = { ...request, headers: editHeaders(request.headers, filter.edit) };
      return null;
    case "response-headers":
      way.responseEdits.push(filter.edit);
      return null;
    case "rewrite":
      way.request = {
        ...request,
        authority: filter.hostname ?? request.authority,
        target: filter.path === null ? request.target : modifyTarget(request.target, filter.path, path),
      };
      return null;
    case "mirror":
      if (isMirrored(filter, random)) way.mirrors.push({ mirror: filter, request });
      return null;
    case "cors":
      way.cors.push(filter);
      return null;
    case "external-auth": {
      const authorized = await authorize(filter, request, backends);
      if (authorized.kind !== "passed") return authorized;
      way.request = authorized.request;
      return null;
    }
  }
}

/** The backend's fields, then what the filters make of them: those of the backendRef first, as they are nearer to it. */
function responseHeaders(response: ExchangeResponse, { responseEdits, cors }: Way, request: HeaderList): HeaderList {
  let headers: HeaderList = endToEnd(response.headers);
  // The one hop-by-hop field that the client must see: what the connection is now (RFC 9110 §7.8).
  if (response.upgrade !== null) {
    headers = [...headers, ...response.headers.filter(([name]) => name === "upgrade")];
  }
  for (const edit of responseEdits.reverse()) headers = editHeaders(headers, edit);
  for (const filter of cors) headers = decorate(filter, request, headers);
  return headers;
}
