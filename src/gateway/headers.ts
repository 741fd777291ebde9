/** Header fields that a gateway must not forward, and fields that it adds. */
import type { ExchangeRequest, HeaderList } from "../backend/index.ts";
import type { Front } from "./front.ts";

/** Fields about one connection (RFC 9110 §7.6.1), and authentication between client and proxy (§11.7). */
const HOP_BY_HOP = new Set([
  "connection",
  "keep-alive",
  "proxy-connection",
  "proxy-authenticate",
  "proxy-authorization",
  "proxy-authentication-info",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
  "http2-settings",
]);

/** The fields without the hop-by-hop ones and those that `Connection` names (RFC 9110 §7.6.1: MUST be removed). */
export function endToEnd(headers: HeaderList): (readonly [string, string])[] {
  const named = namedByConnection(headers);
  return headers.filter(([name]) => !HOP_BY_HOP.has(name) && !named.has(name));
}

const NO_NAMES: ReadonlySet<string> = new Set();

function namedByConnection(headers: HeaderList): ReadonlySet<string> {
  const options = headers.filter(([name]) => name === "connection").flatMap(([, value]) => value.split(","));
  return options.length === 0 ? NO_NAMES : new Set(options.map((option) => option.trim().toLowerCase()));
}

/** Fields that backends trust, so the gateway sets them itself and drops the client's. */
const SET_BY_GATEWAY = new Set([
  "x-forwarded-proto",
  "x-forwarded-host",
  "x-forwarded-port",
  "x-forwarded-client-cert",
  "forwarded",
  "host",
]);

/** The request's header fields for the backend. The client's address is appended to `X-Forwarded-For`. */
export function forwardedHeaders(
  { headers, authority, trailers }: Pick<ExchangeRequest, "headers" | "authority" | "trailers">,
  front: Front,
): HeaderList {
  const rest: (readonly [string, string])[] = [];
  const hops: string[] = [];
  for (const field of endToEnd(headers)) {
    const [name, value] = field;
    if (name === "x-forwarded-for") hops.push(value);
    else if (!SET_BY_GATEWAY.has(name)) rest.push(field);
  }
  if (front.clientAddress !== null) hops.push(front.clientAddress);
  if (hops.length > 0) rest.push(["x-forwarded-for", hops.join(", ")]);
  rest.push(
    ["x-forwarded-proto", front.scheme],
    ["x-forwarded-host", authority],
    ["x-forwarded-port", `${front.port}`],
  );
  // RFC 9110 §7.6.3: a gateway MUST send Via. Hosts do not say which HTTP version the client spoke, so it is always 1.1.
  rest.push(["via", "1.1 lasthop"]);
  // `TE: trailers` is about one connection, so the gateway says it anew to the backend (RFC 9110 §10.1.4).
  if (headers.some(([name, value]) => name === "te" && /(^|,)\s*trailers\s*(;|,|$)/i.test(value))) {
    rest.push(["te", "trailers"]);
  }
  // Over HTTP/1.1 only trailer fields that `Trailer` announces can be sent (RFC 9110 §6.6.2).
  if (trailers !== null) rest.push(...headers.filter(([name]) => name === "trailer"));
  return rest;
}
