/** The deadline of a request (`HTTPRouteTimeouts.request`): it limits the whole exchange, retries included. */

import { RequestAbort, type RequestSignal } from "../backend/index.ts";

/** A running deadline. */
export interface Deadline {
  /** A signal that aborts when the deadline passes or the client disconnects, whichever is first. */
  readonly signal: RequestSignal;
  /** Whether the deadline has passed. */
  readonly expired: boolean;
  /** Stops the timer, once the exchange has ended. */
  end(): void;
}

/** Starts a deadline `limitMs` from now. `client` aborts when the client disconnects. */
export function startDeadline(limitMs: number, client: RequestSignal): Deadline {
  const over = new RequestAbort();
  let expired = false;
  const onClientAbort = (): void => over.abort();
  const timer = setTimeout(() => {
    expired = true;
    over.abort();
  }, limitMs);
  client.addEventListener("abort", onClientAbort, { once: true });
  if (client.aborted) onClientAbort();
  return {
    signal: over,
    get expired() {
      return expired;
    },
    end() {
      clearTimeout(timer);
      client.removeEventListener("abort", onClientAbort);
    },
  };
}
