/** The hostnames of listeners, each with the order in which requests for it are compared with the matches of routes. */
import type { BundleHost, BundleMatch } from "../../bundle/types.ts";
import { compareSeniority } from "../kubernetes/seniority.ts";
import type { Group } from "../memory/groups.ts";
import { compareMatches } from "../routes/matches.ts";
import type { RouteState } from "../routes/routes.ts";
import type { RuleState } from "../routes/rules.ts";

/** A route with the hosts that it serves. */
export interface HostedRoute {
  readonly route: RouteState;
  /** The rules with at least one match: no other rule can answer a request. */
  readonly rules: readonly RuleState[];
  /** The hosts that the route serves, by {@link hostKey}, with the specificity of the route's own hostname. */
  readonly hosts: ReadonlyMap<string, number>;
}

/** A hostname of a listener. */
export interface ListenerHost {
  /** Place of the listener among those that are served. */
  readonly listener: number;
  readonly host: BundleHost;
}

/** Key of a hostname of a listener; sorts by listener, then by hostname. */
export const hostKey = (listener: number, hostname: string): string => `${listener}\0${hostname}`;

/** The hostname `key` of a listener with its order of matches. `first` has the place of each route's first rule, by the route's name. */
export function emitHost({ key, items }: Group<HostedRoute>, first: ReadonlyMap<string, number>): ListenerHost {
  const at = key.indexOf("\0");
  const order = orderOf(key, items, first);
  return { listener: Number(key.slice(0, at)), host: { hostname: key.slice(at + 1), order } };
}

/** A match of a rule, with everything that decides about its precedence. */
interface RankedMatch {
  readonly match: BundleMatch;
  /** Place in its rule. */
  readonly index: number;
  /** Specificity of the route's own hostname. */
  readonly specificity: number;
  readonly route: RouteState;
  /** Place of the rule among all rules. */
  readonly number: number;
}

/**
 * The matches of a host in order of precedence. "Implementations SHOULD evaluate precedence using the original hostnames
 * configured on the Route" (`HTTPRouteSpec.hostnames`); then the match decides, and "if ties still exist across multiple
 * Routes" (`HTTPRouteRule.matches`), the older route, then the name of the route, then the order in the route.
 */
function orderOf(key: string, served: readonly HostedRoute[], first: ReadonlyMap<string, number>): BundleHost["order"] {
  const ranked = served.flatMap(({ route, rules, hosts }) => {
    const specificity = hosts.get(key) ?? 0;
    const start = first.get(route.name) ?? -1;
    return rules.flatMap(({ matches }, number) =>
      matches.map((match, index): RankedMatch => ({ match, index, specificity, route, number: start + number })),
    );
  });
  ranked.sort(
    (a, b) =>
      b.specificity - a.specificity ||
      compareMatches(a.match, b.match) ||
      compareSeniority(a.route.seniority, b.route.seniority) ||
      a.number - b.number ||
      a.index - b.index,
  );
  return ranked.map(({ number, index }) => [number, index] as const);
}
