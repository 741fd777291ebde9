/**
 * Golden pairs: NAME.in.yaml compiles to NAME.out.yaml, which holds bundle, statuses and diagnostics, compared whole.
 * `UPDATE_GOLDEN=1 npx vitest run test/compile/golden.test.ts` writes them again; review the diff.
 * A comment `# options: --flag …` in the input is the command line.
 */
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { dump } from "js-yaml";
import { describe, expect, test } from "vitest";
import { parseBuildArgs } from "../../src/cli/build.ts";
import { CONFIG_CODES } from "../../src/bundle/types.ts";
import { INPUT_CODES } from "../../src/compile/diagnostics.ts";
import { compile } from "../../src/compile/index.ts";

const DIRECTORY = join(import.meta.dirname, "golden");
const names = readdirSync(DIRECTORY)
  .filter((name) => name.endsWith(".in.yaml"))
  .map((name) => name.slice(0, -".in.yaml".length))
  .sort();

describe("golden", () => {
  test("every output has an input", () => {
    const outputs = readdirSync(DIRECTORY).filter((name) => name.endsWith(".out.yaml"));
    expect(outputs.map((name) => name.slice(0, -".out.yaml".length)).sort()).toEqual(names);
  });

  test("every code appears in some output", () => {
    // Those of the disk are cli.test.ts's.
    const elsewhere = new Set(["input-unreadable", "output-unwritable"]);
    const all = names.map((name) => readFileSync(join(DIRECTORY, `${name}.out.yaml`), "utf8")).join("\n");
    const missing = [...CONFIG_CODES, ...INPUT_CODES].filter(
      (code) => !elsewhere.has(code) && !all.includes(`code: ${code}\n`),
    );
    expect(missing).toEqual([]);
  });

  test.for(names)("%s", (name) => {
    const text = readFileSync(join(DIRECTORY, `${name}.in.yaml`), "utf8");
    const flags = /^# options: (.*)$/m.exec(text)?.[1]?.split(" ") ?? [];
    const options = parseBuildArgs(["-f", "-", ...flags]);
    if (options === null || typeof options === "string") throw new Error(`${name}: ${options}`);
    const { bundle, statuses, diagnostics, skipped, fatal } = compile([{ file: `${name}.in.yaml`, text }], options);
    const found = dump(
      { fatal, bundle: shorten(bundle), statuses, diagnostics, skipped },
      { lineWidth: -1, noRefs: true },
    );
    const path = join(DIRECTORY, `${name}.out.yaml`);
    if (process.env["UPDATE_GOLDEN"] === "1") writeFileSync(path, found);
    expect(found).toBe(existsSync(path) ? readFileSync(path, "utf8") : "no such file");
  });
});

const MANY = 20;

/** The well-known set by number; its digest stands in the anchor set's key. */
function shorten(bundle: ReturnType<typeof compile>["bundle"]): object | null {
  if (bundle === null || Object.keys(bundle.anchors).length <= MANY) return bundle;
  const count = Object.keys(bundle.anchors).length;
  const sets = Object.entries(bundle.anchorSets).map(([digest, set]) => [
    digest,
    { ...set, anchors: `${set.anchors.length} anchors` },
  ]);
  return { ...bundle, anchors: `${count} certificates`, anchorSets: Object.fromEntries(sets) };
}
