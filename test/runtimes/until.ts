/** Waits of the suite for a count of a backend in the same process, which sends no event. */
import { pause } from "../support/pause.ts";

/** Resolves once the condition holds. A condition that never holds fails the check by its time limit. */
export async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) await pause(10, "The counts of a backend send no event.");
}
