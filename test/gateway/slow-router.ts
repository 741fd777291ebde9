/**
 * A slow transcription of HTTPRoute's matching rules (`HTTPRouteSpec.hostnames`, `HTTPRouteRule.matches`), without an index
 * and without the bundle's order. The property test compares the router with it.
 */
import type { BundleMatch, BundleRule, ValueMatch } from "../../src/bundle/types.ts";

/** A rule under one hostname. */
export interface SlowRoute {
  readonly hostname: string;
  readonly rule: BundleRule;
  /** The position among all rules by age and name. */
  readonly seniority: number;
}

interface SlowRequest {
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

/** The rank of a hostname: "characters in a matching non-wildcard hostname", then "characters in a matching hostname". */
function hostRank(hostname: string): number {
  if (hostname === "*") return 0;
  return hostname.startsWith("*.") ? hostname.length : 1_000 + hostname.length;
}

/** The order of precedence: exact path, longest prefix, method, headers, query parameters. Negative: `a` comes first. */
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
