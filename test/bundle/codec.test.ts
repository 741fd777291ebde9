/** The codec: canonical bytes, and nothing that is not a whole bundle of this format is ever decoded. */
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { BUNDLE_REFUSALS, BundleError, canonicalJson, decodeBundle, encodeBundle } from "../../src/bundle/codec.ts";
import { readLines } from "../../src/bundle/read-lines.ts";
import type { Bundle } from "../../src/bundle/types.ts";
import { sha256 } from "../support/sha256.ts";
import { FIELDS, anchor, hex, policy, set } from "./sample.ts";

const { bundle, text } = encodeBundle(FIELDS, sha256);

/** The reason for which an input is refused; an exception of another kind fails the test. */
function refusal(input: string | Uint8Array): string {
  try {
    decodeBundle(input, sha256);
  } catch (error) {
    if (error instanceof BundleError) {
      expect(BUNDLE_REFUSALS).toContain(error.reason);
      return `${error.reason} ${error.path}`.trim();
    }
    throw error;
  }
  return "accepted";
}

/** A changed bundle with the digest of its new content, so that only its structure can refuse it. */
const resealed = (change: (fields: Record<string, unknown>) => void): string => {
  const fields = structuredClone(FIELDS) as unknown as Record<string, unknown>;
  change(fields);
  return encodeBundle(fields as unknown as Omit<Bundle, "digest">, sha256).text;
};

describe("encode", () => {
  test("keys are sorted at every depth, and the digest covers all other fields", () => {
    const shuffled = Object.fromEntries(Object.entries(FIELDS).reverse()) as unknown as Omit<Bundle, "digest">;
    expect(encodeBundle(shuffled, sha256).text).toBe(text);
    expect(bundle.digest).toBe(hex(text.replace(/^"digest":.*\n/m, "")));
    expect(text.replaceAll("\n", "")).toBe(canonicalJson(bundle));
  });

  test("canonical JSON agrees with JSON.stringify on anything JSON holds, key order aside", () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        expect(JSON.parse(canonicalJson(value))).toEqual(JSON.parse(JSON.stringify(value)));
      }),
    );
  });
});

