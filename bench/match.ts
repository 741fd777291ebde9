/**
 * The cost of matching with 10, 1,000 and 10,000 routes, as a ratio to the cost with 10 in the same run. The routes differ
 * in hostnames and wildcards, in prefixes, in headers, or in query parameters.
 */
import type { Bundle, BundleHost, BundleMatch, BundleRule } from "../src/bundle/types.ts";
import { matchRequest } from "../src/gateway/match/request.ts";
import { createRouter, type Router } from "../src/gateway/match/router.ts";
import { format, interleave, ratios, spread } from "./measure.ts";

const LOOKUPS = 20_000;
const ROUNDS = 15;

interface Case {
  readonly hostname: (index: number) => string;
  readonly match: (index: number) => BundleMatch;
  /** Whether the router finds a rule for a request that route `index` matches. */
  readonly lookUp: (router: Router, index: number) => boolean;
  readonly sizes: readonly number[];
}

const base: BundleMatch = { path: { type: "PathPrefix", value: "/" }, method: null, headers: [], queryParams: [] };
const exact = (name: string, value: string) => [{ type: "Exact" as const, name, value }];
const route = (router: Router, hostname: string, target: string, headers: [string, string][] = []): boolean => {
  const selected = router.select(80, hostname, null);
  if (selected.kind !== "listener") return false;
  const request = matchRequest("GET", target, [["accept", "*/*"], ["user-agent", "bench"], ...headers]);
  return router.match(selected, request) !== null;
};

const CASES: Readonly<Record<string, Case>> = {
  "hostnames, every tenth a wildcard": {
    hostname: (index) => (index % 10 === 0 ? `*.w${index}.example.com` : `h${index}.example.com`),
    match: () => base,
    lookUp: (router, index) =>
      route(router, index % 10 === 0 ? `a.w${index}.example.com` : `h${index}.example.com`, "/x"),
    sizes: [10, 1_000, 10_000],
  },
  "prefixes under one hostname": {
    hostname: () => "one.example.com",
    match: (index) => ({ ...base, path: { type: "PathPrefix", value: `/team${index % 100}/app${index}` } }),
    lookUp: (router, index) => route(router, "one.example.com", `/team${index % 100}/app${index}/page`),
    sizes: [10, 1_000, 10_000],
  },
  "header variants of one path": {
    hostname: () => "one.example.com",
    match: (index) => ({ ...base, headers: exact("x-tenant", `t${index}`) }),
    lookUp: (router, index) => route(router, "one.example.com", "/", [["x-tenant", `t${index}`]]),
    sizes: [10, 1_000],
  },
  "header names of one path": {
    hostname: () => "one.example.com",
    match: (index) => ({ ...base, headers: exact(`x-flag-${index}`, "on") }),
    lookUp: (router, index) => route(router, "one.example.com", "/", [[`x-flag-${index}`, "on"]]),
    sizes: [10, 1_000],
  },
  "query variants of one path": {
    hostname: () => "one.example.com",
    match: (index) => ({ ...base, queryParams: exact("tenant", `t${index}`) }),
    lookUp: (router, index) => route(router, "one.example.com", `/?tenant=t${index}`),
    sizes: [10, 1_000],
  },
};

function bundleFor({ hostname, match }: Case, size: number): Bundle {
  const rules: BundleRule[] = [];
  const orders = new Map<string, [number, number][]>();
  for (let index = 0; index < size; index++) {
    const rule = rules.push({
      route: `bench/r${index}`,
      index: 0,
      name: null,
      matches: [match(index)],
      filters: [],
      timeouts: { requestMs: null, backendRequestMs: null },
      retry: null,
      action: { kind: "refused", code: "backend-refs-empty" },
    });
    const order = orders.get(hostname(index)) ?? [];
    order.push([rule - 1, 0]);
    orders.set(hostname(index), order);
  }
  const hosts: BundleHost[] = [...orders].map(([name, order]) => ({ hostname: name, order }));
  return {
    format: 1,
    digest: "",
    gateway: "bench/edge",
    requires: [],
    listeners: [{ name: "http", port: 80, protocol: "HTTP", hostname: null, tls: null, filters: [], hosts }],
    rules,
    backends: {},
    clientCertificate: null,
    certificates: {},
    policies: {},
    anchorSets: {},
    anchors: {},
  };
}

/** Prints the table of match costs. */
export async function benchMatch(): Promise<void> {
  console.log(`## Match cost (CPU µs a lookup, ${LOOKUPS} lookups a round, ${ROUNDS} rounds)\n`);
  console.log("| routes | size | µs | ratio to size 10 |\n|---|---|---|---|");
  for (const [name, bench] of Object.entries(CASES)) {
    const tasks: Record<string, () => void> = {};
    for (const size of bench.sizes) {
      const router = createRouter(bundleFor(bench, size));
      const run = (): void => {
        for (let index = 0; index < LOOKUPS; index++) {
          if (!bench.lookUp(router, (index * 7919) % size)) throw new Error(`${name}: no rule at ${index}`);
        }
      };
      run();
      tasks[size] = run;
    }
    const samples = await interleave(tasks, ROUNDS);
    const smallest = samples[bench.sizes[0] ?? 10] ?? [];
    for (const size of bench.sizes) {
      const own = samples[size] ?? [];
      console.log(
        `| ${name} | ${size} | ${format(spread(own.map((us) => us / LOOKUPS)))} | ${format(ratios(own, smallest))} |`,
      );
    }
  }
  console.log();
}

if (process.argv[1] === import.meta.filename) await benchMatch();
