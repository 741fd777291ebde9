/** Properties of every input: its order changes nothing, and it does not crash the compiler. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { dump, loadAll } from "js-yaml";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { decodeBundle } from "../../src/bundle/codec.ts";
import { compile, reportJson, reportText } from "../../src/compile/index.ts";
import { mintPlaceholders } from "./minted.ts";
import { sha256 } from "../support/sha256.ts";

const DIRECTORY = join(import.meta.dirname, "golden");
const inputs = await Promise.all(
  readdirSync(DIRECTORY)
    .filter((name) => name.endsWith(".in.yaml") && !name.startsWith("fatal"))
    .map(async (name) => ({ name, text: await mintPlaceholders(readFileSync(join(DIRECTORY, name), "utf8")) })),
);
const OPTIONS = { gateway: "shop/edge" };

/** The value with the keys of every map in reverse order. */
function reversed(value: unknown): unknown {
  if (Array.isArray(value)) return value.map((item) => reversed(item));
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(
    Object.entries(value)
      .map(([key, child]) => [key, reversed(child)])
      .reverse(),
  );
}

describe("order", () => {
  test.for(inputs)("$name: shuffled objects and keys give the same bundle and statuses", ({ text }) => {
    const objects = loadAll(text).filter((object) => object !== null);
    const expected = compile([{ file: "a.yaml", text }], OPTIONS);
    fc.assert(
      fc.property(
        fc.shuffledSubarray(objects, { minLength: objects.length }),
        fc.nat(objects.length),
        (shuffled, cut) => {
          const part = (some: readonly unknown[]): string =>
            some.map((object) => dump(reversed(object), { noRefs: true })).join("---\n");
          const {
            text: bytes,
            secrets,
            statuses,
          } = compile(
            [
              { file: "z.yaml", text: part(shuffled.slice(0, cut)) },
              { file: "b.yaml", text: part(shuffled.slice(cut)) },
            ],
            OPTIONS,
          );
          expect(bytes).toBe(expected.text);
          expect(secrets).toBe(expected.secrets);
          expect(statuses).toEqual(expected.statuses);
        },
      ),
      { numRuns: 5 },
    );
  });

  test.for(inputs)("$name: the bundle decodes to itself", ({ text }) => {
    const { bundle, text: bytes } = compile([{ file: "a.yaml", text }], OPTIONS);
    expect(bytes === null ? null : decodeBundle(bytes, sha256)).toEqual(bundle);
  });
});

/** Compiles a text and makes its reports: an exception fails the test. */
function survives(text: string): void {
  const result = compile([{ file: "fuzz.yaml", text }], { target: "cloudflare" });
  reportText(result, false);
  JSON.parse(reportJson(result));
  expect(result.bundle === null).toBe(result.fatal);
}

describe("no input crashes", () => {
  const corpus = inputs.map(({ text }) => text);

  test("any text", () => {
    fc.assert(fc.property(fc.oneof(fc.string({ unit: "binary" }), fc.json()), survives), { numRuns: 1_000 });
  });

  test("any value in any place of a sound object", () => {
    const objects = corpus
      .flatMap((text) => loadAll(text))
      .filter((object) => object !== null && typeof object === "object");
    const anything = fc.anything({
      withNullPrototype: false,
      maxDepth: 2,
      values: [fc.string(), fc.integer(), fc.boolean(), fc.constant(null), fc.double()],
    });
    fc.assert(
      fc.property(
        fc.nat(objects.length - 1),
        fc.nat(200),
        fc.oneof(anything, fc.constantFrom("", "__proto__", "x".repeat(10_000), [], {}, [[]], -1, 1e308)),
        fc.boolean(),
        (which, step, value, rename) => {
          const rest = objects.filter((_, index) => index !== which).slice(0, 12);
          const object: unknown = structuredClone(objects[which]);
          replaceNode(object, step, value, rename);
          survives([object, ...rest].map((item) => dump(item, { noRefs: true, skipInvalid: true })).join("---\n"));
        },
      ),
      { numRuns: 500 },
    );
  });

  test("any cut or flipped character of a sound file", () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...corpus),
        fc.nat(),
        fc.nat(),
        fc.string({ unit: "binary", maxLength: 3 }),
        (text, from, length, put) => {
          const at = from % text.length;
          survives(text.slice(0, at) + put + text.slice(at + (length % 5)));
        },
      ),
      { numRuns: 400 },
    );
  });
});

/** Replaces the value, or the key, of the `step`-th node. */
function replaceNode(root: unknown, step: number, value: unknown, rename: boolean): void {
  let count = 0;
  const visit = (node: unknown): boolean => {
    if (node === null || typeof node !== "object") return false;
    for (const key of Object.keys(node)) {
      const holder = node as Record<string, unknown>;
      if (count++ === step) {
        if (rename && !Array.isArray(node)) {
          holder[`${key}x`] = holder[key];
          delete holder[key];
        } else holder[key] = value;
        return true;
      }
      if (visit(holder[key])) return true;
    }
    return false;
  };
  visit(root);
}

describe("large inputs", () => {
  const object = (kind: string, rest: object): string =>
    JSON.stringify({ apiVersion: "v1", kind, metadata: { name: "a", namespace: "shop" }, ...rest });

  test.for<[string, string, number]>([
    [
      "of a fault in each of 200,000 items, the first 50 are told",
      object("Service", { spec: { ports: Array.from({ length: 200_000 }, () => ({ port: 1 })) } }),
      50 + 1,
    ],
    [
      "of 200,000 keys of the wrong type, the first 50 are told",
      object("ConfigMap", { data: Object.fromEntries(Array.from({ length: 200_000 }, (_, n) => [`k${n}`, 1])) }),
      50 + 1,
    ],
    [
      "of 20,000 copies of one object, each but the first is told",
      Array.from({ length: 20_000 }, (_, n) => object("Service", { spec: { ports: [] }, n })).join("\n---\n"),
      20_000 - 1,
    ],
  ])("%s", ([, text, told]) => {
    const { diagnostics } = compile([{ file: "large.yaml", text }]);
    expect(diagnostics.filter(({ object: about }) => about !== null)).toHaveLength(told);
  });
});
