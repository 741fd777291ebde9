/** Patterns of schemas: texts that they nearly match are refused in time proportional to their length. */
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { createAjv } from "../../src/compile/schema/ajv.ts";
import { expectLinear } from "../support/growth.ts";

const SCHEMAS = readFileSync(new URL("../../src/compile/schema/gateway-api.json", import.meta.url), "utf8");
const OF_CRDS = [...SCHEMAS.matchAll(/"pattern": (?<pattern>"(?:[^"\\]|\\.)*")/gu)].map(
  ({ groups }) => JSON.parse(groups?.["pattern"] ?? '""') as string,
);
/** Patterns that a CustomResourceDefinition among the inputs may have. */
const OF_USERS = ["^(a+)+$", "^(a|a)*$", "^(a|aa)+$", "^(([a-z])+.)+[A-Z]([a-z])+$", "^(a{0,9}){0,99}$"];
const NEARLY = ["a", "a.", "a-", "1", "1h", "%20", "a ", "/a", "A"];

const ajv = createAjv({ useDefaults: false, validateSchema: false });

describe.each([...new Set([...OF_CRDS, ...OF_USERS])])("the pattern %s", (pattern) => {
  const matches = ajv.compile<string>({ type: "string", pattern });

  it("says of a text what a regular expression says", () => {
    const texts = [...NEARLY, ...NEARLY.map((unit) => `${unit.repeat(3)}a`), "", "a.b/C", "10s", "*.a.b", "a\u00e9"];
    expect(texts.filter((text) => matches(text))).toEqual(texts.filter((text) => new RegExp(pattern).test(text)));
  });
  it.each(NEARLY)("is no work for a text of %j that it does not match", (unit) => {
    const check = (units: number): unknown => matches(`${unit.repeat(units)}\u00e9`);
    // Texts are short where an expression may take twice as long for each further character, and long where it does not.
    expectLinear(check, { small: 13, times: 2 });
    expectLinear(check, { small: 256, times: 2 });
  });
});

it("a pattern that only backtracking understands is no schema", () => {
  expect(() => ajv.compile({ type: "string", pattern: "^(?=a)b" })).toThrow("invalid");
});
