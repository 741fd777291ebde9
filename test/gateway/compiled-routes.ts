/** A bundle that the compiler makes of HTTPRoutes, so that their precedence in it is the compiler's. */
import type { Bundle, BundleMatch } from "../../src/bundle/types.ts";
import { compile } from "../../src/compile/index.ts";
import { edgeObjects } from "../support/edge-objects.ts";
import type { SlowRoute } from "./slow-router.ts";

/** The number of routes with one creationTimestamp, so that their names decide which one is senior. */
const SAME_AGE = 3;

/** The name of the HTTPRoute whose place among all, by age and then by name, is `seniority`. */
export function routeNameOf(seniority: number): string {
  return `test/${"abc"[seniority % SAME_AGE]}${seniority}`;
}

/** Compiles the rules as HTTPRoutes, in the order in which the rules are given. */
export function compileRoutes(routes: readonly SlowRoute[]): Bundle {
  const names = [...new Set(routes.map(({ rule }) => rule.route))];
  const objects = names.map((name) => routeObject(routes.filter(({ rule }) => rule.route === name)));
  const text = [...edgeObjects("test"), ...objects].map((object) => JSON.stringify(object)).join("\n---\n");
  const { bundle } = compile([{ file: "routes.yaml", text }], { gateway: "test/edge" });
  if (bundle === null) throw new Error("no bundle");
  return bundle;
}

/** The HTTPRoute of rules that have one name, hostname and seniority. */
function routeObject(rules: readonly SlowRoute[]): object {
  const [first] = rules;
  if (first === undefined) throw new Error("no rule");
  const age = Math.floor(first.seniority / SAME_AGE);
  return {
    apiVersion: "gateway.networking.k8s.io/v1",
    kind: "HTTPRoute",
    metadata: {
      namespace: "test",
      name: first.rule.route.slice("test/".length),
      creationTimestamp: new Date(Date.UTC(2026, 0, 1 + age)).toISOString().replace(".000Z", "Z"),
    },
    spec: {
      parentRefs: [{ name: "edge" }],
      ...(first.hostname === "*" ? {} : { hostnames: [first.hostname] }),
      rules: rules.map(({ rule }) => ({ matches: rule.matches.map(matchObject) })),
    },
  };
}

const matchObject = ({ method, ...match }: BundleMatch): object => (method === null ? match : { ...match, method });
