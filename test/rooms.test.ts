/** The import rule of scripts/rooms.ts: what it must refuse is refused, and nothing else. `npm run lint` holds src/ to it. */
import { resolve } from "node:path";
import { expect, it } from "vitest";
import { breaches, repeatedNames } from "../scripts/rooms.ts";

const at = (path: string): string => resolve(import.meta.dirname, "../src", path);

it.each([
  ["a room that may not be imported", "trust/x.ts", `import { app } from "../gateway/index.ts";`, "must not import"],
  ["a type of such a room", "backend/x.ts", `import type { Front } from "../gateway/front.ts";`, "must not import"],
  ["another room past its door", "cli/x.ts", `import { emit } from "../compile/emit/emit.ts";`, "compile/index.ts"],
  ["gateway/ past its door", "host/x.ts", `import type { Front } from "../gateway/front.ts";`, "gateway/index.ts"],
  ["trust/ past its door", "compile/x.ts", `import { f } from "../trust/verifier.ts";`, "trust/index.ts"],
  ["a folder above", "compile/load/load.ts", `import type { Model } from "../model.ts";`, "stands above"],
  ["a folder above, later", "compile/load/load.ts", `const m = await import("../emit/emit.ts");`, "stands above"],
  [
    "a folder that has no place",
    "compile/new/x.ts",
    `import { f } from "../memory/memory.ts";`,
    "compile/new/ is not in ORDER",
  ],
  ["Node in a room for every runtime", "trust/x.ts", `import { verify } from "node:crypto";`, "Web-only"],
  ["a package for the command line alone", "host/x.ts", `import { parse } from "yaml";`, "stays out"],
  ["a file outside src/", "bundle/x.ts", `import { pki } from "../../test/support/pki.ts";`, "outside src/"],
  ["a room that is none", "utils/x.ts", "", "no room"],
])("refuses %s", (_what, file, text, why) => {
  expect(breaches(at(file), text)).toEqual([expect.stringContaining(why)]);
});

it.each([
  ["a folder below", "compile/emit/emit.ts", `import type { Model } from "../model.ts";`],
  ["its own folder", "compile/load/load.ts", `import { f } from "./conversion.ts";`],
  ["another room's door", "compile/references/x.ts", `import { f } from "../../trust/index.ts";`],
  ["packages in compile/", "compile/x.ts", `import { parse } from "yaml";`],
])("allows %s", (_what, file, text) => {
  expect(breaches(at(file), text)).toEqual([]);
});

it("refuses a name that two files of a room declare, exported or not, and no other", () => {
  const files = new Map([
    [
      "compile/a.ts",
      "export interface Claim {}\nconst key = 1;\nexport function over(): void;\nexport function over() {}",
    ],
    ["compile/b/c.ts", "type Claim = string;\nfunction f() {\n  const key = 2;\n}\nexport { Other } from './a.ts';"],
    ["host/node/a.ts", "const read = 1;"],
    ["host/node/b.ts", "const read = 1;"],
    ["host/cloudflare/a.ts", "const read = 1;"],
    ["trust/a.ts", "export async function key() {}\nexport class Other {}"],
    ["trust/b.ts", "abstract class Other {}"],
  ]);
  expect(repeatedNames(files, new Set(["compile", "host/node", "host/cloudflare"]))).toEqual([
    "compile/ Claim is declared in src/compile/a.ts and src/compile/b/c.ts; one name has one meaning in a room",
    "host/node/ read is declared in src/host/node/a.ts and src/host/node/b.ts; one name has one meaning in a room",
  ]);
});
