/** Fields that a gateway must not pass on, and those it adds. */
import type { ExchangeRequest, HeaderList } from "../backend/exchange.ts";
import type { Front } from "./front.ts";

/** Connection-specific fields (RFC 9110 §7.6.1), and the proxy's own authentication (§11.7). */
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

/** Drops hop-by-hop fields, and those that `Connection` names (RFC 9110 §7.6.1: MUST). */
export function endToEnd(headers: HeaderList): (readonly [string, string])[] {
  const named = new Set<string>();
  for (const [name, value] of headers) {
    if (name === "connection") for (const option of value.split(",")) named.add(option.trim().toLowerCase());
  }
  return headers.filter(([name]) => !HOP_BY_HOP.has(name) && !named.has(name));
}

/** Set from what this gateway saw, never taken from the client: a client could claim anything. */
const FORWARDED = new Set([
  "x-forwarded-proto",
  "x-forwarded-host",
  "x-forwarded-port",
  "x-forwarded-client-cert",
  "forwarded",
]);

/** Request fields for the backend; `X-Forwarded-For` keeps the earlier hops before ours. */
export function forwardedHeaders(
  { headers, authority, trailers }: Pick<ExchangeRequest, "headers" | "authority" | "trailers">,
  front: Front,
): HeaderList {
  const kept = endToEnd(headers).filter(([name]) => !FORWARDED.has(name) && name !== "host");
  const hops = kept.filter(([name]) => name === "x-forwarded-for").map(([, value]) => value);
  if (front.clientAddress !== null) hops.push(front.clientAddress);
  const rest = kept.filter(([name]) => name !== "x-forwarded-for");
  if (hops.length > 0) rest.push(["x-forwarded-for", hops.join(", ")]);
  rest.push(
    ["x-forwarded-proto", front.scheme],
    ["x-forwarded-host", authority],
    ["x-forwarded-port", `${front.port}`],
  );
  // RFC 9110 §7.6.3: a gateway MUST. Hosts do not tell the version the client spoke, and 1.1 is what all of them carry.
  rest.push(["via", "1.1 lasthop"]);
  // A client that takes trailers says so to us; we say it again for ourselves (RFC 9110 §10.1.4).
  if (headers.some(([name, value]) => name === "te" && /(^|,)\s*trailers\s*(;|,|$)/i.test(value))) {
    rest.push(["te", "trailers"]);
  }
  // Over HTTP/1.1 only those that it announces can follow (RFC 9110 §6.6.2).
  if (trailers !== null) rest.push(...headers.filter(([name]) => name === "trailer"));
  return rest;
}
