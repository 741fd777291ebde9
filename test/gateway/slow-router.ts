/**
 * A slow transcription of HTTPRoute's matching rules (`HTTPRouteSpec.hostnames`, `HTTPRouteRule.matches`), without an index
 * and without the bundle's order. The property test compares the router with it.
 */
import type { BundleMatch, BundleRule, ValueMatch } from "../../src/bundle/types.ts";

/** A rule under one hostname. */
export interface SlowRoute {
  readonly hostname: string;
  readonly rule: BundleRule;
  /** The place of its HTTPRoute among all, by age and name. */
  readonly seniority: number;
}

interface SlowRequest {
  readonly hostname: string;
  readonly method: string;
  readonly path: string;
  readonly headers: ReadonlyMap<string, string>;
  readonly query: ReadonlyMap<string, string>;
}

interface Hit {
  readonly route: SlowRoute;
  readonly match: BundleMatch;
  readonly index: number;
}

/**
 * The criteria of precedence in the order in which the spec lists them; the greatest number wins. Each only decides among
 * the hits that all earlier ones leave, so nothing here is a comparison of two matches, as the compiler's is.
 */
const CRITERIA: readonly ((hit: Hit) => number)[] = [
  // "characters in a matching non-wildcard hostname", then "characters in a matching hostname" (`HTTPRouteSpec.hostnames`)
  ({ route }) => (route.hostname.startsWith("*") ? 0 : route.hostname.length),
  ({ route }) => (route.hostname === "*" ? 0 : route.hostname.length),
  // `HTTPRouteRule.matches`: "Exact" path match …
  ({ match }) => (match.path.type === "Exact" ? 1 : 0),
  // "Prefix" path match with largest number of characters … The spec leaves regular expressions open; by
  // docs/build.md they rank with prefixes.
  ({ match }) => (match.path.type === "Exact" ? 0 : match.path.value.length),
  // Method match …
  ({ match }) => (match.method === null ? 0 : 1),
  // Largest number of header matches …
  ({ match }) => match.headers.length,
  // Largest number of query param matches.
  ({ match }) => match.queryParams.length,
  // "The oldest Route …, the Route appearing first in alphabetical order", then the first matching rule and match.
  ({ route }) => -route.seniority,
  ({ route }) => -route.rule.index,
  ({ index }) => -index,
];

/** The rule that must answer, or null. */
export function slowRoute(routes: readonly SlowRoute[], request: SlowRequest): BundleRule | null {
  const hits = routes
    .filter((route) => hostnameMatches(route.hostname, request.hostname))
    .flatMap((route) => route.rule.matches.map((match, index): Hit => ({ route, match, index })))
    .filter(({ match }) => matchHolds(match, request));
  const [best] = CRITERIA.reduce((left, criterion) => {
    const most = Math.max(...left.map(criterion));
    return left.filter((hit) => criterion(hit) === most);
  }, hits);
  return best?.route.rule ?? null;
}

function hostnameMatches(pattern: string, hostname: string): boolean {
  if (pattern === "*") return true;
  if (!pattern.startsWith("*.")) return pattern === hostname;
  return hostname.endsWith(pattern.slice(1)) && hostname.length > pattern.length - 1;
}

function matchHolds(match: BundleMatch, request: SlowRequest): boolean {
  if (!pathHolds(match.path, request.path)) return false;
  if (match.method !== null && match.method !== request.method) return false;
  const all = (wanted: readonly ValueMatch[], values: ReadonlyMap<string, string>): boolean =>
    wanted.every(({ type, name, value }) =>
      type === "Exact" ? values.get(name) === value : isWholly(value, values.get(name)),
    );
  return all(match.headers, request.headers) && all(match.queryParams, request.query);
}

function pathHolds({ type, value }: BundleMatch["path"], path: string): boolean {
  if (type === "Exact") return path === value;
  if (type === "RegularExpression") return isWholly(value, path);
  return value === "/" || path === value || path.startsWith(`${value}/`);
}

/** Whether the regular expression matches the whole text. */
const isWholly = (expression: string, text: string | undefined): boolean =>
  text !== undefined && new RegExp(`^(?:${expression})$`, "u").test(text);
