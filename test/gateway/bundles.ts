/** Small bundles for tests of gateway/ and backend/, without a compilation. */
import {
  type Bundle,
  BUNDLE_FORMAT,
  type BundleHost,
  type BundleMatch,
  type BundleRule,
} from "../../src/bundle/types.ts";
import type { SlowRoute } from "./slow-router.ts";

/** A bundle without listeners and rules. */
export const EMPTY: Bundle = {
  format: BUNDLE_FORMAT,
  digest: "0".repeat(64),
  gateway: "test/edge",
  requires: [],
  listeners: [],
  rules: [],
  backends: {},
  clientCertificate: null,
  certificates: {},
  policies: {},
  anchorSets: {},
  anchors: {},
};

/** The optional parts of a listener, all absent. */
export const PLAIN_LISTENER = { tls: null, filters: [] } as const;
/** The optional parts of a rule, all absent. */
export const PLAIN_RULE = {
  filters: [],
  timeouts: { requestMs: null, backendRequestMs: null },
  retry: null,
} as const;

/** A match of all requests, but for what `match` says. */
export function matchOf(match: Partial<BundleMatch>): BundleMatch {
  return { path: { type: "PathPrefix", value: "/" }, method: null, headers: [], queryParams: [], ...match };
}

/** A rule without filters, whose action is a refusal. */
export function ruleOf(route: string, matches: readonly BundleMatch[]): BundleRule {
  return {
    route,
    index: 0,
    name: null,
    matches,
    ...PLAIN_RULE,
    action: { kind: "refused", code: "backend-refs-empty" },
  };
}

/** A bundle with one HTTP listener on port 80 for all hostnames. Matches are in the order of the routes. */
export function bundleOf(routes: readonly SlowRoute[]): Bundle {
  const hostnames = [...new Set(routes.map(({ hostname }) => hostname))].sort();
  const hosts: BundleHost[] = hostnames.map((hostname) => ({
    hostname,
    order: routes.flatMap((route, number) =>
      route.hostname === hostname ? route.rule.matches.map((_, index) => [number, index] as const) : [],
    ),
  }));
  return {
    ...EMPTY,
    rules: routes.map(({ rule }) => rule),
    listeners: [{ name: "http", port: 80, protocol: "HTTP", hostname: null, ...PLAIN_LISTENER, hosts }],
  };
}
