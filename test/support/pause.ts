/** The one wait of tests for time to pass. Any other wait is for an event, or a count that `expect.poll` asks for. */

/**
 * Waits for `ms` milliseconds. `reason` tells the reader of the test why neither an event nor a count can stand in for
 * the time.
 */
export async function pause(ms: number, reason: string): Promise<void> {
  if (reason === "") throw new RangeError("a pause needs its reason");
  await new Promise((resolve) => void setTimeout(resolve, ms));
}
