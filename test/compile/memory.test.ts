/** What passes remember from one compilation to the next, and what they refuse. */
import { describe, expect, it } from "vitest";
import { Diagnostics } from "../../src/compile/diagnostics/diagnostics.ts";
import { Memory } from "../../src/compile/memory/memory.ts";

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

  it.each(uses)("throws in the same run: %s", (_what, use) => {
    const memory = new Memory();
    use(memory);
    expect(() => use(memory)).toThrow('"twice" is used twice in one run');
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
