/** Measuring: interleaved rounds, medians with their range, and ratios to a peer of the same run. */

/** A median with the range of all samples. */
interface Spread {
  readonly median: number;
  readonly low: number;
  readonly high: number;
}

/** The spread of `samples`. */
export function spread(samples: readonly number[]): Spread {
  const sorted = [...samples].sort((a, b) => a - b);
  const at = (share: number): number =>
    sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN;
  return { median: at(0.5), low: sorted[0] ?? Number.NaN, high: sorted.at(-1) ?? Number.NaN };
}

/** Runs the tasks in turn, `rounds` times, so that noise affects all. Resolves with the CPU µs of each round by task. */
export async function interleave(
  tasks: Readonly<Record<string, () => Promise<void> | void>>,
  rounds: number,
): Promise<Record<string, number[]>> {
  const samples: Record<string, number[]> = Object.fromEntries(Object.keys(tasks).map((name) => [name, []]));
  for (let round = 0; round < rounds; round++) {
    for (const [name, task] of Object.entries(tasks)) {
      const before = process.cpuUsage();
      await task();
      const { user, system } = process.cpuUsage(before);
      samples[name]?.push(user + system);
    }
  }
  return samples;
}

/** The text of a spread: `1.05 (0.98–1.20)`. */
export function format({ median, low, high }: Spread, digits = 2): string {
  return `${median.toFixed(digits)} (${low.toFixed(digits)}–${high.toFixed(digits)})`;
}

/** The spread of the ratios of each round: drift from round to round cancels out. */
export function ratios(ours: readonly number[], peer: readonly number[]): Spread {
  return spread(ours.map((value, round) => value / (peer[round] ?? Number.NaN)));
}
