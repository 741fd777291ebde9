/** The deadline of a request (`HTTPRouteTimeouts.request`): it limits the whole exchange, retries included. */

import type { RequestSignal } from "../backend/index.ts";

/** A running deadline. */
export interface Deadline {
  /** A signal that aborts when the deadline passes or the client disconnects, whichever is first. */
  readonly signal: AbortSignal;
  /** Whether the deadline has passed. */
  readonly expired: boolean;
  /** Stops the timer, once the exchange has ended. */
  end(): void;
}

/** Starts a deadline `limitMs` from now. `client` aborts when the client disconnects. */
export function startDeadline(limitMs: number, client: RequestSignal): Deadline {
  const controller = new AbortController();
  let expired = false;
  const onClientAbort = (): void => controller.abort();
  const timer = setTimeout(() => {
    expired = true;
    controller.abort();
  }, limitMs);
  client.addEventListener("abort", onClientAbort, { once: true });
  if (client.aborted) onClientAbort();
  return {
    signal: controller.signal,
    get expired() {
      return expired;
    },
    end() {
      clearTimeout(timer);
      client.removeEventListener("abort", onClientAbort);
    },
  };
}