describe("decode", () => {
  test("after encode is identity, from text and from bytes", () => {
    expect(decodeBundle(text, sha256)).toEqual(bundle);
    expect(decodeBundle(new TextEncoder().encode(text), sha256)).toEqual(bundle);
  });

  test("a bundle cut anywhere is refused", () => {
    const bytes = new TextEncoder().encode(text);
    const accepted = [...bytes.keys()].filter((length) => refusal(bytes.slice(0, length)) === "accepted");
    expect(accepted).toEqual([]);
  });

  test("a bundle with any byte changed is refused", () => {
    const bytes = new TextEncoder().encode(text);
    fc.assert(
      fc.property(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 }), (at, flip) => {
        const altered = bytes.slice();
        altered[at] = (altered[at] ?? 0) ^ flip;
        expect(refusal(altered)).not.toBe("accepted");
      }),
      { numRuns: 2_000 },
    );
  });

  test("text or bytes that are no bundle are refused, never an exception of another kind", () => {
    fc.assert(fc.property(fc.oneof(fc.string(), fc.json()), (input) => refusal(input) !== "accepted"));
    fc.assert(fc.property(fc.uint8Array(), (input) => refusal(input) !== "accepted"));
  });

  test("a spare space, another key order, a second bundle behind it: not canonical, so refused", () => {
    expect(refusal(text.replace("{", "{ "))).toBe("digest-mismatch digest");
    expect(refusal(`${JSON.stringify(bundle)}\n`)).toBe("digest-mismatch digest");
    expect(refusal(text + text)).toBe("not-json");
  });

  test.for<[name: string, input: string, expected: string]>([
    ["empty", "", "not-json"],
    ["a list", "[]", "not-json"],
    ["null", "null", "not-json"],
    ["no format", "{}", "unknown-format format"],
    ["format 2", text.replace('"format":1', '"format":2'), "unknown-format format"],
    ["format 0", text.replace('"format":1', '"format":0'), "unknown-format format"],
    ["no digest", '{"format":1}', "wrong-type digest"],
    ["unknown field", resealed((fields) => (fields["extra"] = 1)), "unknown-field extra"],
    ["missing field", resealed((fields) => delete fields["anchors"]), "missing-field anchors"],
    [
      "__proto__",
      resealed((fields) => Object.defineProperty(fields, "__proto__", { value: {}, enumerable: true })),
      "unknown-field __proto__",
    ],
    [
      "deep unknown field",
      resealed(
        ({ listeners }) => ((listeners as Record<string, unknown>[])[0] = { ...(listeners as object[])[0], more: {} }),
      ),
      "unknown-field listeners[0].more",
    ],
    ["no newline at its end", text.slice(0, -1), "digest-mismatch"],
    ["a list that is none", resealed((fields) => (fields["requires"] = "websocket")), "wrong-type requires"],
    ...[["a list", []] as const, ["null", null] as const].map(([what, value]): [string, string, string] => [
      `an object that is ${what}`,
      resealed(
        (fields) => (fields["rules"] = (fields["rules"] as object[]).map((rule) => ({ ...rule, timeouts: value }))),
      ),
      "wrong-type rules[0].timeouts",
    ]),
    ["wrong type", resealed((fields) => (fields["gateway"] = 7)), "wrong-type gateway"],
    [
      "unknown code",
      resealed(
        ({ rules }) =>
          ((rules as { action: unknown }[])[1] = {
            ...(rules as { action: unknown }[])[1],
            action: { kind: "refused", code: "made-up" },
          }),
      ),
      "wrong-type rules[1].action.code",
    ],
    [
      "unknown action",
      resealed(
        ({ rules }) =>
          ((rules as { action: unknown }[])[1] = {
            ...(rules as { action: unknown }[])[1],
            action: { kind: "teleport" },
          }),
      ),
      "wrong-type rules[1].action.kind",
    ],
    ["unknown capability", resealed((fields) => (fields["requires"] = ["teleport"])), "wrong-type requires[0]"],
    ["another weight under the same digest", text.replace('"weight":1', '"weight":3'), "digest-mismatch digest"],
    [
      "weight 0",
      resealed(
        (fields) =>
          (fields["rules"] = JSON.parse(
            JSON.stringify(fields["rules"]).replace('"weight":1', '"weight":0'),
          ) as unknown),
      ),
      "wrong-type rules[0].action.backendRefs[0].weight",
    ],
    [
      "rule that is not there",
      resealed(({ rules }) => (rules as unknown[]).pop()),
      "dangling-reference listeners[0].hosts",
    ],
    [
      "backend that is not there",
      resealed(({ backends }) => delete (backends as Record<string, unknown>)["shop/b:443"]),
      "dangling-reference rules[0]",
    ],
    [
      "policy that is not there",
      resealed((fields) => (fields["policies"] = {})),
      "dangling-reference backends.shop/b:443",
    ],
    [
      "anchor set that is not there",
      resealed((fields) => (fields["anchorSets"] = {})),
      `dangling-reference policies.${policy}`,
    ],
    [
      "anchor that is not there",
      resealed((fields) => (fields["anchors"] = {})),
      `dangling-reference anchorSets.${set}`,
    ],
  ])("%s", ([, input, expected]) => {
    expect(refusal(input)).toBe(expected);
  });
});

