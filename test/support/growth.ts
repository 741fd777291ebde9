/** The growth of a function's work with its input, by the CPU time at two sizes: for functions that count nothing. */
import { expect } from "vitest";

/** The least CPU time that says something about growth. */
const FLOOR_MICROS = 5_000;

/**
 * Expects work in proportion to the size. At eight times the size, work in proportion to its square is 64 times as much;
 * more than 16 times fails.
 */
export function expectLinear(work: (size: number) => unknown, { small = 16_384, times = 8 } = {}): void {
  const least = Math.max(
    FLOOR_MICROS,
    leastCpuMicros(() => work(small)),
  );
  const most = leastCpuMicros(() => work(times * small));
  expect(most, `µs of CPU at ${times} times the size`).toBeLessThan(2 * times * least);
}

/** The least CPU time of three runs, since a garbage collection may fall into any of them. */
function leastCpuMicros(work: () => unknown): number {
  const runs = Array.from({ length: 3 }, () => {
    const before = process.cpuUsage();
    work();
    const { user, system } = process.cpuUsage(before);
    return user + system;
  });
  return Math.min(...runs);
}
