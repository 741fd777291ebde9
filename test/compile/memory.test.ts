/** The memory of passes between one compilation and the next, and the uses that it refuses. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { Diagnostics } from "../../src/compile/diagnostics/diagnostics.ts";
import { readObjects } from "../../src/compile/document/objects.ts";
import { emitBundle } from "../../src/compile/emit/emit.ts";
import type { RawObject } from "../../src/compile/kubernetes/raw-object.ts";
import { load } from "../../src/compile/load/load.ts";
import { Memory } from "../../src/compile/memory/memory.ts";
import { SingleRunMemory } from "../../src/compile/memory/single-run.ts";
import { resolveModel } from "../../src/compile/model.ts";
import { computeStatuses } from "../../src/compile/status/statuses.ts";
import { mintPlaceholders } from "./minted.ts";

const silent = new Diagnostics();
const [a, b] = [{ name: "a" }, { name: "b" }];

describe("a name that is used a second time", () => {
  const uses: [what: string, use: (memory: Memory) => unknown][] = [
    ["a pass", (memory) => memory.each("twice", { items: [a] }, silent, () => 1)],
    ["a pass with one result", (memory) => memory.once("twice", [], silent, () => 1)],
    ["a source", (memory) => memory.source("twice", new Map())],
    [
      "a grouping",
      (memory) =>
        memory.group(
          "twice",
          [a],
          ({ name }) => [name],
          () => 0,
        ),
    ],
  ];

  describe.each([
    ["kept", () => new Memory()],
    ["of a single run", () => new SingleRunMemory()],
  ])("in a memory %s", (_memory, make) => {
    it.each(uses)("throws in the same run: %s", (_what, use) => {
      const memory = make();
      use(memory);
      expect(() => use(memory)).toThrow('"twice" is used twice in one run');
    });
  });

  it.each(uses)("is used again in the next run: %s", (_what, use) => {
    const memory = new Memory();
    use(memory);
    memory.startRun();
    expect(() => use(memory)).not.toThrow();
  });
});

describe("a result", () => {
  const run = (memory: Memory, items: readonly object[], entry: number | undefined): number[] => {
    const made: number[] = [];
    memory.startRun();
    const source = memory.source("source", new Map(entry === undefined ? [] : [["key", entry]]));
    memory.each("pass", { items }, silent, (item) => {
      made.push(items.indexOf(item));
      return source.get("key");
    });
    return made;
  };

  it("is made again when a lookup finds something else, and when its item is new", () => {
    const memory = new Memory();
    expect(run(memory, [a, b], 1)).toEqual([0, 1]);
    expect(run(memory, [a, b], 1)).toEqual([]);
    expect(run(memory, [b, a], 1)).toEqual([]);
    expect(run(memory, [b, a], 2)).toEqual([0, 1]);
    expect(run(memory, [b, { name: "a" }], 2)).toEqual([1]);
    expect(run(memory, [b], undefined)).toEqual([0]);
  });

  it("cannot be made inside of another pass", () => {
    const memory = new Memory();
    const nested = () => memory.once("inner", [], silent, () => 1);
    expect(() => memory.once("outer", [], silent, nested)).toThrow("inside of another pass");
  });
});

describe("the memory of a single run", () => {
  const DIRECTORY = join(import.meta.dirname, "golden");
  const inputs = readdirSync(DIRECTORY).filter((name) => name.endsWith(".in.yaml"));

  const run = (objects: readonly RawObject[], memory: Memory): unknown => {
    const diagnostics = new Diagnostics();
    const { cluster } = load(objects, "inputs", memory, diagnostics);
    const options = { allowExternalName: true, requireBackendTls: false };
    const model = resolveModel(cluster, options, memory, diagnostics);
    const endpoints = { ...options, allowLoopback: false, allowAddressAnnotation: true, publicOnly: false };
    const bundles = [...model.gateways.values()].map((gateway) => {
      const { text, secrets, plaintext, covered } = emitBundle(
        { model, gateway, options: endpoints },
        memory,
        diagnostics,
      );
      return { text, secrets, plaintext, covered };
    });
    return { bundles, statuses: computeStatuses(model, memory, 0), diagnostics: diagnostics.all };
  };

  it.each(inputs)("gives what a new memory gives: %s", async (name) => {
    const text = await mintPlaceholders(readFileSync(join(DIRECTORY, name), "utf8"));
    const { objects } = readObjects([{ file: name, text }], new Diagnostics());
    expect(run(objects, new SingleRunMemory())).toStrictEqual(run(objects, new Memory()));
  });
});
