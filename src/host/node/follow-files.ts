/**
 * Files that other processes replace: in place, by rename, or by exchanging a link to their directory, as Kubernetes does
 * in mounted ConfigMaps and Secrets. Events of the file system miss some of these changes, so the files are polled.
 */
import { stat } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";

/** The outcome of one call of `look`. After `failed` it is called again, also when the files do not change any more. */
export type Outcome = "done" | "failed";

/** Files that are followed. */
interface FollowedFiles {
  /** Stops; resolves when a call of `look` that is under way has ended. */
  close(): Promise<void>;
}

const POLL_MS = 250;
/** The time for which files must have stayed as they are, because a writer may be between two writes. */
const SETTLED_MS = 100;
/** The time after a change when the files are looked at once more: file systems tell times in steps of up to 2 s. */
const STEP_MS = 2_500;
const FIRST_RETRY_MS = 500;
const MAX_RETRY_MS = 30_000;

/**
 * Calls `look` after `identify` resolves to another text, and again after each `failed`, at intervals that grow up to half
 * a minute. One call runs at a time. `look` must compare contents itself, since it is also called when only a file's time
 * has changed. `known` is the text of `identify` from before the caller's first reading, so that no change is missed.
 */
export function followFiles(
  identify: () => Promise<string>,
  look: () => Promise<Outcome>,
  known: string,
): FollowedFiles {
  const stop = new AbortController();
  const { signal } = stop;
  const wait = (ms: number): Promise<void> => sleep(ms, undefined, { signal }).catch(() => undefined);

  async function follow(): Promise<void> {
    let seen = known;
    /** The time to call `look` although nothing seems to have changed; Infinity for never. */
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

/** A text that changes with the content of any of the files, however they are replaced. Links are followed. */
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
