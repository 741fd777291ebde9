/** Requests of the module as exchanges. */
import type { ExchangeRequest, ServedRequest } from "../../backend/index.ts";
import type { Pace } from "./pace.ts";

/** The exchange of a request. Its body is read from the client as the backend takes it. */
export function exchangeOfHead(request: ServedRequest, scheme: "http" | "https", pace: Pace): ExchangeRequest {
  const { head } = request;
  const { method, target } = head;
  let host: string | null = null;
  let cookie: string | null = null;
  const headers = head.headers().filter(([name, value]) => {
    if (name === "host") {
      // RFC 9112 §3.2: a server MUST answer 400 to more than one Host, as to none. On HTTP/2 the first one is :authority,
      // and RFC 9113 §8.3.1 says the same of a Host that differs.
      host = host === null ? value : "";
      return false;
    }
    if (name !== "cookie" || !head.isHttp2) return true;
    cookie = cookie === null ? value : `${cookie}; ${value}`;
    return false;
  });
  // RFC 9113 §8.2.3: the parts of a split Cookie MUST be joined before they leave HTTP/2.
  if (cookie !== null) headers.push(["cookie", cookie]);
  // RFC 9112 §3.2.2: for a target in absolute form the target's authority counts, and Host is ignored.
  const absolute = target.startsWith("/") ? null : /^https?:\/\/([^/?#]*)(.*)$/is.exec(target);
  const path = absolute?.[2] ?? target;
  return {
    method,
    scheme,
    authority: absolute?.[1] ?? host ?? "",
    target: absolute === null || path.startsWith("/") ? path : `/${path}`,
    headers,
    body: request.body,
    trailers: request.trailers,
    upgrade: head.wantsWebSocket ? "websocket" : null,
    informational: (status, fields) => request.inform(status, fields),
    signal: request.signal,
    client: pace,
  };
}
