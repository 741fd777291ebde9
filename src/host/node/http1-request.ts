/** HTTP/1.1 requests of node:http as exchanges. */
import type { IncomingMessage } from "node:http";
import type { ExchangeRequest, HeaderList, RequestSignal } from "../../backend/index.ts";
import type { RefusedRequest } from "../../gateway/index.ts";
import { pairs } from "./fields.ts";
import type { Pace } from "./pace.ts";
import { bodyOf, type FlowControl } from "./streams.ts";

/** The exchange of a request. Its body is read from the socket as the backend takes it. */
export function exchangeOfRequest(
  request: IncomingMessage,
  scheme: "http" | "https",
  signal: RequestSignal,
  { pace, flow }: { readonly pace: Pace; readonly flow: FlowControl | null },
): ExchangeRequest {
  const { rawHeaders, url = "" } = request;
  const headers: [string, string][] = [];
  let host: string | null = null;
  for (let at = 0; at + 1 < rawHeaders.length; at += 2) {
    const name = (rawHeaders[at] ?? "").toLowerCase();
    const value = rawHeaders[at + 1] ?? "";
    if (name !== "host") headers.push([name, value]);
    // RFC 9112 §3.2: a server MUST answer 400 to more than one Host, as to none.
    else host = host === null ? value : "";
  }
  // RFC 9112 §3.2.2: for a target in absolute form the target's authority counts, and Host is ignored.
  const absolute = url.startsWith("/") ? null : /^https?:\/\/([^/?#]*)(.*)$/is.exec(url);
  const path = absolute?.[2] ?? url;
  const hasTrailers = request.headers["transfer-encoding"] !== undefined;
  return {
    method: request.method ?? "GET",
    scheme,
    authority: absolute?.[1] ?? host ?? "",
    target: absolute === null || path.startsWith("/") ? path : `/${path}`,
    headers,
    body: hasTrailers || hasLength(request) ? bodyOf(request, pace, flow) : null,
    trailers: hasTrailers ? trailersOfRequest(request) : null,
    upgrade: null,
    informational: null,
    signal,
  };
}

/** Whether a request has a body that `Content-Length` frames (RFC 9112 §6). */
function hasLength({ headers }: IncomingMessage): boolean {
  const length = headers["content-length"];
  return length !== undefined && length !== "0";
}

function trailersOfRequest(request: IncomingMessage): Promise<HeaderList> {
  return new Promise((resolve) => {
    request.once("close", () => resolve(pairs(request.rawTrailers)));
  });
}

/** The parts of a request that the access log shows when the request itself is refused. */
export const refusedPartsOf = ({ method = "", url = "", headers }: IncomingMessage): RefusedRequest => ({
  method,
  authority: headers.host ?? "",
  target: url,
});

/**
 * Whether a request asks for a WebSocket. Other values of Upgrade, such as `h2c`, and an Upgrade in a request with a body
 * are ignored, as RFC 9110 §7.8 lets a server do.
 */
export const wantsWebSocket = (request: IncomingMessage): boolean =>
  request.method === "GET" &&
  request.headers.upgrade?.toLowerCase() === "websocket" &&
  request.headers["transfer-encoding"] === undefined &&
  !hasLength(request);
