/** Waits for bytes that flow to stop, where no event says that they have. */
import { pause } from "./pause.ts";

const LOOK_MS = 100;

/**
 * The value once it has stood still for `looks` times 100 ms. A machine that stands still for as long makes the value too
 * small, so a test may only expect that it is small. A value that never stands still fails the test by its time limit.
 */
export async function settled(value: () => number, looks = 3): Promise<number> {
  let last = value();
  for (let still = 0; still < looks; still++) {
    await pause(LOOK_MS, "bytes that do not come have no event");
    const now = value();
    if (now !== last) still = -1;
    last = now;
  }
  return last;
}
