/** The light signal of a request: its listeners are called once, and those that were removed never. */
import { expect, it, vi } from "vitest";
import { RequestAbort } from "../../src/backend/request-signal.ts";

it("calls each listener once, in order, and is aborted while it does", () => {
  const signal = new RequestAbort();
  const seen: string[] = [];
  signal.addEventListener("abort", () => seen.push(`first ${signal.aborted}`));
  signal.addEventListener("abort", () => seen.push("second"));
  expect(signal.aborted).toBe(false);
  signal.abort();
  signal.abort();
  expect(seen).toEqual(["first true", "second"]);
});

it.each([
  ["the only one", 1],
  ["one of several", 3],
])("calls no listener that was removed: %s", (_, count) => {
  const signal = new RequestAbort();
  const listeners = Array.from({ length: count }, () => vi.fn());
  for (const listener of listeners) signal.addEventListener("abort", listener);
  const [removed, ...others] = listeners;
  if (removed !== undefined) signal.removeEventListener("abort", removed);
  signal.removeEventListener("abort", vi.fn());
  signal.abort();
  expect(removed).not.toHaveBeenCalled();
  for (const other of others) expect(other).toHaveBeenCalledOnce();
});

it("calls no listener that came after the abort", () => {
  const signal = new RequestAbort();
  signal.abort();
  const late = vi.fn();
  signal.addEventListener("abort", late);
  signal.abort();
  expect(late).not.toHaveBeenCalled();
});
