/** The docs name every code, so that none appears that an operator cannot look up, and what each runtime lacks. */
import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { TRANSPORT_CODES } from "../src/backend/failure.ts";
import { CONFIG_CODES } from "../src/bundle/types.ts";
import { INPUT_CODES } from "../src/compile/diagnostics/diagnostics.ts";
import { OPTION_KEYS } from "../src/compile/policies/options.ts";
import { REFUSAL_CODES } from "../src/trust/index.ts";
import { CHECKS } from "./runtimes/checks/all.ts";

const DOCS: readonly [string, readonly string[]][] = [
  ["docs/build.md", [...INPUT_CODES, ...OPTION_KEYS]],
  ["docs/failures.md", [...CONFIG_CODES, ...TRANSPORT_CODES]],
  ["docs/trust.md", REFUSAL_CODES],
];

it.each(DOCS)("%s names every code", (path, codes) => {
  const text = readFileSync(new URL(`../${path}`, import.meta.url), "utf8");
  expect(codes.filter((code) => !text.includes(`\`${code}\``))).toEqual([]);
});

it("docs/architecture.md names what a runtime lacks as the suite of all runtimes does", () => {
  const table = readFileSync(new URL("../docs/architecture.md", import.meta.url), "utf8");
  const reasons = CHECKS.flatMap(({ lacks = {} }) => Object.values(lacks).map(({ reason }) => reason));
  expect(reasons.length).toBeGreaterThan(0);
  expect(reasons.filter((reason) => !table.includes(`| ${reason} `))).toEqual([]);
});
