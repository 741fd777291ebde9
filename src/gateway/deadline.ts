/** `HTTPRouteTimeouts.request`: a limit over the whole exchange, retries included. */

export interface Deadline {
  /** Aborts at the limit, and when the client leaves. */
  readonly signal: AbortSignal;
  /** The limit has passed. */
  readonly expired: boolean;
  end(): void;
}

export function startDeadline(limitMs: number, client: AbortSignal): Deadline {
  const over = new AbortController();
  let expired = false;
  const leave = (): void => over.abort();
  const timer = setTimeout(() => {
    expired = true;
    over.abort();
  }, limitMs);
  client.addEventListener("abort", leave, { once: true });
  if (client.aborted) leave();
  return {
    signal: over.signal,
    get expired() {
      return expired;
    },
    end() {
      clearTimeout(timer);
      client.removeEventListener("abort", leave);
    },
  };
}
