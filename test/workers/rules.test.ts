/** The rules of workers that need no process: delays, budgets, the option. */
import { availableParallelism } from "node:os";
import { describe, expect, it } from "vitest";
import { parseSettings } from "../../src/cli/serve/settings.ts";
import { AskBudget, BURST, PER_SECOND } from "../../src/host/node/workers/ask-budget.ts";
import { FIRST_DELAY_MS, MAX_DELAY_MS, RestartDelay, STEADY_MS } from "../../src/host/node/workers/restart-delay.ts";

describe("the delay before a worker is replaced", () => {
  it("is none at first, doubles with each end, and has a limit", () => {
    const delay = new RestartDelay();
    expect([0, 0, 0, 0].map((servedMs) => delay.next(servedMs))).toEqual([0, 250, 500, 1_000]);
    for (let count = 0; count < 20; count++) delay.next(0);
    expect(delay.next(0)).toBe(MAX_DELAY_MS);
  });

  it("begins anew after a worker that has served for long", () => {
    const delay = new RestartDelay();
    for (let count = 0; count < 5; count++) delay.next(STEADY_MS - 1);
    expect(delay.next(STEADY_MS)).toBe(0);
    expect(delay.next(0)).toBe(FIRST_DELAY_MS);
  });
});

it("a worker asks about the first connections of a burst, and then about a few a second", () => {
  let nowMs = 0;
  const budget = new AskBudget(() => nowMs);
  const asked = (count: number): number => Array.from({ length: count }, () => budget.take()).filter(Boolean).length;
  expect(asked(1_000)).toBe(BURST);
  nowMs += 1_000;
  expect(asked(1_000)).toBe(PER_SECOND);
  nowMs += 3_600_000;
  expect(asked(1_000)).toBe(BURST);
});

describe("--workers", () => {
  const workersOf = (...args: string[]): unknown => {
    const settings = parseSettings(args);
    return settings !== null && typeof settings === "object" ? settings.workers : settings;
  };

  it.each([
    [["--workers", "1"], 1],
    [["--workers=16"], 16],
    [["--workers", "auto"], availableParallelism()],
    [[], null],
  ])("%j", (args, workers) => {
    expect(workersOf(...args)).toBe(workers);
  });

  it.each(["0", "257", "-1", "2.5", "two", "", " 2", "AUTO", "1e2", "0x2"])("refuses %j", (text) => {
    expect(workersOf(`--workers=${text}`)).toBe(
      `--workers: ${JSON.stringify(text)} is neither auto nor a number from 1 to 256`,
    );
  });
});
