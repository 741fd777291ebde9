/**
 * A slow transcription of HTTPRoute's matching rules (`HTTPRouteSpec.hostnames`, `HTTPRouteRule.matches`), written
 * without an index and without the bundle's order, for the property test to agree with.
 */
import type { BundleMatch, BundleRule, ValueMatch } from "../../src/bundle/types.ts";

export interface SlowRoute {
  readonly hostname: string;
  readonly rule: BundleRule;
  /** Position among all rules by age and name. */
  readonly seniority: number;
}

export interface SlowRequest {
  readonly hostname: string;
  readonly method: string;
  readonly path: string;
  readonly headers: ReadonlyMap<string, string>;
  readonly query: ReadonlyMap<string, string>;
}

/** The rule that must answer, or null. */
export function slowRoute(routes: readonly SlowRoute[], request: SlowRequest): BundleRule | null {
  const hits = routes
    .filter((route) => hostnameMatches(route.hostname, request.hostname))
    .flatMap((route) => route.rule.matches.map((match, index) => ({ route, match, index })))
    .filter(({ match }) => matchHolds(match, request));
  hits.sort((a, b) => {
    const byHost = hostRank(b.route.hostname) - hostRank(a.route.hostname);
    return byHost || compareMatches(a.match, b.match) || a.route.seniority - b.route.seniority || a.index - b.index;
  });
  return hits[0]?.route.rule ?? null;
}

/** "Characters in a matching non-wildcard hostname", then "characters in a matching hostname". */
function hostRank(hostname: string): number {
  if (hostname === "*") return 0;
  return hostname.startsWith("*.") ? hostname.length : 1_000 + hostname.length;
}

/** Negative when `a` takes precedence: exact, then longest prefix, then method, headers, query params. */
export function compareMatches(a: BundleMatch, b: BundleMatch): number {
  const exact = Number(b.path.type === "Exact") - Number(a.path.type === "Exact");
  if (exact !== 0) return exact;
  if (a.path.type !== "Exact" && a.path.value.length !== b.path.value.length)
    return b.path.value.length - a.path.value.length;
  const method = Number(b.method !== null) - Number(a.method !== null);
  if (method !== 0) return method;
  return b.headers.length - a.headers.length || b.queryParams.length - a.queryParams.length;
}

function hostnameMatches(pattern: string, hostname: string): boolean {
  if (pattern === "*") return true;
  if (!pattern.startsWith("*.")) return pattern === hostname;
  return hostname.endsWith(pattern.slice(1)) && hostname.length > pattern.length - 1;
}

function matchHolds(match: BundleMatch, request: SlowRequest): boolean {
  const { type, value } = match.path;
  const path =
    type === "Exact"
      ? request.path === value
      : value === "/" || request.path === value || request.path.startsWith(`${value}/`);
  if (!path) return false;
  if (match.method !== null && match.method !== request.method) return false;
  const all = (wanted: readonly ValueMatch[], values: ReadonlyMap<string, string>): boolean =>
    wanted.every((each) => values.get(each.name) === each.value);
  return all(match.headers, request.headers) && all(match.queryParams, request.query);
}
