/** Hostnames of listeners, routes and policies: their intersection, and which of them are IP addresses. */
import { compareStrings } from "../diagnostics/diagnostics.ts";

/** A hostname that a listener and a route have in common. */
export interface SharedHostname {
  /** `www.example.com`, `*.example.com`, or `*` for every host. */
  readonly hostname: string;
  /** {@link specificity} of the route's own hostname from which it comes; the greatest, where it comes from several. */
  readonly specificity: number;
}

/**
 * The hostnames that a listener and a route have in common, sorted, each once; empty when there is none
 * (`HTTPRouteSpec.hostnames`). `listener` is null and `route` is empty when they name no hostname. Listener
 * `*.example.com` and route `www.example.com` have `www.example.com` in common.
 */
export function intersectHostnames(listener: string | null, route: readonly string[]): SharedHostname[] {
  if (route.length === 0) return [{ hostname: listener ?? "*", specificity: 0 }];
  const common = new Map<string, number>();
  for (const own of route) {
    const hostname = intersect(listener, own);
    if (hostname !== null) common.set(hostname, Math.max(common.get(hostname) ?? 0, specificity(own)));
  }
  return [...common].sort(([a], [b]) => compareStrings(a, b)).map(([hostname, of]) => ({ hostname, specificity: of }));
}

/**
 * Rank of a route's hostname: "Characters in a matching non-wildcard hostname", then "characters in a matching
 * hostname". The length alone says both, because among the hostnames that match one request an exact one is longer than
 * every wildcard. A route without hostnames ranks 0.
 */
const specificity = (hostname: string): number => hostname.length + (hostname.startsWith("*.") ? 0 : 1);

function intersect(listener: string | null, route: string): string | null {
  if (listener === null || listener === route) return route;
  if (wildcardCovers(listener, route)) return route;
  return wildcardCovers(route, listener) ? listener : null;
}

/** Whether `*.example.com` covers a name: `a.example.com` and `a.b.example.com`, but not `example.com`. */
function wildcardCovers(wildcard: string, name: string): boolean {
  if (!wildcard.startsWith("*.")) return false;
  const bare = name.startsWith("*.") ? name.slice(2) : name;
  const suffix = wildcard.slice(1);
  return name.startsWith("*.") ? bare.endsWith(suffix) || bare === wildcard.slice(2) : bare.endsWith(suffix);
}

/**
 * Whether a hostname is an IP address. URL parsers and resolvers read a name whose last label is all digits, or 0x and
 * hex digits, as an IPv4 address (WHATWG URL, "ends in a number"), so no certificate can name it.
 */
export function isIpAddress(hostname: string): boolean {
  const labels = hostname.split(".");
  const last = labels.at(-1) === "" ? labels.at(-2) : labels.at(-1);
  return last !== undefined && (/^[0-9]+$/.test(last) || /^0x[0-9a-f]*$/i.test(last) || hostname.includes(":"));
}
