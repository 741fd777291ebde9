/** YAML that the command line writes: kubectl reads the values that lasthop means. */
import { load } from "js-yaml";
import { expect, it } from "vitest";
import { parse } from "yaml";
import { toYaml } from "../../src/cli/yaml.ts";

it.each([
  ["words that are booleans in YAML 1.1", { a: "yes", b: "on", c: "n", d: "off" }],
  ["numbers and null as text", { a: "1", b: "1e3", c: "null", d: "0x1f", e: "1:30", f: "~" }],
  ["quotes", { a: "it's", b: 'say "no"', c: `both ' and "` }],
  ["text that is longer than a line", { a: `${"word ".repeat(100)}end` }],
  ["several lines", { a: "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n" }],
  ["control characters", { a: "tab\there", b: "\u0007" }],
])("reads back in YAML 1.1 and 1.2: %s", (_what, object) => {
  const text = toYaml([object]);
  expect(parse(text, { version: "1.1" })).toEqual(object);
  expect(load(text)).toEqual(object);
});

it("writes an object that appears twice in full, and one document for each object", () => {
  const shared = { name: "a" };
  expect(toYaml([{ one: shared, two: shared }, { three: 3 }])).toBe(
    "one:\n  name: a\ntwo:\n  name: a\n---\nthree: 3\n",
  );
});
