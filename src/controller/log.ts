/** The controller's log: one JSON object per entry, with `level` and `message` and whatever else is known. */

/** A function that writes one entry. */
export type Log = (entry: Readonly<Record<string, unknown>>) => void;