describe("decode after another bundle", () => {
  const route = (name: string, weight: number): Bundle["rules"][number] => ({
    ...(FIELDS.rules[1] as Bundle["rules"][number]),
    route: `shop/${name}`,
    action: { kind: "forward", backendRefs: [{ weight, backend: `shop/${name}:80`, filters: [] }] },
  });
  /** A route, a host and a backend for each weight. */
  const fieldsOf = (weights: readonly number[]): Omit<Bundle, "digest"> => ({
    ...FIELDS,
    listeners: FIELDS.listeners.flatMap((listener) =>
      ["http", "other"].map((name) => ({
        ...listener,
        name,
        hosts: weights.map((weight, rule) => ({ hostname: `${name}-${weight}`, order: [[rule, 0] as const] })),
      })),
    ),
    rules: weights.map((weight, index) => route(`r${index}`, weight)),
    backends: {
      ...FIELDS.backends,
      ...Object.fromEntries(
        weights.map((weight, index) => [
          `shop/r${index}:80`,
          {
            service: `shop/r${index}`,
            port: 80,
            protocol: "http" as const,
            transport: { kind: "plaintext" as const },
            endpoints: [{ host: "::1", port: weight }],
          },
        ]),
      ),
    },
  });
  const weights = fc.array(fc.integer({ min: 1, max: 60 }), { maxLength: 40 });

  test("is the same as decoding alone, whatever came before", () => {
    fc.assert(
      fc.property(weights, weights, (first, second) => {
        const before = decodeBundle(encodeBundle(fieldsOf(first), sha256).text, sha256);
        const { text: next, bundle: expected } = encodeBundle(fieldsOf(second), sha256);
        const decoded = decodeBundle(next, sha256, before);
        expect(decoded).toEqual(expected);
        // The bundle after that builds on a decoded one again.
        expect(decodeBundle(text, sha256, decoded)).toEqual(bundle);
      }),
    );
  });

  test("shares what did not change, and that alone", () => {
    const first = Array.from({ length: 60 }, (_, index) => index + 1);
    const before = decodeBundle(encodeBundle(fieldsOf(first), sha256).text, sha256);
    const second = first.map((weight, index) => (index === 30 ? 59_000 : weight));
    const after = decodeBundle(encodeBundle(fieldsOf(second), sha256).text, sha256, before);
    const changedAmong = <T>(now: readonly T[], then: readonly T[] = []): number[] =>
      [...now.keys()].filter((index) => now[index] !== then[index]);
    expect(changedAmong(after.rules, before.rules)).toEqual([30]);
    expect(after.listeners.map(({ hosts }, at) => changedAmong(hosts, before.listeners[at]?.hosts))).toEqual([
      [30],
      [30],
    ]);
    const ids = Object.keys(after.backends);
    expect(ids.filter((id) => after.backends[id] !== before.backends[id])).toEqual(["shop/r30:80"]);
    expect(after.policies[policy]).toBe(before.policies[policy]);
  });

  test("finds a fault in what is new, and a reference that what is old has lost", () => {
    const before = decodeBundle(encodeBundle(fieldsOf([1, 2]), sha256).text, sha256);
    const refusalAfter = (fields: unknown): string => {
      try {
        decodeBundle(encodeBundle(fields as Omit<Bundle, "digest">, sha256).text, sha256, before);
      } catch (error) {
        if (error instanceof BundleError) return `${error.reason} ${error.path}`;
        throw error;
      }
      return "accepted";
    };
    const { rules, backends, ...rest } = fieldsOf([1, 2]);
    expect(refusalAfter({ ...rest, backends, rules: [rules[0], { ...rules[1], index: -1 }] })).toBe(
      "wrong-type rules[1].index",
    );
    expect(refusalAfter({ ...rest, rules, backends: FIELDS.backends })).toBe("dangling-reference rules[0]");
    expect(refusalAfter({ ...rest, rules: rules.slice(1), backends })).toBe("dangling-reference listeners[0].hosts");
    expect(refusalAfter({ ...rest, rules, backends, anchors: { [anchor]: 7 } })).toBe(`wrong-type anchors.${anchor}`);
  });

  test("lines cut, doubled or moved are read as JSON reads them, or not by lines", () => {
    const whole = encodeBundle(fieldsOf([1, 2, 3]), sha256).text.split("\n");
    const { layout } = readLines(whole.join("\n"), null) ?? {};
    const line = fc.oneof(
      fc.nat(whole.length - 1).map((at) => whole[at] ?? ""),
      fc.constantFrom("{", "},", "],", ""),
    );
    let read = 0;
    fc.assert(
      fc.property(fc.nat(whole.length), fc.nat(2), fc.array(line, { maxLength: 2 }), (at, cut, put) => {
        const changed = whole.toSpliced(at, cut, ...put).join("\n");
        const found = readLines(changed, layout ?? null);
        if (found === null) return;
        read++;
        expect(found.value).toEqual(JSON.parse(changed));
      }),
      { numRuns: 5_000 },
    );
    expect(read).toBeGreaterThan(100);
  });
});
