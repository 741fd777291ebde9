/** Measuring: interleaved rounds, medians with range, ratios against a peer of the same run. */

export interface Spread {
  readonly median: number;
  readonly low: number;
  readonly high: number;
}

export function spread(samples: readonly number[]): Spread {
  const sorted = [...samples].sort((a, b) => a - b);
  const at = (share: number): number =>
    sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN;
  return { median: at(0.5), low: sorted[0] ?? Number.NaN, high: sorted.at(-1) ?? Number.NaN };
}

/** Runs each task `rounds` times in turn, so that a noisy moment hits all of them; CPU µs of this process a round. */
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

export function format({ median, low, high }: Spread, digits = 2): string {
  return `${median.toFixed(digits)} (${low.toFixed(digits)}–${high.toFixed(digits)})`;
}

/** Round by round ratios, so that drift between rounds cancels. */
export function ratios(ours: readonly number[], peer: readonly number[]): Spread {
  return spread(ours.map((value, round) => value / (peer[round] ?? Number.NaN)));
}
