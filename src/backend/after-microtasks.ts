/** `Runtime.soon` for a runtime that has no phase between its microtasks and its I/O. */

/** The number of microtasks in which a stream that has its next chunk, or its end, hands it over. About 1 µs in all. */
const MICROTASKS = 12;

/** Runs `act` some microtasks later. It awaits, because workerd's queueMicrotask() makes a new function for each call. */
export function afterMicrotasks(act: () => void): void {
  void later().then(act);
}

async function later(): Promise<void> {
  const microtask = Promise.resolve();
  for (let left = MICROTASKS; left > 0; left--) await microtask;
}
