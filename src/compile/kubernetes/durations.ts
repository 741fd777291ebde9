/** Gateway API Durations (GEP-2257): one to four integers, each with its unit. */

const UNITS: Readonly<Record<string, number>> = { h: 3_600_000, m: 60_000, s: 1_000, ms: 1 };

/** `1h30m` in milliseconds; repeated units add up. Null for none. The schema has checked the form. */
export function parseDuration(text: string | undefined): number | null {
  if (text === undefined) return null;
  let sum = 0;
  for (const [, value, unit = ""] of text.matchAll(/(\d+)(ms|h|m|s)/g)) sum += Number(value) * (UNITS[unit] ?? 0);
  return sum;
}
