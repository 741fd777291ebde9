/** The time that warnings and conditions about dates are made for. */

/** The time now in milliseconds since the epoch. Null: nothing is said about dates. */
export type Clock = number | null;

/** A time in milliseconds since the epoch as `2026-01-01T00:00:00Z`. */
export const formatTime = (ms: number): string => new Date(ms).toISOString().replace(".000Z", "Z");
