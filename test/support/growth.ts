/** How the work of a function grows with its input, where nothing can be counted: by the CPU time at two sizes. */
import { expect } from "vitest";

/** Below this, CPU time says nothing about growth. */
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

/** The least of three, since a collection of garbage may fall into any run. */
function leastCpuMicros(work: () => unknown): number {
  const runs = Array.from({ length: 3 }, () => {
    const before = process.cpuUsage();
    work();
    const { user, system } = process.cpuUsage(before);
    return user + system;
  });
  return Math.min(...runs);
}
