/** Forwarding: the rule's filters, applied to the request before the backend and to the response after it. */
import type { RequestSender, ExchangeRequest, ExchangeResponse, HeaderList, Sent } from "../backend/index.ts";
import type { BackendId, BundleBackendRef, BundleCors, BundleFilter, HeaderEdit } from "../bundle/types.ts";
import { type Answer, failed, respond } from "./answer.ts";
import { configurationFailure, type Failure, failureOf } from "./failures.ts";
import { decorate } from "./filters/cors.ts";
import { authorize, type Unauthorized } from "./filters/external-auth.ts";
import { editHeaders } from "./filters/headers.ts";
import { fanOut, isMirrored, type MirroredRequest, type MirrorLoad, sendMirrors } from "./filters/mirror.ts";
import { modifyTarget } from "./filters/paths.ts";
import type { Background, Front } from "./front.ts";
import { endToEnd, forwardedHeaders } from "./headers.ts";
import type { MatchedRule } from "./match/router.ts";

interface ForwardContext {
  readonly backends: RequestSender;
  readonly front: Front;
  readonly random: () => number;
  readonly background: Background;
  readonly mirrorLoad: MirrorLoad;
  readonly mirrorFailed: (mirrored: MirroredRequest, failure: Failure, sent: Sent | null) => void;
}

/**
 * The outcome of forwarding. `backend` is null when the chosen backendRef is refused, `sent` is null when no request
 * went to the backend.
 */
interface ForwardResult {
  readonly answer: Answer;
  readonly backend: BackendId | null;
  readonly sent: Sent | null;
}

/**
 * A request as modified by the filters applied so far, in the order of `HTTPRouteRule.filters`, and what these filters
 * ask for later: edits of the response, mirrored copies.
 */
interface FilteredRequest {
  request: ExchangeRequest;
  readonly responseEdits: HeaderEdit[];
  readonly cors: BundleCors[];
  readonly mirrors: MirroredRequest[];
}

/** Sends `request` to the chosen backendRef. The target of `request` is normalized; its headers are the client's. */
export async function forward(
  { rule, match }: MatchedRule,
  ref: BundleBackendRef,
  request: ExchangeRequest,
  context: ForwardContext,
): Promise<ForwardResult> {
  if ("refused" in ref) {
    const failure = configurationFailure(ref.refused, "the chosen backendRef is refused");
    return { answer: failed(failure), backend: null, sent: null };
  }
  const { backend } = ref;
  const { backends, front } = context;
  const headers = forwardedHeaders(request, front);
  const filtered: FilteredRequest = {
    request: { ...request, headers },
    responseEdits: [],
    cors: [],
    mirrors: [],
  };
  // A backendRef's filters come after the rule's: "executed … if and only if the request is being forwarded to the
  // backend defined here".
  for (const filter of [...rule.filters, ...ref.filters]) {
    const unauthorized = await applyFilter(filter, filtered, match.path, context);
    if (unauthorized !== null) return { answer: unauthorized, backend, sent: null };
  }
  const { timeouts, retry } = rule;
  const options = { backendRequestMs: timeouts.backendRequestMs, retry };
  const sent = await backends.send(backend, withMirrors(filtered, context), options);
  if (sent.kind === "failed") return { answer: failed(failureOf(sent.failure)), backend, sent };
  const fields = responseHeaders(sent.response, filtered, request.headers);
  return { answer: respond({ ...sent.response, headers: fields }), backend, sent };
}

/** Starts the mirrored copies, which read the request's body as it is sent, and returns the request to send. */
function withMirrors(
  { request, mirrors }: FilteredRequest,
  { backends, background, mirrorLoad, mirrorFailed }: ForwardContext,
): ExchangeRequest {
  if (mirrors.length === 0) return request;
  const bodies = request.body === null ? null : fanOut(request.body, mirrors.length);
  const copies = mirrors.map((mirrored, index) => ({ mirrored, body: bodies?.copies[index] ?? null }));
  background(sendMirrors(copies, { backends, load: mirrorLoad, onFailure: mirrorFailed }));
  return bodies === null ? request : { ...request, body: bodies.main };
}

/** Applies one filter to `filtered`. Null unless the filter ends the request. */
async function applyFilter(
  filter: BundleFilter,
  filtered: FilteredRequest,
  path: Parameters<typeof modifyTarget>[2],
  { backends, random }: ForwardContext,
): Promise<Unauthorized | null> {
  const { request } = filtered;
  switch (filter.kind) {
    case "request-headers":
      filtered.request = { ...request, headers: editHeaders(request.headers, filter.edit) };
      return null;
    case "response-headers":
      filtered.responseEdits.push(filter.edit);
      return null;
    case "rewrite":
      filtered.request = {
        ...request,
        authority: filter.hostname ?? request.authority,
        target: filter.path === null ? request.target : modifyTarget(request.target, filter.path, path),
      };
      return null;
    case "mirror":
      if (isMirrored(filter, random)) filtered.mirrors.push({ mirror: filter, request });
      return null;
    case "cors":
      filtered.cors.push(filter);
      return null;
    case "external-auth": {
      const authorized = await authorize(filter, request, backends);
      if (authorized.kind !== "passed") return authorized;
      filtered.request = authorized.request;
      return null;
    }
  }
}

/**
 * The response's header fields after the filters. They run in reverse order: the backendRef's filters are nearer to the
 * backend than the rule's, so they see its response first.
 */
function responseHeaders(
  response: ExchangeResponse,
  { responseEdits, cors }: FilteredRequest,
  request: HeaderList,
): HeaderList {
  let headers: HeaderList = endToEnd(response.headers);
  // Over HTTP/1.1 only trailer fields that `Trailer` announces can be sent (RFC 9110 §6.6.2).
  if (response.trailers !== null) headers = [...headers, ...response.headers.filter(([name]) => name === "trailer")];
  // Upgrade is the one hop-by-hop field that the client must see: it names the connection's new protocol (RFC 9110 §7.8).
  if (response.upgrade !== null) {
    headers = [...headers, ...response.headers.filter(([name]) => name === "upgrade")];
  }
  for (const edit of responseEdits.reverse()) headers = editHeaders(headers, edit);
  for (const filter of cors) headers = decorate(filter, request, headers);
  return headers;
}
