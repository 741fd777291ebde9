/** Moments, in ms since the epoch. */

/** The time of a compilation. Null: dates are not looked at. */
export type Clock = number | null;

/** `2026-01-01T00:00:00Z`. */
export const formatTime = (ms: number): string => new Date(ms).toISOString().replace(".000Z", "Z");
