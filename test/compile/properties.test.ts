/** What holds for every input: order changes nothing, nothing crashes the compiler, no key ever comes out. */
import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { dump, loadAll } from "js-yaml";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { decodeBundle } from "../../src/bundle/codec.ts";
import { compile, reportJson, reportText } from "../../src/compile/index.ts";

const DIRECTORY = join(import.meta.dirname, "golden");
const inputs = readdirSync(DIRECTORY)
  .filter((name) => name.endsWith(".in.yaml") && !name.startsWith("fatal"))
  .map((name) => ({ name, text: readFileSync(join(DIRECTORY, name), "utf8") }));
const sha256 = (bytes: Uint8Array): Uint8Array => createHash("sha256").update(bytes).digest();
const OPTIONS = { gateway: "shop/edge" };

/** Keys of every map in another order. */
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
          const { text: bytes, statuses } = compile(
            [
              { file: "z.yaml", text: part(shuffled.slice(0, cut)) },
              { file: "b.yaml", text: part(shuffled.slice(cut)) },
            ],
            OPTIONS,
          );
          expect(bytes).toBe(expected.text);
          expect(statuses).toEqual(expected.statuses);
        },
      ),
      { numRuns: 5 },
    );
  });

  test.for(inputs)("$name: the bundle decodes to itself", ({ text }) => {
    const { bundle, text: bytes } = compile([{ file: "a.yaml", text }], OPTIONS);
    if (bytes !== null) expect(decodeBundle(bytes, sha256)).toEqual(bundle);
  });
});

/** Compiles, and reports as the command does; anything but a result fails the test. */
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
          replaceAt(object, step, value, rename);
          survives([object, ...rest].map((item) => dump(item, { noRefs: true, skipInvalid: true })).join("---\n"));
        },
      ),
      { numRuns: 1_500 },
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

  test("a pattern that backtracks, on a long string", () => {
    const long = `${"a-".repeat(100_000)}!`;
    const started = performance.now();
    survives(
      `apiVersion: gateway.networking.k8s.io/v1\nkind: Gateway\nmetadata: { name: ${long} }\nspec: { gatewayClassName: "${long}", listeners: [{ name: "${long}", port: 1, protocol: HTTP, hostname: "${long}" }] }\n`,
    );
    expect(performance.now() - started).toBeLessThan(5_000);
  });
});

/** Replaces the value, or the key, of the `step`-th node. */
function replaceAt(root: unknown, step: number, value: unknown, rename: boolean): void {
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

describe("secrets", () => {
  const key = "MC4CAQAwBQYDK2VwBCIEIAtThisIsTheKeyAndItMustNeverBeSeenAnywhere";
  const pem = `-----BEGIN PRIVATE KEY-----\n    ${key}\n    -----END PRIVATE KEY-----`;
  const base64 = Buffer.from(pem).toString("base64");
  const places: [name: string, text: string][] = [
    [
      "a Secret's ca.crt",
      `apiVersion: v1\nkind: Secret\nmetadata: { name: s }\nstringData:\n  ca.crt: |\n    ${pem}\n`,
    ],
    [
      "a Secret's tls.key of the wrong type",
      `apiVersion: v1\nkind: Secret\nmetadata: { name: s }\ndata:\n  tls.key: ["${key}"]\n`,
    ],
    [
      "a Secret's data that is no base64",
      `apiVersion: v1\nkind: Secret\nmetadata: { name: s }\ndata:\n  tls.key: "!${key}"\n`,
    ],
    ["a Secret's annotation", `apiVersion: v1\nkind: Secret\nmetadata: { name: s, annotations: { a: ["${key}"] } }\n`],
    [
      "a Secret with an unknown version",
      `apiVersion: v2\nkind: Secret\nmetadata: { name: s }\nstringData: { key: "${key}" }\n`,
    ],
    [
      "a Secret that is broken YAML",
      `apiVersion: v1\nkind: Secret\nmetadata: { name: s }\nstringData:\n  key: "${key}": x\n`,
    ],
    [
      "a ConfigMap's ca.crt",
      `apiVersion: v1\nkind: ConfigMap\nmetadata: { name: s, namespace: shop }\ndata:\n  ca.crt: |\n    ${pem}\n`,
    ],
    [
      "a ConfigMap of the wrong type",
      `apiVersion: v1\nkind: ConfigMap\nmetadata: { name: s }\ndata: { ca.crt: ["${key}"] }\n`,
    ],
    [
      "binaryData",
      `apiVersion: v1\nkind: ConfigMap\nmetadata: { name: s, namespace: shop }\nbinaryData: { ca.crt: ${base64} }\n`,
    ],
  ];
  const cluster = readFileSync(join(DIRECTORY, "policy-unused.in.yaml"), "utf8").replaceAll("name: ca ", "name: s ");

  test.for(places)("%s is never in the bundle, a status or a message", ([, text]) => {
    const result = compile([{ file: "a.yaml", text: `${cluster}\n---\n${text}` }], OPTIONS);
    const all = [
      result.text ?? "",
      JSON.stringify(result.statuses),
      reportText(result, false),
      reportJson(result),
    ].join("\n");
    expect(all).not.toContain(key.slice(8, 40));
    expect(all).not.toContain(base64.slice(60, 100));
  });
});
