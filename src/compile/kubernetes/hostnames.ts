/** Hostnames of listeners, routes and policies: intersection, and the names that are IP addresses. Pure. */
import { compareStrings } from "../diagnostics/diagnostics.ts";

export interface SharedHostname {
  readonly hostname: string;
  /** The most specific of the route's own hostnames that gave it: see {@link specificity}. */
  readonly specificity: number;
}

/**
 * What a listener and a route serve together, each once and sorted: exact names, `*.suffix`, or `*` for every host.
 * Empty when they have nothing in common (`HTTPRouteSpec.hostnames`).
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
 * "Characters in a matching non-wildcard hostname", then "characters in a matching hostname": of the names that match
 * one request, any exact one is longer than every wildcard. 0 is that of a route without hostnames.
 */
const specificity = (hostname: string): number => hostname.length + (hostname.startsWith("*.") ? 0 : 1);

function intersect(listener: string | null, route: string): string | null {
  if (listener === null || listener === route) return route;
  if (covers(listener, route)) return route;
  return covers(route, listener) ? listener : null;
}

/** Whether a wildcard covers another name: one label or more in its place, so never its own suffix. */
function covers(wildcard: string, name: string): boolean {
  if (!wildcard.startsWith("*.")) return false;
  const bare = name.startsWith("*.") ? name.slice(2) : name;
  const suffix = wildcard.slice(1);
  return name.startsWith("*.") ? bare.endsWith(suffix) || bare === wildcard.slice(2) : bare.endsWith(suffix);
}

/**
 * A name whose last label is all digits, or 0x and hex digits, is read as an IPv4 address by URL parsers and resolvers
 * (WHATWG URL, "ends in a number"), so it can name no certificate.
 */
export function isIpAddress(hostname: string): boolean {
  const labels = hostname.split(".");
  const last = labels.at(-1) === "" ? labels.at(-2) : labels.at(-1);
  return last !== undefined && (/^[0-9]+$/.test(last) || /^0x[0-9a-f]*$/i.test(last) || hostname.includes(":"));
}
