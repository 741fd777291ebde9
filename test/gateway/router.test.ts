/** The router: the listener and the rule that serve a request. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { BundleMatch, BundleRule } from "../../src/bundle/types.ts";
import { matchRequest, type MatchRequest } from "../../src/gateway/match/request.ts";
import { candidateHostnames, createRouter, type Router } from "../../src/gateway/match/router.ts";
import { bundleOf, EMPTY, matchOf, PLAIN_LISTENER, ruleOf } from "./bundles.ts";
import { compileRoutes, routeNameOf } from "./compiled-routes.ts";
import { slowRoute, type SlowRoute } from "./slow-router.ts";

const HOSTNAMES = ["a.example.com", "b.a.example.com", "*.example.com", "*.a.example.com", "*.com", "*"];
const PATHS = ["/", "/a", "/a/b", "/a/bc", "/a/b/c", "/b", "/a/", "/a//b"];

const PATTERNS = ["/a.*", "/(a|b)", "/[ab]/.", "/a/b(/c)?", "/.*"];

const arbitraryMatch: fc.Arbitrary<BundleMatch> = fc.record({
  path: fc.oneof(
    {
      weight: 4,
      arbitrary: fc.record({
        type: fc.constantFrom("Exact" as const, "PathPrefix" as const),
        value: often(
          "/",
          PATHS.filter((path) => path === "/" || !(path.endsWith("/") || path.includes("//"))),
        ),
      }),
    },
    {
      weight: 1,
      arbitrary: fc.record({ type: fc.constant("RegularExpression" as const), value: fc.constantFrom(...PATTERNS) }),
    },
  ),
  method: fc.constantFrom(null, "GET", "POST"),
  headers: values(["x-a", "x-b", "x-c"]),
  queryParams: values(["q", "r"]),
});

/** A text that is mostly `common`, so that many matches hold for one request and precedence has to decide between them. */
function often(common: string, all: readonly string[]): fc.Arbitrary<string> {
  return fc.oneof({ weight: 3, arbitrary: fc.constant(common) }, { weight: 1, arbitrary: fc.constantFrom(...all) });
}

function values(names: readonly string[]): fc.Arbitrary<BundleMatch["headers"]> {
  return fc.uniqueArray(fc.constantFrom(...names), { maxLength: names.length }).chain((chosen) =>
    fc.tuple(
      ...chosen.sort().map((name) =>
        fc.record({
          type: fc.constantFrom("Exact" as const, "RegularExpression" as const),
          name: fc.constant(name),
          value: fc.constantFrom("1", "2"),
        }),
      ),
    ),
  );
}

/** HTTPRoutes of one hostname and up to two rules each, in any order of their seniority. */
const arbitraryRoutes = fc
  .array(
    fc.tuple(
      often("*", HOSTNAMES),
      fc.array(fc.array(arbitraryMatch, { minLength: 1, maxLength: 3 }), { minLength: 1, maxLength: 2 }),
    ),
    { maxLength: 15 },
  )
  .chain((routes) =>
    fc.tuple(
      fc.constant(routes),
      fc.shuffledSubarray([...routes.keys()], { minLength: routes.length, maxLength: routes.length }),
    ),
  )
  .map(([routes, places]) =>
    routes.flatMap(([hostname, rules], at) => {
      const seniority = places[at] ?? 0;
      return rules.map((matches, index): SlowRoute => ({
        hostname,
        rule: { ...ruleOf(routeNameOf(seniority), matches), index },
        seniority,
      }));
    }),
  );

const arbitraryRequest = fc.record({
  hostname: fc.constantFrom(
    "a.example.com",
    "b.a.example.com",
    "c.example.com",
    "x.y.example.com",
    "example.com",
    "com",
    "other.org",
  ),
  method: fc.constantFrom("GET", "POST", "PUT"),
  path: fc.constantFrom(...PATHS, "/zzz", "/a/b/c/d"),
  headers: fc.dictionary(fc.constantFrom("x-a", "x-b", "x-c", "x-d"), fc.constantFrom("1", "2")),
  query: fc.dictionary(fc.constantFrom("q", "r", "s"), fc.constantFrom("1", "2")),
});

/** The kind of outcome of routing a request, with its rule where one matches. */
function route(router: Router, port: number, hostname: string, request: MatchRequest) {
  const selected = router.select(port, hostname, null);
  if (selected.kind !== "listener") return { kind: selected.kind, rule: null };
  const routed = router.match(selected, request);
  return routed === null ? { kind: "no-route", rule: null } : { kind: "rule", rule: routed.rule };
}

const placeOf = (rule: BundleRule | null): unknown => rule && { route: rule.route, index: rule.index };

