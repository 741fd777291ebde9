/** A runtime that lets only so many sockets be open at a time, as Cloudflare documents of a worker's invocation. */
import { type Dial, DialError } from "../../src/backend/runtime.ts";

/** What happens to a socket beyond the limit: it waits until another closes, as on the platform, or is refused. */
export type Beyond = "queued" | "refused";

/** The sockets of a runtime with a limit. */
export interface Platform {
  readonly dial: Dial;
  readonly open: number;
  /** The most sockets that were open at one time. */
  readonly peak: number;
  /** The number of dials beyond the limit. */
  readonly beyond: number;
}

/** A runtime that lets `most` sockets of `inner` be open at a time. */
export function platform(inner: Dial, most: number, whatBeyond: Beyond): Platform {
  const waiting = new Set<() => void>();
  const seen = { open: 0, peak: 0, beyond: 0 };
  const freed = (): void => {
    seen.open--;
    for (const wake of waiting) wake();
  };
  return {
    get open() {
      return seen.open;
    },
    get peak() {
      return seen.peak;
    },
    get beyond() {
      return seen.beyond;
    },
    async dial(endpoint, signal) {
      if (seen.open >= most) seen.beyond++;
      while (seen.open >= most) {
        if (whatBeyond === "refused") throw new DialError("unreachable", "too many connections");
        await new Promise<void>((resolve) => {
          waiting.add(resolve);
          signal.addEventListener("abort", () => resolve(), { once: true });
        });
        if (signal.aborted) throw new DialError("timeout", "aborted while queued");
      }
      seen.open++;
      seen.peak = Math.max(seen.peak, seen.open);
      const stream = await inner(endpoint, signal).catch((error: unknown) => {
        freed();
        throw error;
      });
      let isClosed = false;
      return {
        read: () => stream.read(),
        write: (bytes) => stream.write(bytes),
        close() {
          stream.close();
          if (!isClosed) freed();
          isClosed = true;
        },
      };
    },
  };
}
