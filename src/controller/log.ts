/** The controller's log: one JSON object per entry, with at least `level` and `message`. */

/** A function that writes one entry. */
export type Log = (entry: Readonly<Record<string, unknown>>) => void;
