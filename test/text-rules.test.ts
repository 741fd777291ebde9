/** The rules of scripts/text-rules.ts: what they must refuse is refused, and nothing else. `npm run lint` applies them. */
import { expect, it } from "vitest";
import { textBreaches } from "../scripts/text-rules.ts";

const HEAD = "/** A file. */\n";
const FILE = "test/some/x.test.ts";

it.each([
  ["a file of 301 lines", HEAD + "a;\n".repeat(300), "301 lines"],
  ["a file without a comment at its head", "a;\n", "does not begin with a comment"],
  ["timers of Node", `${HEAD}import { setTimeout as sleep } from "node:timers/promises";\n`, "waits for time"],
  ["a promise of a timer", `${HEAD}await new Promise((resolve) => void setTimeout(resolve, 5));\n`, "waits for time"],
  [
    "a promise of a timer with a type",
    `${HEAD}await new Promise<void>((done) => setTimeout(done, 5));\n`,
    "waits for time",
  ],
  ["tests in a loop", `${HEAD}for (const one of all) {\n  it(one, () => check(one));\n}\n`, "tests in a loop"],
  [
    "tests in a loop of a suite",
    `${HEAD}  all.forEach((one) => {\n    test.each(one)("%s", check);\n  });\n`,
    "tests in a loop",
  ],
  ["a pronoun", `${HEAD}// It holds.\n`, "does not begin with its subject"],
  ["a conjunction", `${HEAD}  // And so on.\n`, "does not begin with its subject"],
  ["a lower-case word", `${HEAD}/** something else */\n`, "does not begin with its subject"],
  ["a lower-case word on the next line", `${HEAD}/**\n * something else\n */\n`, "does not begin with its subject"],
  [
    "an export without a docstring",
    `${HEAD}const a = 1;\nexport async function b() {}\n`,
    "the export b has no docstring",
  ],
])("refuses %s", (_what, text, why) => {
  expect(textBreaches(FILE, text)).toEqual([expect.stringContaining(why)]);
});

it.each([
  ["a file of 300 lines", HEAD + "a;\n".repeat(299)],
  ["a script that names its interpreter", `#!/usr/bin/env node\n${HEAD}`],
  ["turns of the event loop", `${HEAD}import { setImmediate } from "node:timers/promises";\n`],
  ["a timer of a server", `${HEAD}const late = (response) => void setTimeout(() => response.end(), 5);\n`],
  [
    "a loop in a test",
    `${HEAD}it("a", () => {\n  for (const one of all) {\n    expect(one).toBe(1);\n  }\n});\nit("b", () => {});\n`,
  ],
  ["names", `${HEAD}// lasthop's name, of one.\n\n// mTLS, too.\n\n// x509.ts has it.\n`],
  ["a comment of several lines", `${HEAD}// A sentence that goes\n// and goes.\n`],
  [
    "a comment for a tool",
    `${HEAD}// oxlint-disable-next-line no-control-regex -- control characters are what is refused\n`,
  ],
  ["an export with a docstring", `${HEAD}/** A number. */\nexport const a = 1;\n`],
  ["overloads", `${HEAD}/** A function. */\nexport function a(): void;\nexport function a(): void {}\n`],
  ["what other files export", `${HEAD}export * from "./a.ts";\nexport { b } from "./b.ts";\n`],
])("allows %s", (_what, text) => {
  expect(textBreaches(FILE, text)).toEqual([]);
});

it("names the line", () => {
  expect(textBreaches(FILE, `${HEAD}\n\n  // It holds.\n`)).toEqual([
    expect.stringMatching(/^test\/some\/x\.test\.ts:4: /u),
  ]);
});
