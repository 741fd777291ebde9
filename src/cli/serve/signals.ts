/** The signals of `lasthop serve`: SIGINT and SIGTERM stop it, SIGHUP reloads. */
import type { Running } from "./bundle-file.ts";

/**
 * A signal that aborts at SIGINT or SIGTERM, also while the bundle is loaded. A second one calls `killed` and ends the
 * process at once.
 */
export function stopSignal(killed: () => void = () => undefined): AbortSignal {
  const stop = new AbortController();
  const onSignal = (): void => {
    if (stop.signal.aborted) {
      killed();
      process.exit(0);
    }
    stop.abort();
  };
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, onSignal);
  return stop.signal;
}

/** Serves until `stopped` aborts and then closes. SIGHUP reloads, one reload after another. */
export async function serveUntilStopped(
  { reload, close }: Pick<Running<never>, "reload" | "close">,
  drainMs: number,
  stopped: AbortSignal,
): Promise<void> {
  if (stopped.aborted) return close(drainMs);
  let reloading: Promise<void> = Promise.resolve();
  const onHangup = (): void => {
    reloading = reloading.then(reload);
  };
  process.on("SIGHUP", onHangup);
  await new Promise((stop) => stopped.addEventListener("abort", stop, { once: true }));
  process.off("SIGHUP", onHangup);
  await reloading;
  await close(drainMs);
}
