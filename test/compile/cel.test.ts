/** Rules of CustomResourceDefinitions that no API server would have stored. */
import { describe, expect, it } from "vitest";
import { brokenRules } from "../../src/compile/schema/cel.ts";

describe("a malformed rule", () => {
  it.each([
    ["null", null],
    ["a string", "true"],
    ["without a rule", { message: "no" }],
    ["with a number for a rule", { rule: 1 }],
    ["with a number for a message", { rule: "false", message: 1 }],
    ["with a list for a field's path", { rule: "false", fieldPath: [] }],
  ])("%s crashes nothing, and is told", (_, rule) => {
    const schema = { type: "object", "x-kubernetes-validations": [rule, { rule: "false", message: "never" }] };
    expect(brokenRules(schema, {})).toEqual([
      { path: [], message: "it is malformed", kind: "unknown" },
      { path: [], message: "never", kind: "broken" },
    ]);
  });
});