describe("the router", () => {
  it("answers for a compiled bundle as a slow transcription of the spec does", () => {
    fc.assert(
      fc.property(arbitraryRoutes, fc.array(arbitraryRequest, { minLength: 5, maxLength: 20 }), (routes, requests) => {
        const router = createRouter(compileRoutes(routes));
        for (const { hostname, method, path, headers, query } of requests) {
          const search = new URLSearchParams(query).toString();
          const target = search === "" ? path : `${path}?${search}`;
          const routed = route(router, 80, hostname, matchRequest(method, target, Object.entries(headers)));
          const expected = slowRoute(routes, {
            hostname,
            method,
            path,
            headers: new Map(Object.entries(headers)),
            query: new Map(Object.entries(query)),
          });
          expect(placeOf(routed.rule)).toEqual(placeOf(expected));
        }
      }),
      { numRuns: 250 },
    );
  });

  it("serves a request by the most specific listener alone", () => {
    const rule = ruleOf("test/r", [matchOf({})]);
    const hosts = [{ hostname: "*", order: [[0, 0] as const] }];
    const listener = { ...PLAIN_LISTENER, protocol: "HTTP" as const, port: 80 };
    const router = createRouter({
      ...EMPTY,
      rules: [rule],
      listeners: [
        { ...listener, name: "any", hostname: null, hosts },
        { ...listener, name: "wild", hostname: "*.example.com", hosts: [] },
        { ...listener, name: "other-port", port: 8080, hostname: "a.example.com", hosts },
      ],
    });
    const kind = (hostname: string, port = 80) => route(router, port, hostname, matchRequest("GET", "/", [])).kind;
    expect(kind("a.org")).toBe("rule");
    expect(kind("a.example.com"), "the wildcard listener has no route, and no other listener steps in").toBe(
      "no-route",
    );
    expect(kind("a.example.com", 8080)).toBe("rule");
    expect(kind("b.example.com", 8080)).toBe("no-listener");
    expect(kind("a.org", 81)).toBe("no-listener");
    expect(kind("a.".repeat(200)), "longer than a hostname can be").toBe("no-listener");
  });

  it("answers 421 where SNI selects another listener than Host does", () => {
    const listener = { ...PLAIN_LISTENER, protocol: "HTTP" as const, port: 443, hosts: [] };
    const router = createRouter({
      ...EMPTY,
      listeners: [
        { ...listener, name: "a", hostname: "a.example.com" },
        { ...listener, name: "wild", hostname: "*.example.com" },
      ],
    });
    const kind = (hostname: string, sni: string) => router.select(443, hostname, sni).kind;
    expect(kind("a.example.com", "a.example.com")).toBe("listener");
    expect(kind("b.example.com", "c.example.com")).toBe("listener");
    expect(kind("a.example.com", "b.example.com")).toBe("misdirected-request");
    expect(kind("b.example.com", "a.example.com")).toBe("misdirected-request");
    expect(kind("other.org", "a.example.com")).toBe("no-listener");
  });

  it("lists hostnames from most to least specific", () => {
    expect(candidateHostnames("a.b.c")).toEqual(["a.b.c", "*.b.c", "*.c", "*"]);
  });

  it("matches regular expressions in full, in linear time", () => {
    const pattern = matchOf({ path: { type: "RegularExpression", value: "/(a+)+" } });
    const header = matchOf({ headers: [{ type: "RegularExpression", name: "x", value: "v[0-9]" }] });
    const router = createRouter(bundleOf([{ hostname: "*", seniority: 0, rule: ruleOf("test/r", [pattern, header]) }]));
    const kind = (path: string, x = "") => route(router, 80, "h", matchRequest("GET", path, [["x", x]])).kind;
    expect(kind("/aaa")).toBe("rule");
    expect(kind("/aaab")).toBe("no-route");
    expect(kind("/b", "v1")).toBe("rule");
    expect(kind("/b", "xv12")).toBe("no-route");
    // An engine that backtracks would take 2^5000 steps.
    expect(kind(`/${"a".repeat(5_000)}!`)).toBe("no-route");
  });

  it("compares paths after decoding unreserved characters, and keeps reserved ones apart", () => {
    const admin = ruleOf("test/admin", [matchOf({ path: { type: "PathPrefix", value: "/admin" } })]);
    const router = createRouter(bundleOf([{ hostname: "*", seniority: 0, rule: admin }]));
    const kind = (path: string) => route(router, 80, "h", matchRequest("GET", path, [])).kind;
    expect(kind("/%61dmin/users")).toBe("rule");
    expect(kind("/admin%2Fusers")).toBe("no-route");
    expect(kind("/%zz")).toBe("no-route");
  });
});
