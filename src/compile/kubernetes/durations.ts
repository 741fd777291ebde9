/** Durations of the Gateway API (GEP-2257): one to four integers, each followed by its unit. */

const UNITS: Readonly<Record<string, number>> = { h: 3_600_000, m: 60_000, s: 1_000, ms: 1 };

/** Milliseconds of a duration: 5400000 for `1h30m`. Null for an absent one. The schema has checked the form before. */
export function parseDuration(text: string | undefined): number | null {
  if (text === undefined) return null;
  let sum = 0;
  for (const [, value, unit = ""] of text.matchAll(/(\d+)(ms|h|m|s)/g)) sum += Number(value) * (UNITS[unit] ?? 0);
  return sum;
}
