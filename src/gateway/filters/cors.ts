/** The CORS filter (`HTTPCORSFilter`; Fetch §3.2): answers preflights, and sets the CORS fields of responses. */
import type { ExchangeRequest, ExchangeResponse, HeaderList } from "../../backend/index.ts";
import type { BundleCors } from "../../bundle/types.ts";
import { fullMatch } from "../match/predicates.ts";

/** The response to a preflight request; null when `request` is none. */
export function preflight(cors: BundleCors, { method, headers }: ExchangeRequest): ExchangeResponse | null {
  const requestedMethod = valueOf(headers, "access-control-request-method");
  if (method !== "OPTIONS" || requestedMethod === null || valueOf(headers, "origin") === null) return null;
  const corsHeaders = corsFields(cors, headers);
  // "the gateway returns 204/200 response but doesn't set the relevant cross-origin response headers"
  const fields: (readonly [string, string])[] = [...corsHeaders];
  if (corsHeaders.length > 0) {
    const { allowMethods, allowHeaders, allowCredentials, maxAgeSeconds } = cors;
    const requestedHeaders = valueOf(headers, "access-control-request-headers");
    const methods = listed(allowMethods, allowCredentials, requestedMethod);
    const names = listed(allowHeaders, allowCredentials, requestedHeaders);
    if (methods !== null) fields.push(["access-control-allow-methods", methods]);
    if (names !== null) fields.push(["access-control-allow-headers", names]);
    fields.push(["access-control-max-age", String(maxAgeSeconds)]);
  }
  fields.push(["vary", "Origin, Access-Control-Request-Method, Access-Control-Request-Headers"]);
  return { status: 204, headers: fields, body: null, trailers: null, upgrade: null };
}

/** The response's fields with the filter's CORS fields in place of the backend's. */
export function decorate(cors: BundleCors, request: HeaderList, response: HeaderList): HeaderList {
  const kept = response.filter(([name]) => !name.startsWith("access-control-"));
  return [...kept, ...corsFields(cors, request), ["vary", "Origin"]];
}

/** The CORS fields for an allowed Origin; none for any other. */
function corsFields(
  { allowOrigins, allowCredentials, exposeHeaders }: BundleCors,
  request: HeaderList,
): (readonly [string, string])[] {
  const origin = valueOf(request, "origin");
  if (origin === null || !allowOrigins.some((allowed) => allows(allowed, origin))) return [];
  // "the gateway must not return `*`" with credentials, so the Origin is echoed, which is also allowed without them.
  const fields: (readonly [string, string])[] = [["access-control-allow-origin", origin]];
  if (allowCredentials) fields.push(["access-control-allow-credentials", "true"]);
  const exposed = allowCredentials ? exposeHeaders.filter((name) => name !== "*") : exposeHeaders;
  if (exposed.length > 0) fields.push(["access-control-expose-headers", exposed.join(", ")]);
  return fields;
}

/** The value of a field that lists methods or header names. With credentials, `*` is replaced by what was asked for. */
function listed(allowed: readonly string[], allowCredentials: boolean, requested: string | null): string | null {
  if (allowed.length === 0) return null;
  if (!allowed.includes("*")) return allowed.join(", ");
  return allowCredentials ? requested : "*";
}

/** Whether an entry of `allowOrigins` allows `origin`: `*` in the host is "a greedy match to the left", dots included. */
function allows(allowed: string, origin: string): boolean {
  if (allowed === "*") return true;
  const requested = withoutDefaultPort(origin.toLowerCase());
  if (!allowed.includes("*")) return allowed === requested;
  return fullMatch(
    allowed
      .split("*")
      .map((part) => part.replace(/[.\\+?^$()[\]{}|]/g, "\\$&"))
      .join("[^:/]+"),
    requested,
  );
}

const withoutDefaultPort = (origin: string): string =>
  origin.replace(/^(http:\/\/.*):80$/, "$1").replace(/^(https:\/\/.*):443$/, "$1");

function valueOf(headers: HeaderList, field: string): string | null {
  return headers.find(([name]) => name === field)?.[1] ?? null;
}
