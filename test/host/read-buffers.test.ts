/** Buffers that backends' bytes are read into: how many a process has, and whose they are. */
import { expect, it } from "vitest";
import { LARGE_BYTES, MAX_LARGE, ReadBuffers, SMALL_BYTES } from "../../src/host/node/read-buffers.ts";

it("makes so many large buffers, and gives a small one where none is free", () => {
  const buffers = new ReadBuffers();
  const taken = Array.from({ length: MAX_LARGE + 3 }, () => buffers.take("large"));
  expect(new Set(taken).size).toBe(MAX_LARGE + 3);
  expect(taken.slice(0, MAX_LARGE).every(({ length }) => length === LARGE_BYTES)).toBe(true);
  expect(taken.slice(MAX_LARGE).map(({ length }) => length)).toEqual([SMALL_BYTES, SMALL_BYTES, SMALL_BYTES]);
  const [first] = taken;
  if (first === undefined) throw new RangeError("unreachable");
  buffers.give(first);
  expect(buffers.take("large")).toBe(first);
});

it("fills a buffer that was dropped never again, and makes another in its place", () => {
  const buffers = new ReadBuffers();
  const taken = Array.from({ length: MAX_LARGE }, () => buffers.take("large"));
  const [first] = taken;
  if (first === undefined) throw new RangeError("unreachable");
  buffers.drop(first);
  const next = buffers.take("large");
  expect(next.length).toBe(LARGE_BYTES);
  expect(taken).not.toContain(next);
});

it("gives small buffers from hand to hand", () => {
  const buffers = new ReadBuffers();
  const small = buffers.take("small");
  expect(small.length).toBe(SMALL_BYTES);
  buffers.give(small);
  expect(buffers.take("small")).toBe(small);
});
