/** `Runtime.soon` where a runtime has nothing between its microtasks and its I/O. */

/** Enough for a stream that has its next chunk, or its end, to say so. About a microsecond. */
const MICROTASKS = 12;

/** Awaits, as workerd's queueMicrotask() makes a function of its own for each call. */
export function afterMicrotasks(act: () => void): void {
  void later().then(act);
}

async function later(): Promise<void> {
  const microtask = Promise.resolve();
  for (let left = MICROTASKS; left > 0; left--) await microtask;
}
