/** A compiler that remembers its last compilation gives what a new compiler gives, whatever has changed in between. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { decodeBundle } from "../../src/bundle/codec.ts";
import type { Bundle, BundleRule } from "../../src/bundle/types.ts";
import { clusterCompiler, Diagnostics, type RawObject } from "../../src/compile/index.ts";
import { readObjects } from "../../src/compile/document/objects.ts";
import { matchRequest } from "../../src/gateway/match/request.ts";
import { createRouter, type Router } from "../../src/gateway/match/router.ts";
import { mintPlaceholders } from "./minted.ts";
import { sha256 } from "../support/sha256.ts";

const DIRECTORY = join(import.meta.dirname, "golden");
const OPTIONS = {
  allowLoopback: false,
  allowAddressAnnotation: true,
  allowExternalName: false,
  requireBackendTls: false,
};

/** Each golden input is a cluster. Objects of one name in several clusters serve as changes of each other. */
const clusters = await Promise.all(
  readdirSync(DIRECTORY)
    .filter((name) => name.endsWith(".in.yaml"))
    .map(async (name) => {
      const text = await mintPlaceholders(readFileSync(join(DIRECTORY, name), "utf8"));
      return readObjects([{ file: name, text }], new Diagnostics()).objects;
    }),
);
const all = clusters.flat();
const keyOf = ({ group, ref }: RawObject): string => [group, ref.kind, ref.namespace ?? "default", ref.name].join(" ");
const variants = new Map<string, RawObject[]>();
for (const raw of all) variants.set(keyOf(raw), [...(variants.get(keyOf(raw)) ?? []), raw]);

/** The same object as another one, as a watch brings it after every change. */
const copyOf = (raw: RawObject): RawObject => ({ ...raw, value: structuredClone(raw.value) });

type Change = (objects: readonly RawObject[]) => readonly RawObject[];
const without = (objects: readonly RawObject[], at: number): RawObject[] => objects.filter((_, index) => index !== at);
const anyOf = <T>(items: readonly T[], choice: number): T | undefined => items[choice % Math.max(1, items.length)];

const change: fc.Arbitrary<Change> = fc.oneof(
  // An object changes: it gets the content of another object of its name.
  {
    weight: 6,
    arbitrary: fc.tuple(fc.nat(), fc.nat()).map(([which, choice]): Change => (objects) => {
      const at = which % Math.max(1, objects.length);
      const before = objects[at];
      const next = before === undefined ? undefined : anyOf(variants.get(keyOf(before)) ?? [], choice);
      return next === undefined ? objects : objects.with(at, { ...next });
    }),
  },
  {
    weight: 2,
    arbitrary: fc.nat().map(
      (which): Change =>
        (objects) =>
          without(objects, which % Math.max(1, objects.length)),
    ),
  },
  {
    weight: 3,
    arbitrary: fc.nat().map((choice): Change => (objects) => {
      const next = anyOf(all, choice);
      return next === undefined || objects.includes(next) ? objects : [...objects, next];
    }),
  },
  // A change of the order alone.
  { weight: 1, arbitrary: fc.constant<Change>((objects) => [...objects].reverse()) },
  // No change at all.
  { weight: 1, arbitrary: fc.constant<Change>((objects) => objects) },
);

/** For each match of each host, a function that returns the rule by which a router answers a request for it. */
const asksOf = ({ listeners, rules }: Bundle): ((router: Router) => BundleRule | null)[] =>
  listeners.flatMap(({ port, hosts }) =>
    hosts.flatMap(({ hostname, order }) =>
      order.map(([rule, match]) => (router: Router) => {
        const selected = router.select(port, hostname.replace("*", "a"), null);
        if (selected.kind !== "listener") return null;
        const { path, method } = rules[rule]?.matches[match] ?? { path: { value: "/" }, method: null };
        return router.match(selected, matchRequest(method ?? "GET", path.value, []))?.rule ?? null;
      }),
    ),
  );

const YEAR_MS = 365 * 86_400_000;

describe("a cluster that changes", () => {
  test("gives the bundles, statuses, secrets and diagnostics of one compiled from scratch", () => {
    let bundles = 0;
    fc.assert(
      fc.property(fc.nat(clusters.length - 1), fc.array(change, { minLength: 1, maxLength: 25 }), (which, changes) => {
        const compile = clusterCompiler(OPTIONS);
        const served = new Map<string, Bundle>();
        const routers = new Map<string, Router>();
        let objects: readonly RawObject[] = clusters[which] ?? [];
        let now = Date.UTC(2018, 0, 1);
        /** The objects that the incremental compiler gets: the same object until it changes. */
        const copies = new Map<RawObject, RawObject>();
        const seen = (raw: RawObject): RawObject => {
          const copy = copies.get(raw) ?? copyOf(raw);
          copies.set(raw, copy);
          return copy;
        };
        for (const step of [(same: readonly RawObject[]) => same, ...changes]) {
          objects = step(objects);
          // Time passes between compilations: conditions about dates must not be remembered for too long.
          now += YEAR_MS;
          const found = compile(objects.map(seen), now);
          const expected = clusterCompiler(OPTIONS)(objects.map(copyOf).reverse(), now);
          expect(found).toEqual(expected);
          for (const { name, text } of found.gateways) {
            const bundle = decodeBundle(text, sha256, served.get(name) ?? null);
            expect(bundle).toEqual(decodeBundle(text, sha256));
            const router = createRouter(bundle, routers.get(name) ?? null);
            const anew = createRouter(bundle);
            for (const ask of asksOf(bundle)) expect(ask(router)).toBe(ask(anew));
            served.set(name, bundle);
            routers.set(name, router);
            bundles++;
          }
        }
      }),
      { numRuns: 120 },
    );
    expect(bundles).toBeGreaterThan(500);
  });

  test("shares the rest of the statuses with the compile before", () => {
    const compile = clusterCompiler(OPTIONS);
    const cluster = clusters.find((own) => own.filter(({ ref }) => ref.kind === "HTTPRoute").length > 2) ?? [];
    const objects = cluster.map(copyOf);
    const before = compile(objects);
    const at = objects.findIndex(({ ref }) => ref.kind === "HTTPRoute");
    const raw = objects[at];
    if (raw === undefined) throw new Error("no route");
    const after = compile(objects.with(at, copyOf(raw)));
    expect(after).toEqual(before);
    const routes = after.statuses.filter(({ kind }) => kind === "HTTPRoute");
    expect(routes.length - routes.filter((status) => before.statuses.includes(status)).length).toBe(1);
    expect(compile(objects.with(at, raw)).gateways).toEqual(before.gateways);
  });
});
