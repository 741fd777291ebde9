/**
 * Follows files that others replace: in place, by rename, or by the exchange of a link to their directory, as Kubernetes
 * does in mounted ConfigMaps and Secrets. Events of the file system miss some of these, so the files are looked at.
 */
import { stat } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";

/** What became of one look. `failed`: it is tried again, also when nothing changes any more. */
export type Outcome = "done" | "failed";

export interface Followed {
  /** Resolves when a look that is under way has ended. */
  close(): Promise<void>;
}

const POLL_MS = 250;
/** How long a file must have stayed as it is: a writer may be between two writes. */
const SETTLED_MS = 100;
/** File systems tell times in steps of up to two seconds: within them, a second change may look like the first. */
const STEP_MS = 2_500;
const FIRST_RETRY_MS = 500;
const MAX_RETRY_MS = 30_000;

/**
 * Calls `look` after `identify` gives another text, and again while it says `failed`, ever more seldom, up to half a
 * minute. One call at a time. `look` compares contents itself: it is also called when nothing but a time has changed.
 * `known` is what `identify` gave before the first reading, so that no change falls in between.
 */
export function followFiles(identify: () => Promise<string>, look: () => Promise<Outcome>, known: string): Followed {
  const stop = new AbortController();
  const { signal } = stop;
  const wait = (ms: number): Promise<void> => sleep(ms, undefined, { signal }).catch(() => undefined);

  async function follow(): Promise<void> {
    let seen = known;
    /** When to look though nothing seems to have changed; Infinity: never. */
    let again = performance.now() + STEP_MS;
    let retryMs = FIRST_RETRY_MS;
    for (;;) {
      await wait(POLL_MS);
      if (signal.aborted) return;
      const now = await identify();
      const isNew = now !== seen;
      if (!isNew && performance.now() < again) continue;
      if (isNew) {
        await wait(SETTLED_MS);
        if (signal.aborted || (await identify()) !== now) continue;
        retryMs = FIRST_RETRY_MS;
      }
      seen = now;
      if ((await look()) === "done") {
        again = isNew ? performance.now() + STEP_MS : Infinity;
        continue;
      }
      again = performance.now() + retryMs;
      retryMs = Math.min(retryMs * 2, MAX_RETRY_MS);
    }
  }
  const running = follow();
  return {
    async close() {
      stop.abort();
      await running;
    },
  };
}

/** A text that changes with the content of any of the files, whatever way they are replaced; links are followed. */
export async function identifyFiles(paths: readonly string[]): Promise<string> {
  const each = await Promise.all(
    paths.map((path) =>
      stat(path, { bigint: true }).then(
        // The times alone would miss a file that is moved in with the times of the old one.
        ({ dev, ino, size, mode, mtimeNs, ctimeNs }) => [dev, ino, size, mode, mtimeNs, ctimeNs].join(),
        (error: NodeJS.ErrnoException) => error.code ?? error.message,
      ),
    ),
  );
  return each.join("\n");
}
