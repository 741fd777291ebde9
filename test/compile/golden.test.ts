/**
 * Golden pairs: NAME.in.yaml compiles to NAME.out.yaml, which holds bundle, statuses and diagnostics, compared whole.
 * `UPDATE_GOLDEN=1 npx vitest run test/compile/golden.test.ts` writes them again; review the diff.
 * A comment `# options: --flag …` in the input is the command line.
 */
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { dump, load } from "js-yaml";
import { describe, expect, test } from "vitest";
import { parseBuildArgs } from "../../src/cli/build/args.ts";
import { CONFIG_CODES } from "../../src/bundle/types.ts";
import { CONFLICTED, NOT_ACCEPTED, UNRESOLVED } from "../../src/compile/diagnostics/conditions.ts";
import { INPUT_CODES } from "../../src/compile/diagnostics/codes.ts";
import { compile, type ObjectStatus } from "../../src/compile/index.ts";
import { mintPlaceholders } from "./minted.ts";

/** The time of warnings and conditions about dates. */
const NOW = Date.UTC(2026, 5, 1);
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
    // The tests of test/cli/ have the codes about files.
    const elsewhere = new Set(["input-unreadable", "output-unwritable", "secrets-not-written"]);
    const all = names.map((name) => readFileSync(join(DIRECTORY, `${name}.out.yaml`), "utf8")).join("\n");
    const missing = [...CONFIG_CODES, ...INPUT_CODES].filter(
      (code) => !elsewhere.has(code) && !all.includes(`code: ${code}\n`),
    );
    expect(missing).toEqual([]);
  });

  test("every reason appears in some output, on every kind of object that may have it", () => {
    const found = new Set(
      names.flatMap((name) => conditionsOf(readFileSync(join(DIRECTORY, `${name}.out.yaml`), "utf8"))),
    );
    const reasons = (type: string, lists: Readonly<Record<string, readonly string[]>>): string[] =>
      Object.entries(lists).flatMap(([bearer, list]) => list.map((reason) => `${bearer}: ${type} False ${reason}`));
    const wanted = [
      ...reasons("Accepted", NOT_ACCEPTED),
      ...reasons("ResolvedRefs", UNRESOLVED),
      ...CONFLICTED.map((reason) => `listener: Conflicted True ${reason}`),
      ...Object.keys(NOT_ACCEPTED).map((bearer) => `${bearer}: Accepted True Accepted`),
      ...Object.keys(UNRESOLVED).map((bearer) => `${bearer}: ResolvedRefs True ResolvedRefs`),
      ...["Gateway", "ListenerSet"].map((bearer) => `${bearer}: Accepted True ListenersNotValid`),
      "listener: Conflicted False NoConflicts",
      "Gateway: InsecureFrontendValidationMode True ConfigurationChanged",
      "listener: OverlappingTLSConfig True OverlappingHostnames",
      "route: PartiallyInvalid True UnsupportedValue",
    ];
    expect([...found].sort()).toEqual(wanted.sort());
  });

  test.for(names)("%s", async (name) => {
    const text = await mintPlaceholders(readFileSync(join(DIRECTORY, `${name}.in.yaml`), "utf8"));
    const flags = /^# options: (.*)$/m.exec(text)?.[1]?.split(" ") ?? [];
    const options = parseBuildArgs(["-f", "-", ...flags]);
    if (options === null || typeof options === "string") throw new Error(`${name}: ${options}`);
    const result = compile([{ file: `${name}.in.yaml`, text }], { ...options, nowMs: NOW });
    const { bundle, secrets, plaintext, diagnostics, skipped, fatal } = result;
    const keys = secrets === null ? {} : { secrets: redact(secrets) };
    const statuses = name === FEATURES ? result.statuses : result.statuses.map(withoutFeatures);
    const found = dump(
      { fatal, bundle: shorten(bundle), ...keys, plaintext, statuses, diagnostics, skipped },
      { lineWidth: -1, noRefs: true },
    );
    expect(found).not.toMatch(/PRIVATE KEY/);
    const path = join(DIRECTORY, `${name}.out.yaml`);
    if (process.env["UPDATE_GOLDEN"] === "1") writeFileSync(path, found);
    expect(found).toBe(existsSync(path) ? readFileSync(path, "utf8") : "no such file");
  });
});

interface Conditions {
  readonly conditions?: readonly { readonly type: string; readonly status: string; readonly reason: string }[];
}
interface Output {
  readonly statuses?: readonly {
    readonly kind: string;
    readonly status: Conditions &
      Readonly<Record<"listeners" | "parents" | "ancestors", readonly Conditions[] | undefined>>;
  }[];
}

/** Every condition of an output, as `Gateway: Accepted True Accepted`. */
function conditionsOf(output: string): string[] {
  return ((load(output) as Output).statuses ?? []).flatMap(({ kind, status }) => {
    const { listeners = [], parents = [], ancestors = [] } = status;
    const named = (bearer: string, { conditions = [] }: Conditions): string[] =>
      conditions.map(({ type, status: is, reason }) => `${bearer}: ${type} ${is} ${reason}`);
    return [
      ...named(kind, status),
      ...listeners.flatMap((listener) => named("listener", listener)),
      ...parents.flatMap((parent) => named("route", parent)),
      ...ancestors.flatMap((ancestor) => named("policy", ancestor)),
    ];
  });
}

/** The one output that has the list of supported features. */
const FEATURES = "gateway-class";

function withoutFeatures(status: ObjectStatus): object {
  if (!("supportedFeatures" in status.status)) return status;
  const { supportedFeatures: _, ...rest } = status.status;
  return { ...status, status: rest };
}

/** The digests of the keys, not the keys. */
function redact(secrets: string): object {
  const { format, keys } = JSON.parse(secrets) as { format: number; keys: Record<string, string> };
  return { format, keys: Object.fromEntries(Object.keys(keys).map((digest) => [digest, "[redacted]"])) };
}

const MANY = 20;

/** The bundle with the number of its anchors, where it has the well-known set; the digest of the set is in the key of the anchor set. */
function shorten(bundle: ReturnType<typeof compile>["bundle"]): object | null {
  if (bundle === null || Object.keys(bundle.anchors).length <= MANY) return bundle;
  const count = Object.keys(bundle.anchors).length;
  const sets = Object.entries(bundle.anchorSets).map(([digest, set]) => [
    digest,
    { ...set, anchors: `${set.anchors.length} anchors` },
  ]);
  return { ...bundle, anchors: `${count} certificates`, anchorSets: Object.fromEntries(sets) };
}
